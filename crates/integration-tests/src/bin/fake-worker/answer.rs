//! What a worker that behaves would say, with the small lies that a fault asks for.

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{
    Attribution, Benchmark, BenchmarkName, CaptureIteration, CaptureMode, CaptureWork, Device,
    DeviceInfo, Echo, Environment, FetchParts, InsideTimes, Job, JobResult, PROTOCOL_VERSION,
    PairedSteps, PeakMemory, Sample, Verification, WorkerEvent, WorkerIdentity,
};

use crate::capture;

pub(crate) fn hello(fault: Fault) -> WorkerEvent {
    let device = match fault {
        Fault::OtherDevice => Device::Cuda(7),
        _ => Device::Cpu,
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
        devices: vec![DeviceInfo {
            device,
            description: "a device for tests".to_owned(),
            total_memory_bytes: None,
        }],
        benchmarks: match fault {
            Fault::NoBenchmark => Vec::new(),
            _ => BenchmarkName::ALL.to_vec(),
        },
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

/// Times follow from the iteration alone, so that results can be told apart and never vary.
pub(crate) fn sample(job: &Job, iteration: u32, fault: Fault) -> Sample {
    let work = capture(job);
    let batch = u64::from(work.workload.batch_size);
    let rows = work.expected_rows() * batch * work.layers.len() as u64;
    let rows = match fault {
        Fault::WrongRows => rows.saturating_sub(1),
        _ => rows,
    };
    let millisecond = 1_000_000;
    let base = millisecond * (100 + u64::from(iteration));
    let readings = Readings::of(work, fault);
    Sample::Capture(CaptureIteration {
        iteration,
        prefill_ns: base / 4,
        decode_ns: base / 2,
        generation_ns: base,
        fetch_ns: rows * 100,
        fetch_parts: readings.parts,
        generated_tokens: batch * u64::from(work.workload.decode_tokens),
        captured_rows: rows,
        captured_bytes: rows * 64 * work.fetch_dtype.size_bytes(),
        resident_bytes: 1 << 20,
        inside_ns: readings.inside,
        paired: readings.paired,
    })
}

/// Extra clock readings.
struct Readings {
    parts: Option<FetchParts>,
    inside: Option<InsideTimes>,
    paired: Option<PairedSteps>,
}

impl Readings {
    fn of(work: &CaptureWork, fault: Fault) -> Self {
        let in_parts = work.fetch_breakdown && work.mode != CaptureMode::Baseline;
        let (inside, paired) = match work.attribution {
            Attribution::Off => (false, false),
            Attribution::Inside => (true, false),
            Attribution::Paired => (false, true),
        };
        let sends = |asked: bool| match fault {
            Fault::MissingReadings => false,
            Fault::ExtraReadings => true,
            _ => asked,
        };
        let steps = work.workload.decode_tokens as usize - 1;
        let steps = match fault {
            Fault::ShortPairs => steps - 1,
            _ => steps,
        };
        Self {
            parts: sends(in_parts).then_some(FetchParts {
                coalesce_ns: 50,
                copy_ns: 30,
                convert_ns: 20,
            }),
            inside: sends(inside).then_some(InsideTimes {
                prefill_ns: 900,
                decode_ns: 1800,
            }),
            paired: sends(paired).then(|| PairedSteps {
                on_ns: vec![1010; steps],
                off_ns: vec![1000; steps],
            }),
        }
    }
}

pub(crate) fn result(job: &Job, fault: Fault) -> WorkerEvent {
    let mut used = job.clone();
    if fault == Fault::WrongEcho {
        let Benchmark::Capture(work) = &mut used.work else {
            unreachable!("it is a capture")
        };
        work.workload.batch_size = 1;
    }
    WorkerEvent::Finished {
        result: Box::new(JobResult {
            used: Echo(used),
            model: None,
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
            },
            phases: Vec::new(),
        }),
    }
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
