//! Records in the formats of other programs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod support;

use std::collections::BTreeMap;

use anechoic_protocol::{
    Benchmark, BenchmarkName, CustomSample, CustomWork, Parameter, Phase, Sample,
};
use anechoic_record::{
    AttemptData, Disturbance, GpuState, MachineState, Moment, Observation, Outcome, Restless,
    RunRecord, Stop, Timeline, Wait,
};
use anechoic_report::{hyperfine, long_csv, perfetto};
use anechoic_suite::Case;
use serde_json::Value;
use support::{ok, record};

const SECOND: u64 = 1_000_000_000;

fn case(id: &str) -> Case {
    let size = ("size".to_owned(), Parameter::Whole(128));
    let work = Benchmark::Custom(CustomWork {
        parameters: [size].into(),
        warmup_iterations: 0,
        iterations: 3,
    });
    Case {
        threads: Some(3),
        ..support::case(id, work)
    }
}

/// An attempt whose iterations take these milliseconds, and which was started so many seconds after the run.
fn data(times_ms: &[u64], spawned_s: i64) -> AttemptData {
    let start: jiff::Timestamp = "2026-11-22T03:45:00Z".parse().unwrap();
    let at = |seconds: i64| start + jiff::SignedDuration::from_secs(seconds);
    let sample = |(iteration, ms): (u32, &u64)| {
        Sample::Custom(CustomSample {
            iteration,
            time_ns: ms * 1_000_000,
            values: [("rate".to_owned(), 1e3 / *ms as f64)].into(),
        })
    };
    AttemptData {
        samples: (1..).zip(times_ms).map(sample).collect(),
        wall_ns: Some(2 * SECOND),
        timeline: Timeline {
            waited: vec![(at(spawned_s), 1_000)],
            spawned: Some(at(spawned_s)),
            phases: vec![
                (Phase::Load, SECOND / 10),
                (Phase::Measure, SECOND),
                (Phase::Stop, SECOND * 19 / 10),
            ],
            samples_ns: (1..=times_ms.len() as u64)
                .map(|n| SECOND + n * 1_000_000)
                .collect(),
            ..Timeline::default()
        },
        ..AttemptData::default()
    }
}

fn trace(record: &RunRecord) -> Vec<Value> {
    let mut out = Vec::new();
    perfetto(record, &mut out).unwrap();
    let trace: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    assert_eq!(trace["otherData"]["run"], record.manifest.run);
    trace["traceEvents"].as_array().unwrap().clone()
}

/// What the format demands: known kinds, times in order, slices of a track that nest.
fn assert_well_formed(events: &[Value]) {
    let mut open: BTreeMap<(u64, u64), Vec<u64>> = BTreeMap::new();
    let mut last = 0;
    for event in events {
        let number = |key: &str| {
            event[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {event}"))
        };
        let (ts, track) = (number("ts"), (number("pid"), number("tid")));
        assert!(ts >= last, "earlier than the one before: {event}");
        last = ts;
        match event["ph"].as_str().unwrap() {
            "M" => assert_eq!(ts, 0),
            "i" => assert_eq!(event["s"], "t"),
            "C" => assert!(event["args"]["value"].is_f64(), "{event}"),
            "X" => {
                let end = ts + number("dur");
                let stack = open.entry(track).or_default();
                stack.retain(|outer| *outer > ts);
                assert!(
                    stack.iter().all(|outer| end <= *outer),
                    "does not nest: {event}"
                );
                stack.push(end);
            }
            other => panic!("unknown kind {other}"),
        }
    }
}

fn named<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["name"] == name)
        .collect()
}

#[test]
fn a_trace_shows_waits_attempts_phases_and_samples() {
    let mut first = data(&[1, 2, 3], 1);
    first.waits = vec![Wait {
        waited_ms: 400,
        what: Restless::CpuLoad {
            busy_milli: 500,
            accepted_milli: 250,
        },
    }];
    let events = trace(&record(vec![(case("a"), vec![ok(first)])]));
    assert_well_formed(&events);
    let wait = named(&events, "wait: cpu-load")[0];
    assert_eq!((&wait["ts"], &wait["dur"]), (&0.into(), &1_000_000.into()));
    assert_eq!(wait["args"]["reasons"][0]["waited_ms"], 400);
    let attempt = named(&events, "attempt 1")[0];
    assert_eq!(attempt["ts"], 1_000_000);
    assert_eq!(attempt["dur"], 2_000_000);
    assert_eq!(attempt["args"]["outcome"], "ok");
    assert_eq!(named(&events, "a attempt 1").len(), 1);
    let spans = ["start", "load", "measure", "stop"].map(|phase| {
        let slice = named(&events, phase)[0];
        (
            slice["ts"].as_u64().unwrap(),
            slice["dur"].as_u64().unwrap(),
        )
    });
    let expected = [
        (1_000_000, 100_000),
        (1_100_000, 900_000),
        (2_000_000, 900_000),
        (2_900_000, 100_000),
    ];
    assert_eq!(spans, expected);
    let samples = named(&events, "sample");
    let times: Vec<_> = samples.iter().map(|s| s["ts"].as_u64().unwrap()).collect();
    assert_eq!(times, [2_001_000, 2_002_000, 2_003_000]);
}

#[test]
fn failures_have_names_of_their_own_and_what_was_done_about_them() {
    let mut bad = data(&[], 1);
    bad.warnings = vec!["<b>\"quoted\"\u{0}</b>".to_owned()];
    bad.timeline.warnings_ns = vec![5_000];
    bad.timeline.stops = vec![("2026-11-22T03:45:02Z".parse().unwrap(), Stop::Kill)];
    let mut record = record(vec![(
        case("a"),
        vec![(Outcome::ExitCode { code: 9 }, bad)],
    )]);
    record.manifest.cases[0].attempts[0].disturbed = vec![Disturbance {
        when: Moment::Before,
        what: Restless::CpuThrottled { times: 2 },
    }];
    let events = trace(&record);
    assert_well_formed(&events);
    let failed = named(&events, "attempt 1: exit-code")[0];
    assert_eq!(failed["cname"], "terrible");
    assert_eq!(failed["args"]["cause"], "exited with code 9");
    assert_eq!(named(&events, "SIGKILL")[0]["ts"], 2_000_000);
    assert_eq!(
        named(&events, "disturbed")[0]["args"]["what"],
        "cpu-throttled"
    );
    let warning = named(&events, "warning")[0];
    assert_eq!(warning["args"]["message"], "<b>\"quoted\"\u{0}</b>");
    assert_eq!(warning["ts"], 1_000_005);
}

#[test]
fn a_clock_that_is_set_back_breaks_no_trace() {
    // The second attempt was stamped before the first had ended, the third before the run began.
    let attempts = [10, 11, -5].map(|spawned| ok(data(&[1], spawned))).to_vec();
    let mut record = record(vec![(case("a"), attempts)]);
    record.manifest.starts.clear();
    let events = trace(&record);
    assert_well_formed(&events);
    for number in 1..=3 {
        assert_eq!(named(&events, &format!("attempt {number}")).len(), 1);
    }
}

#[test]
fn attempts_without_a_worker_and_cut_off_ones_are_shown() {
    let none = AttemptData::default();
    let mut cut_off = data(&[1], 3);
    // The process lived longer than its record tells.
    cut_off.timeline.phases.push((Phase::Stop, 90 * SECOND));
    let message = "no such program".to_owned();
    let spawn_failed = Outcome::SpawnFailed { message };
    let died = Outcome::OrchestratorDied {
        phase: Phase::Measure,
    };
    let mut record = record(vec![(
        case("a"),
        vec![(spawn_failed, none), (died, cut_off)],
    )]);
    record.manifest.cases[0].attempts[0].wall_ns = 0;
    let events = trace(&record);
    assert_well_formed(&events);
    assert_eq!(named(&events, "attempt 1: spawn-failed")[0]["dur"], 0);
    assert_eq!(named(&events, "attempt 2: orchestrator-died").len(), 1);
    assert_eq!(named(&events, "start").len(), 1);
}

#[test]
fn a_run_without_attempts_is_a_trace_without_slices() {
    let events = trace(&record(vec![(case("a"), vec![])]));
    assert_well_formed(&events);
    assert!(events.iter().all(|event| event["ph"] == "M"));
}

#[test]
fn readings_become_counters_and_counts_become_rates() {
    let seen = |second: u64, busy_ms, gpu| Observation {
        since_spawn_ns: second * SECOND,
        worker_cpu_ms: Some(second * 900),
        state: MachineState {
            cpu_temperature_millicelsius: Some(51_500),
            cpu_busy_ms: Some(busy_ms),
            gpu,
            ..MachineState::default()
        },
    };
    let gpu = GpuState {
        clock_khz: Some(1_980_000),
        ..GpuState::default()
    };
    let mut observed = data(&[1], 1);
    // The last count went backwards: nothing is known of that second.
    observed.observations = vec![
        seen(0, 1_000, Some(gpu)),
        seen(1, 2_500, None),
        seen(2, 2, None),
    ];
    let events = trace(&record(vec![(case("a"), vec![ok(observed)])]));
    assert_well_formed(&events);
    let values = |name: &str| -> Vec<(u64, f64)> {
        let found = named(&events, name).into_iter();
        let value = |e: &Value| e["args"]["value"].as_f64().unwrap();
        found
            .map(|e| (e["ts"].as_u64().unwrap(), value(e)))
            .collect()
    };
    let degrees = [1_000_000, 2_000_000, 3_000_000].map(|ts| (ts, 51.5));
    assert_eq!(values("CPU temperature (°C)"), degrees);
    assert_eq!(values("CPUs busy"), [(1_000_000, 1.5)]);
    assert_eq!(values("GPU clock (MHz)"), [(1_000_000, 1980.0)]);
    let worker = [(1_000_000, 0.9), (2_000_000, 0.9), (3_000_000, 0.0)];
    assert_eq!(values("CPUs used by the worker"), worker);
    assert_eq!(values("CPUs stolen"), []);
}

#[test]
fn hyperfine_has_one_time_per_process() {
    let failed = (Outcome::ExitCode { code: 1 }, data(&[500], 9));
    let attempts = vec![
        ok(data(&[10, 20, 90], 1)),
        ok(data(&[40, 30, 50], 5)),
        failed,
    ];
    let found = hyperfine(&record(vec![
        (case("two"), attempts),
        (case("one"), vec![ok(data(&[10], 20))]),
        (case("none"), vec![]),
    ]));
    assert_eq!(found.left_out, ["none: no attempt of it ended well"]);
    let json: Value = serde_json::from_str(&found.json).unwrap();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let two = &results[0];
    assert_eq!(two["command"], "two");
    assert_eq!(two["times"], serde_json::json!([0.02, 0.04]));
    assert_eq!(two["exit_codes"], serde_json::json!([0, 0]));
    assert_eq!(
        (two["mean"].as_f64(), two["median"].as_f64()),
        (Some(0.03), Some(0.03))
    );
    assert!((two["stddev"].as_f64().unwrap() - 0.02 / 2_f64.sqrt()).abs() < 1e-12);
    assert_eq!(
        (two["min"].as_f64(), two["max"].as_f64()),
        (Some(0.02), Some(0.04))
    );
    assert_eq!(two["parameters"], serde_json::json!({ "size": "128" }));
    assert_eq!(results[1]["stddev"], Value::Null);
    for key in ["user", "system"] {
        assert_eq!(two[key], 0.0);
    }
}

#[test]
fn the_long_table_has_a_row_per_value_and_shows_failures() {
    let failed = (Outcome::ExitCode { code: 1 }, data(&[500], 9));
    let mut record = record(vec![(case("a"), vec![ok(data(&[10, 20], 1)), failed])]);
    let throttled = |when| Disturbance {
        when,
        what: Restless::CpuThrottled { times: 2 },
    };
    // One cause, before and during the attempt, is one name.
    record.manifest.cases[0].attempts[0].disturbed =
        vec![throttled(Moment::Before), throttled(Moment::During)];
    let mut out = Vec::new();
    long_csv(&record, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let run = "capture_2026-11-22T03-45-00Z,capture,a,custom";
    let end = "ok,cpu-throttled,cpu,3,2026-11-22T03:45:00Z";
    let expected = [
        "run,suite,case,benchmark,tokens,metric,unit,attempt,iteration,value,outcome,disturbed,device,threads,started"
            .to_owned(),
        format!("{run},,total-time,s,1,1,0.01,{end}"),
        format!("{run},,total-time,s,1,2,0.02,{end}"),
        format!("{run},,value.rate,,1,1,100,{end}"),
        format!("{run},,value.rate,,1,2,50,{end}"),
        format!("{run},,,,2,,,exit-code,,cpu,3,2026-11-22T03:45:00Z"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        record.manifest.cases[0].case.work.name(),
        BenchmarkName::Custom
    );
}

/// A writer that takes so many bytes and then says that nobody reads any more.
struct Closed(usize);

impl std::io::Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_went_away_is_told_as_such() {
    let record = record(vec![(case("a"), vec![ok(data(&[10; 4_000], 1))])]);
    for room in [0, 30, 10_000] {
        let kind = |written: std::io::Result<()>| written.unwrap_err().kind();
        let expected = std::io::ErrorKind::BrokenPipe;
        assert_eq!(kind(perfetto(&record, Closed(room))), expected);
        assert_eq!(kind(long_csv(&record, Closed(room))), expected);
    }
}
