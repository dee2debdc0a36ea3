//! Readings during an attempt, made up.

use std::time::Instant;

use anechoic_record::{Disturbance, MachineState, Moment, Observation, Outcome, Restless};
use anechoic_suite::WhenRestless;

use super::rest_tests::fixture::{busy, reading, reference};
use super::watch::{Kept, Watch, under_policy};

fn disturbances(readings: &[(u64, u64)]) -> Vec<Disturbance> {
    let start = Instant::now();
    let at = |&(ms, busy_ms): &(u64, u64)| reading(start, ms, busy(busy_ms));
    let mut watch = Watch::new(reference(None), at(&readings[0]));
    for next in &readings[1..] {
        watch.observe(at(next));
    }
    watch.disturbances().collect()
}

fn load(busy_milli: u64) -> Disturbance {
    Disturbance {
        when: Moment::During,
        what: Restless::CpuLoad {
            busy_milli,
            accepted_milli: 800,
        },
    }
}

#[test]
fn of_several_readings_the_worst_stands() {
    assert_eq!(disturbances(&[(0, 0), (1_000, 100), (2_000, 300)]), []);
    let rising = [(0, 0), (1_000, 900), (2_000, 3_900), (3_000, 5_000)];
    assert_eq!(disturbances(&rising), [load(3_000)]);
}

#[test]
fn a_last_reading_right_after_another_is_no_rate() {
    assert_eq!(disturbances(&[(0, 0), (1_000, 100), (1_005, 120)]), []);
    assert_eq!(disturbances(&[(0, 0), (150, 140)]), []);
    // Two short spans together are long enough.
    assert_eq!(disturbances(&[(0, 0), (150, 140), (300, 290)]), [load(966)]);
}

#[test]
fn what_is_wrong_from_the_first_reading_on_is_seen() {
    let start = Instant::now();
    let limited = |khz| MachineState {
        cpu_frequency_limit_khz: Some(khz),
        ..MachineState::default()
    };
    let first = reading(start, 0, limited(2_000_000));
    let watch = Watch::new(reference(Some(limited(3_000_000))), first);
    let found: Vec<_> = watch.disturbances().map(|d| d.what.name()).collect();
    assert_eq!(found, ["cpu-frequency-limit"]);
}

#[test]
fn throttling_is_counted_over_the_whole_attempt() {
    let start = Instant::now();
    let throttled = |ms, times| {
        let state = MachineState {
            cpu_throttles: Some(times),
            ..MachineState::default()
        };
        reading(start, ms, state)
    };
    let mut watch = Watch::new(reference(None), throttled(0, 10));
    for (ms, times) in [(1_000, 11), (2_000, 13), (3_000, 13)] {
        watch.observe(throttled(ms, times));
    }
    let found: Vec<_> = watch.disturbances().map(|d| d.what).collect();
    assert_eq!(found, [Restless::CpuThrottled { times: 3 }]);
}

#[test]
fn a_long_attempt_keeps_readings_spread_over_all_of_it() {
    let observation = |second: u64| Observation {
        since_spawn_ns: second,
        worker_cpu_ms: None,
        state: MachineState::default(),
    };
    let kept = |count: u64| {
        let mut kept = Kept::default();
        (0..count).for_each(|second| kept.push(observation(second)));
        let seconds = kept.close(Some(observation(count))).into_iter();
        seconds.map(|seen| seen.since_spawn_ns).collect::<Vec<_>>()
    };
    assert_eq!(kept(3), [0, 1, 2, 3]);
    assert_eq!(kept(599).len(), 600);
    for count in [600, 601, 1_200, 5_000, 100_000] {
        let seconds = kept(count);
        assert!(seconds.len() <= 600 && seconds.len() > 250, "{count}");
        assert_eq!((seconds[0], seconds[seconds.len() - 1]), (0, count));
        let steps: Vec<_> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let even = &steps[..steps.len() - 1];
        assert!(
            even.iter().all(|step| step == &even[0]),
            "{count}: {steps:?}"
        );
    }
}

#[test]
fn a_policy_takes_back_good_endings_only() {
    let disturbed = [load(3_000)];
    let contaminated = Outcome::Contaminated {
        disturbances: disturbed.to_vec(),
        started: true,
    };
    let check = |policy, outcome: &Outcome, disturbed: &[Disturbance], expected: &Outcome| {
        assert_eq!(&under_policy(policy, outcome.clone(), disturbed), expected);
    };
    let failed = Outcome::ExitCode { code: 3 };
    for policy in WhenRestless::ALL {
        check(policy, &Outcome::Ok, &[], &Outcome::Ok);
        check(policy, &failed, &disturbed, &failed);
    }
    check(WhenRestless::Label, &Outcome::Ok, &disturbed, &Outcome::Ok);
    check(
        WhenRestless::Discard,
        &Outcome::Ok,
        &disturbed,
        &contaminated,
    );
    check(
        WhenRestless::Refuse,
        &Outcome::Ok,
        &disturbed,
        &contaminated,
    );
}
