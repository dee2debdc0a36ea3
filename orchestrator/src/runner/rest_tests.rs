//! The rules of rest, one after the other.

use std::time::{Duration, Instant};

use anechoic_record::{GpuState, MachineState, Restless, ThrottleReason};

use super::rest::{Judged, Reading, Reference, passes_by_waiting};
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
    (judged.before(), judged.during())
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
        compute_processes: Some(vec![1]),
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
    check(
        |s| s.cpu_temperature_millicelsius = Some(46_999),
        "cpu-temperature*",
    );
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
    // What was there at the start is no news; one new process during an attempt may be the worker.
    check(|g| g.compute_processes = Some(vec![]), &[], &[]);
    check(|g| g.compute_processes = None, &[], &[]);
    check(
        |g| g.compute_processes = Some(vec![1, 9]),
        &["gpu-processes"],
        &[],
    );
    let two = |g: &mut GpuState| g.compute_processes = Some(vec![1, 8, 9]);
    check(two, &["gpu-processes"], &["gpu-processes"]);
    check(|g| *g = GpuState::default(), &[], &[]);
}

#[test]
fn a_gpu_process_of_our_own_leaves_no_room_for_a_foreign_one() {
    let start = Instant::now();
    let first = reading(start, 0, gpu(|_| {}));
    let check = |listed: Vec<u32>, ours: &[u32], expected: Option<Vec<u32>>| {
        let mut later = reading(start, 1000, gpu(|g| g.compute_processes = Some(listed)));
        later.pids = ours.iter().copied().collect();
        let judged = Judged {
            reference: &reference(None),
            first: &first,
            earlier: &first,
            later: &later,
        };
        let expected: Vec<_> = expected
            .map(|pids| Restless::GpuProcesses { pids })
            .into_iter()
            .collect();
        assert_eq!(judged.during(), expected);
    };
    check(vec![1, 40], &[40, 41], None);
    check(vec![1, 40, 41], &[40, 41], None);
    check(vec![1, 40, 50], &[40, 41], Some(vec![50]));
    // Host numbers, of which we know none.
    check(vec![1, 9040], &[40], None);
    check(vec![1, 9040, 9050], &[40], Some(vec![9040, 9050]));
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
    assert_eq!(names, ["cpu-load"]);
}

#[test]
fn a_machine_that_is_too_cold_does_not_warm_up_by_waiting() {
    let check = |millicelsius, expected| {
        let what = Restless::CpuTemperature {
            millicelsius,
            reference_millicelsius: 50_000,
        };
        assert_eq!(passes_by_waiting(&what), expected);
    };
    check(60_000, true);
    check(40_000, false);
}
