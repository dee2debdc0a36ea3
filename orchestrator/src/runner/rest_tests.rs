//! The rules of rest, one after the other.

use std::time::{Duration, Instant};

use anechoic_record::{GpuState, MachineState, Restless, ThrottleReason};

use super::rest::{Colder, Judged, Own, Reading, Reference};
use fixture::{reading, reference};

/// Values that tests of rest, gate and watch share.
pub(super) mod fixture {
    use super::*;

    /// A reading so many milliseconds after the start.
    pub(crate) fn reading(start: Instant, at_ms: u64, state: MachineState) -> Reading {
        Reading {
            at: start + Duration::from_millis(at_ms),
            state,
            ours: Duration::ZERO,
            pids: [].into(),
        }
    }

    /// A machine of eight CPUs in this state.
    pub(crate) fn reference(state: Option<MachineState>) -> Reference {
        Reference { state, cpus: 8 }
    }

    /// A machine whose CPUs have been busy for so long.
    pub(crate) fn busy(cpu_busy_ms: u64) -> MachineState {
        MachineState {
            cpu_busy_ms: Some(cpu_busy_ms),
            ..MachineState::default()
        }
    }

    /// A machine whose processor has this temperature, in degrees.
    pub(crate) fn warm(degrees: i64) -> MachineState {
        MachineState {
            cpu_temperature_millicelsius: Some(degrees * 1000),
            ..MachineState::default()
        }
    }
}

/// What a change over one second means, against the first state as reference; before and during an attempt.
fn found(from: &MachineState, to: &MachineState) -> (Vec<Restless>, Vec<Restless>) {
    let start = Instant::now();
    let (first, later) = (
        reading(start, 0, from.clone()),
        reading(start, 1000, to.clone()),
    );
    let reference = reference(Some(from.clone()));
    let judged = Judged {
        reference: &reference,
        first: &first,
        earlier: &first,
        later: &later,
    };
    (judged.before(), judged.during(&Own::default()))
}

fn cpu(change: impl FnOnce(&mut MachineState)) -> MachineState {
    let mut state = MachineState {
        cpu_temperature_millicelsius: Some(50_000),
        cpu_frequency_limit_khz: Some(3_000_000),
        cpu_throttles: Some(7),
        cpu_busy_ms: Some(1_000),
        cpu_stolen_ms: Some(1_000),
        memory_stalled_ms: Some(1_000),
        ..MachineState::default()
    };
    change(&mut state);
    state
}

fn gpu(change: impl FnOnce(&mut GpuState)) -> MachineState {
    let mut gpu = GpuState {
        used_memory_bytes: Some(2 << 20),
        temperature_millicelsius: Some(30_000),
        clock_khz: Some(1_980_000),
        throttle_reasons: Vec::new(),
        compute_processes: Some(vec![]),
    };
    change(&mut gpu);
    MachineState {
        gpu: Some(gpu),
        ..MachineState::default()
    }
}

#[test]
fn each_rule_of_the_processor_has_its_tolerance() {
    let check = |change: fn(&mut MachineState), expected: &str| {
        let names = |found: &[Restless]| found.iter().map(Restless::name).collect::<Vec<_>>();
        let (before, during) = found(&cpu(|_| {}), &cpu(change));
        let (expected, own): (Vec<_>, Vec<_>) = expected
            .split_whitespace()
            .map(|name| (name.trim_end_matches('*'), !name.ends_with('*')))
            .unzip();
        let during_too = expected.iter().zip(&own).filter(|(_, own)| **own);
        assert_eq!(names(&before), expected);
        let during_too: Vec<_> = during_too.map(|(name, _)| *name).collect();
        assert_eq!(names(&during), during_too);
    };
    // A star marks what an attempt may do itself.
    check(|_| {}, "");
    check(|s| s.cpu_temperature_millicelsius = Some(53_000), "");
    check(
        |s| s.cpu_temperature_millicelsius = Some(53_001),
        "cpu-temperature*",
    );
    check(|s| s.cpu_temperature_millicelsius = Some(20_000), "");
    check(|s| s.cpu_temperature_millicelsius = None, "");
    check(|s| s.cpu_busy_ms = Some(1_800), "");
    check(|s| s.cpu_busy_ms = Some(1_801), "cpu-load");
    check(|s| s.cpu_busy_ms = Some(0), "");
    check(|s| s.cpu_stolen_ms = Some(1_800), "");
    check(|s| s.cpu_stolen_ms = Some(1_801), "stolen-time");
    check(|s| s.memory_stalled_ms = Some(1_050), "");
    check(|s| s.memory_stalled_ms = Some(1_051), "memory-pressure");
    check(
        |s| s.cpu_frequency_limit_khz = Some(2_999_999),
        "cpu-frequency-limit",
    );
    check(|s| s.cpu_throttles = Some(8), "cpu-throttled");
    check(|s| s.cpu_throttles = Some(0), "");
    check(|s| *s = MachineState::default(), "");
}

#[test]
fn each_rule_of_the_gpu_has_its_tolerance() {
    let check = |change: fn(&mut GpuState), before: &[&str], during: &[&str]| {
        let names = |found: &[Restless]| found.iter().map(Restless::name).collect::<Vec<_>>();
        let found = found(&gpu(|_| {}), &gpu(change));
        assert_eq!(
            (names(&found.0), names(&found.1)),
            (before.to_vec(), during.to_vec())
        );
    };
    check(|_| {}, &[], &[]);
    check(|g| g.used_memory_bytes = Some(66 << 20), &[], &[]);
    check(
        |g| g.used_memory_bytes = Some((66 << 20) + 1),
        &["gpu-memory"],
        &[],
    );
    check(|g| g.used_memory_bytes = Some(0), &[], &[]);
    check(|g| g.temperature_millicelsius = Some(33_000), &[], &[]);
    check(
        |g| g.temperature_millicelsius = Some(34_000),
        &["gpu-temperature"],
        &[],
    );
    // An idle GPU has a low clock, which means nothing.
    check(|g| g.clock_khz = Some(210_000), &[], &[]);
    let power = |g: &mut GpuState| g.throttle_reasons = vec![ThrottleReason::PowerCap];
    check(power, &["gpu-throttled"], &["gpu-throttled"]);
    // Before an attempt nobody may compute; one process during it may be the worker.
    check(|g| g.compute_processes = None, &[], &[]);
    check(
        |g| g.compute_processes = Some(vec![9]),
        &["gpu-processes"],
        &[],
    );
    let two = |g: &mut GpuState| g.compute_processes = Some(vec![8, 9]);
    check(two, &["gpu-processes"], &["gpu-processes"]);
    check(|g| *g = GpuState::default(), &[], &[]);
}

/// What disturbs an attempt of a worker with these processes, of which so many lived at a time, where process 1 was on
/// the GPU when the run began.
fn on_gpu(listed: &[u32], own: &[u32], most: usize) -> Vec<Restless> {
    let start = Instant::now();
    let list = |pids: &[u32]| gpu(|g| g.compute_processes = Some(pids.to_vec()));
    let first = reading(start, 0, list(&[1]));
    let later = reading(start, 1000, list(listed));
    let judged = Judged {
        reference: &reference(Some(list(&[1]))),
        first: &first,
        earlier: &first,
        later: &later,
    };
    let pids = own.iter().copied().collect();
    judged.during(&Own { pids, most })
}

#[test]
fn a_gpu_process_of_our_own_leaves_no_room_for_a_foreign_one() {
    let check = |listed: &[u32], own: &[u32], expected: &[u32]| {
        let expected = Restless::GpuProcesses {
            pids: expected.to_vec(),
        };
        assert_eq!(on_gpu(listed, own, own.len()), [expected], "{listed:?}");
    };
    assert_eq!(on_gpu(&[1, 40], &[40, 41], 2), []);
    assert_eq!(on_gpu(&[1, 40, 41], &[40, 41], 2), []);
    check(&[1, 40, 50], &[40, 41], &[50]);
    // Host numbers, of which we know none.
    assert_eq!(on_gpu(&[1, 9040], &[40], 1), []);
    check(&[1, 9040, 9050], &[40], &[9040, 9050]);
}

#[test]
fn a_worker_of_several_processes_may_have_several_on_the_gpu() {
    assert_eq!(on_gpu(&[1, 9040, 9041], &[40, 41], 2), []);
    let foreign = Restless::GpuProcesses {
        pids: vec![9040, 9041, 9050],
    };
    // Three processes one after the other are not three at a time.
    assert_eq!(on_gpu(&[1, 9040, 9041, 9050], &[40, 41, 42], 2), [foreign]);
    let mut own = Own::default();
    for pids in [&[40, 41][..], &[40, 42], &[]] {
        own.meet(&pids.iter().copied().collect());
    }
    assert_eq!((own.pids, own.most), ([40, 41, 42].into(), 2));
}

#[test]
fn our_own_cpu_time_is_no_load_and_a_short_span_has_no_rate() {
    let start = Instant::now();
    let check = |after_ms: u64, busy_ms: u64, ours_ms: u64, expected: Option<u64>| {
        let first = reading(start, 0, fixture::busy(0));
        let mut later = reading(start, after_ms, fixture::busy(busy_ms));
        later.ours = Duration::from_millis(ours_ms);
        let judged = Judged {
            reference: &Reference {
                state: None,
                cpus: 2,
            },
            first: &first,
            earlier: &first,
            later: &later,
        };
        let load = expected.map(|busy_milli| Restless::CpuLoad {
            busy_milli,
            accepted_milli: 250,
        });
        assert_eq!(judged.before(), load.into_iter().collect::<Vec<_>>());
    };
    check(1000, 2000, 2000, None);
    check(1000, 2000, 1750, None);
    check(1000, 2000, 1740, Some(260));
    check(500, 400, 0, Some(800));
    check(1000, 1000, 5000, None);
    check(199, 190, 0, None);
    check(200, 190, 0, Some(950));
}

#[test]
fn without_a_reference_only_what_needs_none_is_judged() {
    let start = Instant::now();
    let first = reading(start, 0, cpu(|_| {}));
    let hot = |state: &mut MachineState| {
        state.cpu_temperature_millicelsius = Some(99_000);
        state.cpu_frequency_limit_khz = Some(1);
        state.cpu_busy_ms = Some(9_000);
        state.gpu = gpu(|g| g.compute_processes = Some(vec![5])).gpu;
    };
    let later = reading(start, 1000, cpu(hot));
    let judged = Judged {
        reference: &reference(None),
        first: &first,
        earlier: &first,
        later: &later,
    };
    let names: Vec<_> = judged.before().iter().map(Restless::name).collect();
    assert_eq!(names, ["cpu-load", "gpu-processes"]);
}

#[test]
fn who_computed_on_the_gpu_when_the_run_began_is_not_waited_for() {
    let known = reference(Some(gpu(|g| g.compute_processes = Some(vec![1, 2]))));
    let passes = |pids: &[u32]| {
        let pids = pids.to_vec();
        known.passes_by_waiting(&Restless::GpuProcesses { pids })
    };
    assert!(!passes(&[1]) && !passes(&[2, 1]));
    assert!(passes(&[1, 3]));
}

#[test]
fn a_colder_machine_becomes_the_reference() {
    let state = |cpu, gpu_degrees: i64| MachineState {
        cpu_temperature_millicelsius: Some(cpu),
        ..gpu(|g| g.temperature_millicelsius = Some(gpu_degrees * 1000))
    };
    let mut known = reference(Some(state(70_000, 60)));
    assert_eq!(known.cool(&state(67_000, 90)), []);
    assert_eq!(known.state, Some(state(70_000, 60)));
    let colder = |what, before, now| Colder { what, before, now };
    assert_eq!(
        known.cool(&state(66_999, 40)),
        [
            colder("processor", 70_000, 66_999),
            colder("GPU", 60_000, 40_000)
        ]
    );
    assert_eq!(known.state, Some(state(66_999, 40)));
    assert_eq!(known.cool(&MachineState::default()), []);
    assert_eq!(reference(None).cool(&state(1, 1)), []);
}
