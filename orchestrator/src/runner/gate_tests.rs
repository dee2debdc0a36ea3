//! The gate with made-up readings, without a clock.

use std::time::{Duration, Instant};

use anechoic_record::{GpuState, MachineState, Restless};

use super::gate::{Gate, Pace, Step};
use super::rest_tests::fixture::{busy, reading, reference, warm};

fn pace(pause_ms: u64, limit_ms: Option<u64>) -> Pace {
    Pace {
        pause: Duration::from_millis(pause_ms),
        limit: limit_ms.map(Duration::from_millis),
    }
}

/// Reads when the gate wants it; `state` is the machine at so many milliseconds. When it let go, why not at rest, and
/// how long each reason held.
fn drive(
    pace: Pace,
    start_state: &MachineState,
    state: impl Fn(u64) -> MachineState,
) -> (u64, Vec<&'static str>, Vec<(&'static str, u64)>) {
    let start = Instant::now();
    let at = |ms: u64| reading(start, ms, state(ms));
    let mut gate = Gate::new(pace, reference(Some(start_state.clone())), at(0));
    let millis = |until: Instant| u64::try_from((until - start).as_millis()).unwrap();
    let mut now = millis(gate.opens());
    loop {
        match gate.step(at(now)) {
            Step::Wait { until, .. } => {
                assert!(millis(until) > now, "time goes on");
                now = millis(until);
            }
            Step::Go { restless } => {
                let names = restless.iter().map(Restless::name).collect();
                let waits = gate.waits().into_iter();
                let waits = waits.map(|wait| (wait.what.name(), wait.waited_ms));
                return (now, names, waits.collect());
            }
        }
    }
}

#[test]
fn a_machine_at_rest_passes_after_two_readings() {
    let rest = |_| busy(0);
    assert_eq!(
        drive(pace(0, Some(60_000)), &busy(0), rest),
        (1_000, vec![], vec![])
    );
    assert_eq!(
        drive(pace(5_000, Some(60_000)), &busy(0), rest),
        (5_500, vec![], vec![])
    );
    let nothing_to_read = |_| MachineState::default();
    let passed = drive(
        pace(0, Some(60_000)),
        &MachineState::default(),
        nothing_to_read,
    );
    assert_eq!(passed, (1_000, vec![], vec![]));
}

#[test]
fn it_waits_as_long_as_others_compute() {
    // Two CPUs' worth of work until 3.3 s, and none after it; eight CPUs accept 0.8.
    let state = |ms: u64| busy(2 * ms.min(3_300));
    let (at, restless, waits) = drive(pace(0, Some(60_000)), &busy(0), state);
    // Busy at 3.5 s (1.2 CPUs over the last half second), at rest at 4 s and 4.5 s.
    assert_eq!((at, restless), (4_500, vec![]));
    assert_eq!(waits, [("cpu-load", 3_500)]);
}

#[test]
fn one_reading_at_rest_between_two_that_are_not_is_not_enough() {
    let state = |ms: u64| warm(if ms == 1_000 || ms >= 2_000 { 50 } else { 60 });
    let (at, restless, waits) = drive(pace(0, Some(60_000)), &warm(50), state);
    assert_eq!((at, restless), (2_500, vec![]));
    assert_eq!(
        waits,
        [("cpu-temperature", 1_000)],
        "from 0.5 to 1 s and from 1.5 to 2 s"
    );
}

#[test]
fn readings_become_rarer_and_never_go_beyond_the_limit() {
    let (at, restless, waits) = drive(pace(2_000, Some(7_300)), &warm(50), |_| warm(60));
    assert_eq!((at, restless), (9_300, vec!["cpu-temperature"]));
    assert_eq!(waits, [("cpu-temperature", 7_300)]);
}

#[test]
fn a_limit_that_passes_between_two_readings_at_rest_tells_what_was_restless_last() {
    let state = |ms: u64| warm(if ms.is_multiple_of(1_000) { 50 } else { 60 });
    let (at, restless, _) = drive(pace(0, Some(3_000)), &warm(50), state);
    assert_eq!((at, restless), (3_000, vec!["cpu-temperature"]));
}

#[test]
fn a_limit_of_nothing_still_reads_once() {
    let (_, restless, _) = drive(pace(0, Some(0)), &warm(50), |_| warm(60));
    assert_eq!(restless, ["cpu-temperature"]);
}

#[test]
fn a_machine_that_is_colder_is_at_rest() {
    let passed = drive(pace(0, Some(60_000)), &warm(50), |_| warm(40));
    assert_eq!(passed, (1_000, vec![], vec![]));
}

#[test]
fn who_is_on_the_gpu_for_good_is_told_of_and_not_waited_for() {
    let list = |pids: &[u32]| MachineState {
        gpu: Some(GpuState {
            compute_processes: Some(pids.to_vec()),
            ..GpuState::default()
        }),
        ..MachineState::default()
    };
    let (at, restless, _) = drive(pace(0, Some(60_000)), &list(&[7]), |_| list(&[7]));
    assert_eq!((at, restless), (1_000, vec!["gpu-processes"]));
    // Nobody is known before the first attempt.
    let nobody = MachineState::default();
    let (at, restless, _) = drive(pace(0, Some(60_000)), &nobody, |_| list(&[7]));
    assert_eq!((at, restless), (60_000, vec!["gpu-processes"]));
}

#[test]
fn a_fixed_pause_alone_is_followed_by_one_look() {
    let load = |ms: u64| busy(2 * ms);
    let check = |pause_ms, state: &dyn Fn(u64) -> MachineState, expected: (u64, Vec<&str>)| {
        let (at, restless, waits) = drive(pace(pause_ms, None), &state(0), state);
        assert_eq!((at, restless), expected);
        assert!(waits.is_empty(), "nothing was waited for");
    };
    check(5_000, &load, (5_000, vec!["cpu-load"]));
    check(0, &load, (200, vec!["cpu-load"]));
    check(0, &|_| busy(7), (200, vec![]));
    // Nothing to take a rate of, and so no time needed for it.
    check(0, &|_| MachineState::default(), (0, vec![]));
    // A pause does not promise the temperature of the run's start.
    check(
        5_000,
        &|ms| warm(50 + i64::try_from(ms).unwrap()),
        (5_000, vec![]),
    );
}
