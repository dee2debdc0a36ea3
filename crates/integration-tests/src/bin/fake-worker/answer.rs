//! What a worker that behaves would say, with the small lies that a fault asks for.

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{
    Benchmark, BenchmarkName, CustomSample, CustomWork, Device, DeviceInfo, Echo, Environment, Job,
    JobResult, ModelFacts, PROTOCOL_VERSION, Parameter, PeakMemory, Sample, Verification,
    WorkerEvent, WorkerIdentity,
};

use crate::{capture, kv, quality};

/// What it offers.
fn devices(fault: Fault) -> Vec<Device> {
    match fault {
        Fault::OtherDevice | Fault::OtherDeviceHangs => vec![Device::Cuda(7)],
        Fault::OffersGpu => vec![Device::Cpu, Device::Cuda(0)],
        _ => vec![Device::Cpu],
    }
}

/// Whether it does jobs for this device.
pub(crate) fn takes(fault: Fault, device: Device) -> bool {
    device == Device::Cpu || devices(fault).contains(&device)
}

pub(crate) fn hello(fault: Fault) -> WorkerEvent {
    let described = |device| DeviceInfo {
        device,
        description: "a device for tests".to_owned(),
        total_memory_bytes: None,
    };
    WorkerEvent::Hello {
        protocol: match fault {
            Fault::WrongVersion => PROTOCOL_VERSION + 1,
            _ => PROTOCOL_VERSION,
        },
        worker: WorkerIdentity {
            name: "fake-worker".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        torch: None,
        devices: devices(fault).into_iter().map(described).collect(),
        benchmarks: match fault {
            Fault::NoBenchmark => Vec::new(),
            _ => BenchmarkName::ALL.to_vec(),
        },
        several_jobs: fault != Fault::SingleJob,
    }
}

/// The iterations to send, in the order to send them.
pub(crate) fn iterations(job: &Job, fault: Fault) -> Vec<u32> {
    let mut iterations: Vec<u32> = (1..=job.work.iterations()).collect();
    match fault {
        Fault::MissingSample => drop(iterations.pop()),
        Fault::SampleOrder => iterations.reverse(),
        _ => {}
    }
    iterations
}

/// Nothing varies between attempts: samples follow from the job and the iteration.
pub(crate) fn sample(job: &Job, iteration: u32, fault: Fault) -> Sample {
    match &job.work {
        Benchmark::Capture(work) => capture::sample(work, iteration, fault),
        Benchmark::Latency(work) => kv::latency(work, iteration, fault),
        Benchmark::Vram(work) => kv::vram(work, iteration, fault),
        Benchmark::Phase(work) => kv::phase(work, iteration, fault),
        Benchmark::Perplexity(work) => quality::perplexity(work, iteration, fault),
        Benchmark::Capacity(work) => quality::capacity(work, iteration, fault),
        Benchmark::Roofline(work) => kv::roofline(work, iteration, fault),
        Benchmark::Custom(work) => custom(work, iteration),
    }
}

/// Parameters that are numbers come back as values.
fn custom(work: &CustomWork, iteration: u32) -> Sample {
    let number = |parameter: &Parameter| match parameter {
        Parameter::Whole(number) => Some(*number as f64),
        Parameter::Decimal(number) => Some(number.get()),
        Parameter::Text(_) | Parameter::Flag(_) => None,
    };
    let parameters = work.parameters.iter();
    let values = parameters.filter_map(|(name, value)| Some((name.clone(), number(value)?)));
    Sample::Custom(CustomSample {
        iteration,
        time_ns: 1_000_000 + u64::from(iteration) * 1_000,
        values: values.collect(),
    })
}

pub(crate) fn result(job: &Job, fault: Fault) -> WorkerEvent {
    let mut used = job.clone();
    if fault == Fault::WrongEcho {
        *some_number(&mut used.work) = 1;
    }
    WorkerEvent::Finished {
        result: Box::new(JobResult {
            used: Echo(used),
            model: facts(job, fault),
            environment: Environment {
                torch: None,
                device: job.device,
                linear_path: None,
                attention_path: None,
                cpu_capability: None,
            },
            verification: verification(fault),
            memory: PeakMemory {
                peak_resident_bytes: 1 << 20,
                peak_device_bytes: None,
                capture_bytes: 0,
                resident_at_start_bytes: None,
                resident_at_end_bytes: None,
            },
            phases: Vec::new(),
        }),
    }
}

/// The batch, or where there is none the number of iterations.
fn some_number(work: &mut Benchmark) -> &mut u32 {
    match work {
        Benchmark::Capture(work) => &mut work.workload.batch_size,
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => &mut work.batch_size,
        Benchmark::Perplexity(work) => &mut work.batch_size,
        Benchmark::Capacity(work) => &mut work.measured_runs,
        Benchmark::Custom(work) => &mut work.iterations,
    }
}

/// Nothing is loaded; the facts are those of the shape.
fn facts(job: &Job, fault: Fault) -> Option<ModelFacts> {
    let versioned = job.work.versioned()?;
    let config = kv::config(&versioned.model);
    let (version, dtype) = (versioned.version, versioned.dtype);
    let facts = ModelFacts {
        layers: config.layers(),
        hidden: config.hidden(),
        parameters: config.parameters(),
        weight_bytes: config.parameters() * dtype.size_bytes(),
        kv_cache_bytes: version.cache_bytes(&config, 1, 64, dtype).total(),
        projection_bytes_saved: version.projection_bytes_saved(&config, dtype),
        dtype,
        config: Some(config),
    };
    (fault != Fault::NoModelFacts).then_some(facts)
}

fn verification(fault: Fault) -> Option<Verification> {
    let verification = Verification {
        method: "none: nothing is computed".to_owned(),
        compared: match fault {
            Fault::EmptyVerification => 0,
            _ => 1,
        },
        max_relative_error: match fault {
            Fault::BadVerification => 1.0,
            _ => 0.0,
        },
        tolerance: 0.001,
    };
    (fault != Fault::NoVerification).then_some(verification)
}
