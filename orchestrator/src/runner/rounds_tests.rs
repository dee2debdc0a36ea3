//! Rounds that a stop rule adds, and the queue that takes them.

use anechoic_protocol::{CustomSample, Sample};
use anechoic_record::{AttemptData, Manifest, RuleVerdict};
use anechoic_suite::Slot;
use serde_json::{Value, json};

use super::queue::Queue;
use super::rounds::{Agenda, Measured, Reach, Rounds, further_round};

/// Three cases, 2 to 4 attempts each until ± 2 %.
fn manifest() -> Manifest {
    let work =
        json!({ "benchmark": "custom", "parameters": {}, "warmup_iterations": 0, "iterations": 1 });
    let case =
        |id: &str| json!({ "id": id, "seed": 0, "threads": null, "timeout": 1, "work": work });
    let cases = ["custom.a", "custom.b", "custom.c"].map(case);
    let with_attempts = |case: &Value| {
        let mut case = case.clone();
        case["attempts"] = json!([]);
        case
    };
    let machine = json!({
        "hostname": null, "kernel": null, "cpu": null, "logical_cpus": 2, "physical_cores": 2, "memory_bytes": null, "gpu": null,
    });
    let manifest = json!({
        "schema_version": 1, "run": "x", "anechoic": "0", "started": "2026-11-22T03:45:00Z", "state": "running",
        "settings": { "device": "cpu", "threads": 2, "worker": "w", "worker_identity": null, "torch": null },
        "machine": machine,
        "plan": {
            "name": "x", "question": null, "cooldown": 0, "order": "random:7", "attempts": 2,
            "until": { "half_width_ppm": 20_000, "max": 4 }, "cases": cases, "slots": [],
        },
        "cases": cases.iter().map(with_attempts).collect::<Vec<_>>(),
    });
    serde_json::from_value(manifest).unwrap()
}

/// A start that makes attempts of these cases.
struct Start {
    manifest: Manifest,
    rounds: Rounds,
    queue: Queue,
}

impl Start {
    fn of(cases: &[usize]) -> Self {
        let slots =
            (1..=2).flat_map(|attempt| cases.iter().map(move |&case| Slot { case, attempt }));
        Self::on(manifest(), slots.collect(), Reach::Plan, Measured::new())
    }

    /// One that goes on with a run.
    fn on(manifest: Manifest, slots: Vec<Slot>, reach: Reach, measured: Measured) -> Self {
        let queue = Queue::new(&slots);
        let agenda = Agenda {
            slots,
            reach,
            measured,
            ..Agenda::default()
        };
        Self {
            rounds: Rounds::new(&manifest, agenda),
            manifest,
            queue,
        }
    }

    /// Makes all that is in the queue; an attempt takes so many microseconds, or fails. The slots, in order.
    fn make(&mut self, time: impl Fn(Slot) -> Option<u64>) -> Vec<(usize, u32)> {
        let mut made = Vec::new();
        while let Some(slot) = self.queue.next() {
            made.push((slot.case, slot.attempt));
            let outcome = match time(slot) {
                Some(_) => json!({ "outcome": "ok" }),
                None => json!({ "outcome": "exit-code", "code": 3 }),
            };
            let mut record =
                json!({ "attempt": slot.attempt, "started": "2026-11-22T03:45:00Z", "wall_ns": 1 });
            record
                .as_object_mut()
                .unwrap()
                .extend(outcome.as_object().unwrap().clone());
            let record = serde_json::from_value(record).unwrap();
            self.manifest.cases[slot.case].attempts.push(record);
            let sample = |microseconds: u64| {
                Sample::Custom(CustomSample {
                    iteration: 1,
                    time_ns: microseconds * 1000,
                    values: Default::default(),
                })
            };
            let data = AttemptData {
                samples: time(slot).map(sample).into_iter().collect(),
                ..AttemptData::default()
            };
            self.rounds.keep(&self.manifest, slot, data);
        }
        made
    }

    /// Looks at the rule and queues what it wants. The verdicts of the cases that were looked at.
    fn decide(&mut self) -> Vec<(usize, RuleVerdict)> {
        let checked = self.rounds.check(&self.manifest);
        if let Some(round) = further_round(&self.manifest, &checked) {
            let Manifest { plan, cases, .. } = &mut self.manifest;
            round.cases.iter().for_each(|case| cases[*case].grant(plan));
            self.queue.add_round(&self.manifest, &round.cases);
        }
        let verdicts = checked.iter();
        verdicts
            .map(|found| (found.case, found.check.verdict))
            .collect()
    }
}

/// `a` never varies, `b` always does, `c` fails every time.
fn times(slot: Slot) -> Option<u64> {
    match slot.case {
        0 => Some(1000),
        1 => Some(1000 + 300 * u64::from(slot.attempt % 2)),
        _ => None,
    }
}

#[test]
fn rounds_are_of_the_cases_that_need_them_and_come_to_an_end() {
    use RuleVerdict::{Another, MaxReached, Met, NoneGood};
    let mut start = Start::of(&[0, 1, 2]);
    assert_eq!(start.make(times).len(), 6);
    assert!(!start.rounds.are_over(&start.manifest));
    assert_eq!(start.decide(), [(0, Met), (1, Another), (2, NoneGood)]);
    assert_eq!(start.make(times), [(1, 3)]);
    // Those that had come to an end are not looked at again.
    assert_eq!(start.decide(), [(1, Another)]);
    assert_eq!(start.make(times), [(1, 4)]);
    assert_eq!(start.decide(), [(1, MaxReached)]);
    assert_eq!(start.make(times), []);
    assert_eq!(start.decide(), []);
    assert!(start.rounds.are_over(&start.manifest));
}

#[test]
fn a_round_has_every_case_once_in_an_order_from_the_seed() {
    let varies = |slot: Slot| Some(1000 + 300 * u64::from(slot.attempt % 2));
    let rounds = || {
        let mut start = Start::of(&[0, 1, 2]);
        start.make(varies);
        start.decide();
        let third = start.make(varies);
        start.decide();
        (third, start.make(varies))
    };
    let (third, fourth) = rounds();
    for (round, number) in [(&third, 3), (&fourth, 4)] {
        let mut sorted = round.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(0, number), (1, number), (2, number)]);
    }
    assert_eq!(rounds(), (third, fourth));
}

/// A run that was stopped when the second attempt of `c` alone was missing: its manifest, what it measured, what it owes.
fn cut_off() -> (Manifest, Measured, Vec<Slot>) {
    let mut start = Start::of(&[0, 1]);
    start.make(times);
    let owed = |attempt| Slot { case: 2, attempt };
    let failed = json!({
        "attempt": 1, "started": "2026-11-22T03:45:00Z", "wall_ns": 1, "outcome": "exit-code", "code": 3,
    });
    let failed = serde_json::from_value(failed).unwrap();
    start.manifest.cases[2].attempts.push(failed);
    (start.manifest, start.rounds.into_measured(), vec![owed(2)])
}

#[test]
fn what_goes_on_with_the_plan_adds_rounds_for_all_cases_that_want_them() {
    let (manifest, measured, owed) = cut_off();
    let mut start = Start::on(manifest, owed, Reach::Plan, measured);
    assert_eq!(start.make(times), [(2, 2)]);
    // `a` had come to an end before.
    let expected = [(1, RuleVerdict::Another), (2, RuleVerdict::NoneGood)];
    assert_eq!(start.decide(), expected);
    assert_eq!(start.make(times), [(1, 3)]);
}

#[test]
fn what_makes_chosen_cases_adds_rounds_for_them_alone() {
    let (manifest, measured, owed) = cut_off();
    let mut start = Start::on(manifest, owed, Reach::Slots, measured);
    start.make(times);
    assert_eq!(start.decide(), [(2, RuleVerdict::NoneGood)]);
    assert_eq!(start.make(times), []);
    assert!(!start.rounds.are_over(&start.manifest));
}

#[test]
fn a_round_that_was_cut_off_is_not_over() {
    let mut start = Start::of(&[0, 1]);
    start.make(times);
    start.decide();
    assert!(start.manifest.cases[1].unmade(&start.manifest.plan) == 1);
    assert!(start.manifest.cases[0].unmade(&start.manifest.plan) == 0);
}

#[test]
fn without_a_rule_there_is_no_round_and_nothing_is_kept() {
    let mut start = Start::of(&[0, 1]);
    start.manifest.plan.until = None;
    start.make(times);
    assert_eq!(start.decide(), []);
    assert!(start.rounds.are_over(&start.manifest));
}
