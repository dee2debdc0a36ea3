//! Each fact that is out of order makes its finding, and a quiet machine makes none.

use anechoic_protocol::{Device, WorkerIdentity};
use anechoic_record::{GpuState, Machine, MachineState, ThrottleReason};
use anechoic_suite::{RequiredDevice, Requirements};

use super::super::facts::{
    Busy, ChosenGpu, CpuFacts, DeviceFacts, Facts, GpuFacts, GroupFacts, Interval, KernelFacts,
    LockFacts, MemoryFacts, PlaceFacts, ProcessFacts, Related, UnifiedGroup, WorkerFacts,
};
use super::super::finding::{Check, Severity, is_fit};
use super::find;
use crate::probe::{Card, Policy};
use crate::runner::Greeting;

const GB: u64 = 1_000_000_000;

/// A bare machine at rest with 8 CPUs and a GPU, where everything is as it should be.
fn quiet() -> Facts {
    Facts {
        machine: machine(),
        state: state(),
        interval: interval(),
        cpu: cpu(),
        kernel: kernel(),
        memory: MemoryFacts {
            swap_bytes: Some(0),
            swap_free_bytes: Some(0),
            swappiness: Some(60),
        },
        group: group(),
        processes: ProcessFacts::default(),
        gpu: gpu(),
        place: PlaceFacts {
            folder: "/r".into(),
            refused: None,
            free_bytes: Some(100 * GB),
            lock: LockFacts::Free("/l/anechoic-cpu.lock".into()),
        },
        worker: worker("anechoic-worker", Some("2.11.0+cu130")),
        device: DeviceFacts::Chosen(Device::Cuda(0)),
        requirements: Requirements::default(),
        suite: None,
    }
}

fn machine() -> Machine {
    Machine {
        hostname: None,
        kernel: None,
        cpu: None,
        logical_cpus: 8,
        physical_cores: 8,
        memory_bytes: Some(64 * GB),
        gpu: None,
        gpu_uuid: None,
    }
}

fn state() -> MachineState {
    MachineState {
        cpu_temperature_millicelsius: Some(40_000),
        cpu_throttles: Some(0),
        available_memory_bytes: Some(60 * GB),
        ..MachineState::default()
    }
}

fn interval() -> Interval {
    Interval {
        length_ms: 1000,
        cpus: 8,
        busy_milli: Some(20),
        stolen_milli: Some(0),
        stalled_permille: Some(0),
        throttles: Some(0),
        quota_throttles: Some(0),
        busiest: Vec::new(),
    }
}

fn cpu() -> CpuFacts {
    let policy = Policy {
        governor: Some("performance".to_owned()),
        limit_khz: Some(3_000_000),
        highest_khz: Some(3_000_000),
    };
    CpuFacts {
        policies: vec![policy],
        boost: Some(false),
        smt: Some(false),
        hypervisor: false,
        online: 8,
        isolated: String::new(),
        critical_millicelsius: Some(100_000),
        on_battery: Some(false),
        stolen_permille_since_start: Some(0),
    }
}

fn kernel() -> KernelFacts {
    KernelFacts {
        randomisation: Some(0),
        clock_source: Some("tsc".to_owned()),
        huge_pages: Some("madvise".to_owned()),
        numa_balancing: Some(false),
        numa_nodes: 1,
    }
}

fn group() -> GroupFacts {
    GroupFacts {
        unified: Some(UnifiedGroup {
            path: "/sys/fs/cgroup/x".into(),
            writable: true,
            controllers: vec!["memory".to_owned()],
        }),
        ..GroupFacts::default()
    }
}

fn gpu() -> GpuFacts {
    let card = Card {
        name: Some("NVIDIA H100".to_owned()),
        uuid: Some("GPU-1".to_owned()),
        memory_bytes: Some(80 * GB),
        slowdown_millicelsius: Some(90_000),
        persistence: Some(true),
        power_limit_mw: Some(700_000),
        enforced_power_limit_mw: Some(700_000),
        highest_clock_khz: Some(1_980_000),
        default_power_limit_mw: Some(700_000),
        ecc: Some(true),
    };
    let state = GpuState {
        used_memory_bytes: Some(4 << 20),
        temperature_millicelsius: Some(35_000),
        clock_khz: Some(345_000),
        throttle_reasons: Vec::new(),
        compute_processes: Some(Vec::new()),
    };
    GpuFacts {
        visible: 1,
        numbering_is_certain: true,
        driver: Some(Ok(Some("580.1".to_owned()))),
        chosen: Some(Ok(ChosenGpu { card, state })),
    }
}

fn worker(name: &str, torch: Option<&str>) -> WorkerFacts {
    WorkerFacts::Asked {
        path: "/w".into(),
        greeting: Greeting::Hello {
            several_jobs: false,
            worker: WorkerIdentity {
                name: name.to_owned(),
                version: "1".to_owned(),
            },
            torch: torch.map(str::to_owned),
            devices: Vec::new(),
        },
    }
}

fn greeting(greeting: Greeting) -> WorkerFacts {
    WorkerFacts::Asked {
        path: "/w".into(),
        greeting,
    }
}

fn chosen(facts: &mut Facts) -> &mut ChosenGpu {
    match &mut facts.gpu.chosen {
        Some(Ok(chosen)) => chosen,
        Some(Err(_)) | None => panic!("the quiet machine has a GPU"),
    }
}

/// The finding after a change has this severity and tells these words, and what is bad has a remedy.
fn check(severity: Severity, id: Check, words: &str, change: impl FnOnce(&mut Facts)) {
    let mut facts = quiet();
    change(&mut facts);
    let findings = find(&facts);
    let found = findings.iter().find(|finding| finding.check == id);
    let found = found.unwrap_or_else(|| panic!("no finding {}", id.as_str()));
    assert_eq!(found.severity, severity, "{found:?}");
    assert!(found.evidence.contains(words), "{found:?}");
    let is_bad = matches!(severity, Severity::Blocker | Severity::Warning);
    assert!(!is_bad || found.remedy.is_some(), "{found:?}");
    assert_eq!(
        is_fit(&findings),
        severity != Severity::Blocker,
        "{findings:?}"
    );
}

fn blocker(id: Check, words: &str, change: impl FnOnce(&mut Facts)) {
    check(Severity::Blocker, id, words, change);
}

fn warning(id: Check, words: &str, change: impl FnOnce(&mut Facts)) {
    check(Severity::Warning, id, words, change);
}

fn note(id: Check, words: &str, change: impl FnOnce(&mut Facts)) {
    check(Severity::Note, id, words, change);
}

fn ok(id: Check, words: &str, change: impl FnOnce(&mut Facts)) {
    check(Severity::Ok, id, words, change);
}

#[test]
fn a_quiet_machine_is_all_in_order() {
    let findings = find(&quiet());
    let bad: Vec<_> = findings
        .iter()
        .filter(|f| f.severity != Severity::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(findings.iter().all(|finding| finding.remedy.is_none()));
}

#[test]
fn the_page_has_a_row_for_every_check() {
    let page = include_str!("../../../../docs/doctor.md");
    for id in Check::ALL {
        let row = format!("\n| `{}` |", id.as_str());
        assert!(page.contains(&row), "missing: {row}");
    }
}

#[test]
fn a_worker_has_to_be_there_and_of_the_right_kind() {
    ok(Check::Worker, "anechoic-worker 1", |_| {});
    ok(Check::Worker, "its own", |f| {
        f.worker = WorkerFacts::NotNeeded
    });
    note(Check::Worker, "`/w` was not asked for its hello", |f| {
        f.worker = WorkerFacts::Spared("/w".into());
    });
    blocker(Check::Worker, "does not exist", |f| {
        f.worker = WorkerFacts::Absent("it does not exist".to_owned());
    });
    blocker(Check::Worker, "version 9", |f| {
        f.worker = greeting(Greeting::Foreign(9))
    });
    blocker(Check::Worker, "no hello", |f| {
        f.worker = greeting(Greeting::Silence)
    });
    blocker(Check::Worker, "no worker: x", |f| {
        f.worker = greeting(Greeting::Nonsense("x".to_owned()));
    });
    blocker(Check::Worker, "does not start: x", |f| {
        f.worker = greeting(Greeting::NotStarted("x".to_owned()));
    });
    ok(Check::Libtorch, "2.11.0+cpu", |f| {
        f.worker = worker("anechoic-worker", Some("2.11.0+cpu"));
    });
    blocker(Check::Libtorch, "2.10.0; 2.11.0 is needed", |f| {
        f.worker = worker("anechoic-worker", Some("2.10.0"));
    });
    blocker(Check::Libtorch, "2.11.0 is needed", |f| {
        f.worker = worker("anechoic-worker", None)
    });
    ok(Check::Libtorch, "mine", |f| {
        f.worker = worker("mine", Some("2.10.0"))
    });
    ok(Check::Libtorch, "mine", |f| f.worker = worker("mine", None));
}

#[test]
fn a_run_needs_a_device_a_folder_and_what_the_suite_names() {
    warning(Check::Device, "does not offer", |f| {
        f.device = DeviceFacts::PassedOver(Device::Cpu)
    });
    blocker(Check::Device, "none", |f| {
        f.device = DeviceFacts::Refused("none".to_owned())
    });
    blocker(Check::ResultsFolder, "Permission denied", |f| {
        f.place.refused = Some("Permission denied".to_owned());
    });
    warning(Check::DiskSpace, "0.5 GB", |f| {
        f.place.free_bytes = Some(GB / 2)
    });
    blocker(Check::DiskSpace, "0.0 GB", |f| {
        f.place.free_bytes = Some(GB / 100)
    });
    blocker(Check::Locks, "no folder", |f| {
        f.place.lock = LockFacts::Refused("no folder".to_owned());
    });
    warning(Check::Locks, "process 5", |f| {
        f.place.lock = LockFacts::Held {
            path: "/l/x".into(),
            holder: "process 5".to_owned(),
        };
    });
    ok(Check::Suite, "2 cases", |f| {
        f.suite = Some(Ok("2 cases".to_owned()))
    });
    blocker(Check::Suite, "no model", |f| {
        f.suite = Some(Err("no model".to_owned()))
    });
}

#[test]
fn the_processor_is_judged() {
    let policy = |change: fn(&mut Policy)| move |f: &mut Facts| change(&mut f.cpu.policies[0]);
    warning(
        Check::CpuGovernor,
        "powersave",
        policy(|p| p.governor = Some("powersave".to_owned())),
    );
    note(Check::CpuGovernor, "cannot be seen", |f| {
        f.cpu.policies.clear()
    });
    warning(Check::CpuBoost, "on", |f| f.cpu.boost = Some(true));
    note(Check::CpuBoost, "cannot be seen", |f| f.cpu.boost = None);
    note(
        Check::CpuFrequencyLimit,
        "2000 MHz, the fastest can do 3000 MHz",
        policy(|p| p.limit_khz = Some(2_000_000)),
    );
    warning(Check::CpuTemperature, "95 °C, and 100 °C", |f| {
        f.state.cpu_temperature_millicelsius = Some(95_000);
    });
    ok(Check::CpuTemperature, "95 °C", |f| {
        f.state.cpu_temperature_millicelsius = Some(95_000);
        f.cpu.critical_millicelsius = None;
    });
    note(Check::CpuTemperature, "no sensor", |f| {
        f.state.cpu_temperature_millicelsius = None
    });
    warning(Check::CpuThrottling, "3 time(s) in 1000 ms", |f| {
        f.interval.throttles = Some(3)
    });
    note(Check::CpuThrottling, "7 time(s) since", |f| {
        f.state.cpu_throttles = Some(7)
    });
    note(Check::CpuThrottling, "cannot be read", |f| {
        f.state.cpu_throttles = None;
        f.interval.throttles = None;
    });
    note(Check::Smt, "several threads", |f| f.cpu.smt = Some(true));
    note(Check::CpuAffinity, "8 of 16", |f| f.cpu.online = 16);
    note(Check::CpuAffinity, "CPUs 2-7 are isolated", |f| {
        f.cpu.isolated = "2-7".to_owned()
    });
    warning(Check::PowerSupply, "battery", |f| {
        f.cpu.on_battery = Some(true)
    });
    ok(Check::PowerSupply, "no battery", |f| {
        f.cpu.on_battery = None
    });
}

#[test]
fn what_else_is_at_work_is_named() {
    note(Check::Virtualisation, "hypervisor", |f| {
        f.cpu.hypervisor = true
    });
    warning(Check::StolenTime, "0.50 CPUs just now", |f| {
        f.interval.stolen_milli = Some(500)
    });
    note(Check::StolenTime, "5.0 % since the start", |f| {
        f.cpu.stolen_permille_since_start = Some(50);
    });
    ok(Check::CpuLoad, "0.80 of 8", |f| {
        f.interval.busy_milli = Some(800)
    });
    warning(Check::CpuLoad, "make (process 4, 0.70 CPUs)", |f| {
        f.interval.busy_milli = Some(801);
        f.interval.busiest = vec![Busy {
            pid: 4,
            name: "make".to_owned(),
            milli: 700,
        }];
    });
    ok(Check::CpuLoad, "0.25 of 1", |f| {
        f.interval.busy_milli = Some(250);
        f.interval.cpus = 1;
    });
    note(Check::CpuLoad, "cannot be read", |f| {
        f.interval.busy_milli = None
    });
    let one = || Related {
        pid: 9,
        name: "w".to_owned(),
        attempt: "r/c/1".to_owned(),
    };
    warning(Check::OtherRuns, "process 9 (w) of `r/c/1`", |f| {
        f.processes.runs = vec![one()]
    });
    warning(Check::Leftovers, "process 9", |f| {
        f.processes.leftovers = vec![one()]
    });
}

#[test]
fn memory_and_its_limits_are_judged() {
    warning(Check::AvailableMemory, "6.0 GB of 64.0 GB", |f| {
        f.state.available_memory_bytes = Some(6 * GB);
    });
    let swap = |total: u64, free: u64| {
        move |f: &mut Facts| {
            f.memory.swap_bytes = Some(total);
            f.memory.swap_free_bytes = Some(free);
        }
    };
    note(
        Check::Swap,
        "none in use, swappiness 60",
        swap(8 * GB, 8 * GB),
    );
    warning(Check::Swap, "2.0 GB of 8.0 GB", swap(8 * GB, 6 * GB));
    ok(Check::MemoryPressure, "5.0 %", |f| {
        f.interval.stalled_permille = Some(50)
    });
    warning(Check::MemoryPressure, "5.1 %", |f| {
        f.interval.stalled_permille = Some(51)
    });
    note(Check::MemoryPressure, "does not tell", |f| {
        f.interval.stalled_permille = None
    });
    warning(Check::CpuQuota, "may use 2.00 CPUs", |f| {
        f.group.quota_milli = Some(2000)
    });
    ok(Check::CpuQuota, "may use 8.00 CPUs", |f| {
        f.group.quota_milli = Some(8000)
    });
    warning(Check::CpuQuota, "2 of them just now", |f| {
        f.group.quota_milli = Some(8000);
        f.interval.quota_throttles = Some(2);
    });
    let limit = |limit: u64, used: u64| {
        move |f: &mut Facts| {
            f.group.memory_limit_bytes = Some(limit);
            f.group.memory_used_bytes = Some(used);
        }
    };
    note(
        Check::MemoryLimit,
        "hold 8.0 GB, and holds 1.0 GB",
        limit(8 * GB, GB),
    );
    warning(
        Check::MemoryLimit,
        "holds 7.5 GB",
        limit(8 * GB, 7_500_000_000),
    );
    ok(Check::MemoryLimit, "none below", limit(65 * GB, GB));
    note(Check::ControlGroups, "no control groups", |f| {
        f.group.unified = None
    });
    note(
        Check::ControlGroups,
        "cannot be made in `/sys/fs/cgroup/x`",
        |f| {
            f.group
                .unified
                .iter_mut()
                .for_each(|group| group.writable = false);
        },
    );
    ok(Check::ControlGroups, "without the memory controller", |f| {
        f.group
            .unified
            .iter_mut()
            .for_each(|group| group.controllers.clear());
    });
}

#[test]
fn the_kernel_is_judged() {
    note(Check::AddressRandomisation, "is 2", |f| {
        f.kernel.randomisation = Some(2)
    });
    note(Check::AddressRandomisation, "cannot be read", |f| {
        f.kernel.randomisation = None
    });
    note(Check::TransparentHugePages, "always", |f| {
        f.kernel.huge_pages = Some("always".to_owned());
    });
    warning(Check::NumaBalancing, "2 nodes", |f| {
        f.kernel.numa_balancing = Some(true);
        f.kernel.numa_nodes = 2;
    });
    ok(Check::NumaBalancing, "1 node", |f| {
        f.kernel.numa_balancing = Some(true)
    });
    warning(Check::ClockSource, "hpet", |f| {
        f.kernel.clock_source = Some("hpet".to_owned())
    });
    note(Check::ClockSource, "cannot be read", |f| {
        f.kernel.clock_source = None
    });
}

#[test]
fn the_gpu_is_judged() {
    blocker(Check::GpuDriver, "off the bus", |f| {
        f.gpu.chosen = Some(Err("the GPU has fallen off the bus".to_owned()));
    });
    warning(Check::GpuDriver, "cannot be watched: x", |f| {
        f.gpu.driver = Some(Err("x".to_owned()));
        f.gpu.chosen = None;
    });
    ok(Check::GpuDriver, "no NVIDIA GPU", |f| {
        f.gpu = GpuFacts {
            driver: Some(Err("x".to_owned())),
            ..GpuFacts::default()
        };
    });
    warning(Check::GpuNumbering, "several models", |f| {
        f.gpu.numbering_is_certain = false
    });
    warning(Check::GpuProcesses, "process 3, 4", |f| {
        chosen(f).state.compute_processes = Some(vec![3, 4]);
    });
    note(Check::GpuProcesses, "does not tell", |f| {
        chosen(f).state.compute_processes = None
    });
    warning(Check::GpuMemory, "9.0 GB of 80.0 GB", |f| {
        chosen(f).state.used_memory_bytes = Some(9 * GB);
    });
    warning(
        Check::GpuTemperature,
        "80 °C, and it slows down at 90 °C",
        |f| {
            chosen(f).state.temperature_millicelsius = Some(80_000);
        },
    );
    warning(Check::GpuThrottling, "power-cap", |f| {
        chosen(f).state.throttle_reasons = vec![ThrottleReason::PowerCap];
    });
    warning(Check::GpuPersistence, "off", |f| {
        chosen(f).card.persistence = Some(false)
    });
    note(Check::GpuPowerLimit, "500 W, and 700 W", |f| {
        chosen(f).card.power_limit_mw = Some(500_000);
    });
    note(Check::GpuEcc, "off", |f| chosen(f).card.ecc = Some(false));
    ok(Check::GpuEcc, "not supported", |f| {
        chosen(f).card.ecc = None
    });
}

#[test]
fn what_a_suite_requires_and_does_not_find_blocks() {
    let requires = |change: fn(&mut Requirements)| move |f: &mut Facts| change(&mut f.requirements);
    ok(
        Check::RequiredMemory,
        "8.0 GB",
        requires(|r| r.memory_bytes = Some(8 * GB)),
    );
    blocker(
        Check::RequiredMemory,
        "requires 61.0 GB of memory; 60.0 GB are there",
        requires(|r| r.memory_bytes = Some(61 * GB)),
    );
    blocker(Check::RequiredMemory, "3.0 GB are there", |f| {
        f.requirements.memory_bytes = Some(8 * GB);
        f.group.memory_limit_bytes = Some(4 * GB);
        f.group.memory_used_bytes = Some(GB);
    });
    blocker(Check::RequiredDisk, "unknown", |f| {
        f.requirements.disk_bytes = Some(1);
        f.place.free_bytes = None;
    });
    ok(
        Check::RequiredDevice,
        "cuda:0 would be used",
        requires(|r| r.device = Some(RequiredDevice::Cuda)),
    );
    blocker(
        Check::RequiredDevice,
        "requires cpu",
        requires(|r| r.device = Some(RequiredDevice::Cpu)),
    );
    ok(
        Check::RequiredCpus,
        "8 may be used",
        requires(|r| r.cpus = Some(8)),
    );
    blocker(
        Check::RequiredCpus,
        "requires 9",
        requires(|r| r.cpus = Some(9)),
    );
    ok(Check::RequiredQuiet, "it is", requires(|r| r.quiet = true));
    blocker(Check::RequiredQuiet, "see cpu-load", |f| {
        f.requirements.quiet = true;
        f.interval.busy_milli = Some(4000);
    });
}
