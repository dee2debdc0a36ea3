//! What the commands write, to standard output and to files.

use std::fs;

use anechoic_integration_tests::{Bench, Finished, is_filled};
use anechoic_protocol::Device;
use anechoic_record::{Manifest, Outcome, RunEvent};
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "all"
mode = "all-layers"
"#;

fn json(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.stdout))
}

#[test]
fn a_run_leaves_everything_that_a_run_directory_holds() {
    let bench = Bench::new(CASES, "");
    let run = bench.run(&["run", "suite.toml", "--attempts", "2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let latest = bench.latest();
    for name in [
        "run.json",
        "suite.toml",
        "events.jsonl",
        "results.jsonl",
        "summary.json",
        "report.md",
        "report.html",
    ] {
        assert!(is_filled(&latest.join(name)), "{name}");
    }
    for name in ["job.json", "result.json", "stderr.log", "stdout.log"] {
        assert!(
            is_filled(&bench.attempt_file("capture.all", 2, name)),
            "{name}"
        );
    }
    let kept = fs::read(latest.join("suite.toml")).unwrap();
    assert_eq!(kept, fs::read(bench.path("suite.toml")).unwrap());
    let points = fs::read_to_string(latest.join("results.jsonl")).unwrap();
    assert_eq!(
        points.lines().count(),
        2 * 2 * 2,
        "cases, attempts, iterations"
    );
    assert!(run.stdout.contains("capture.all"), "{}", run.stdout);
    assert!(run.stderr.contains("[4/4]"), "{}", run.stderr);
}

#[test]
fn the_worker_gets_the_job_that_was_planned() {
    let bench = Bench::new(CASES, "");
    let args = [
        "run",
        "suite.toml",
        "--only",
        "*.all",
        "--threads",
        "1",
        "--set",
        "seed=7",
    ];
    assert_eq!(bench.run(&args).code, 0);
    let text = fs::read_to_string(bench.attempt_file("capture.all", 1, "job.json")).unwrap();
    let job: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(job["threads"], 1);
    assert_eq!(job["seed"], 7);
    assert_eq!(job["device"], "cpu");
    assert_eq!(job["work"]["layers"], serde_json::json!([0, 1, 2, 3]));
    assert_eq!(bench.manifest().cases.len(), 1);
}

#[test]
fn events_and_summary_come_as_json_lines() {
    let bench = Bench::new(CASES, "all=exit-3");
    let run = bench.run(&["run", "suite.toml", "--format", "json"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let (events, summary) = run.stdout.trim_end().rsplit_once('\n').unwrap();
    let stored = fs::read_to_string(bench.latest().join("events.jsonl")).unwrap();
    assert_eq!(events, stored.trim_end());
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["summary"]["failed"][0]["case"], "capture.all");
}

#[test]
fn the_orchestrators_own_cpu_time_is_recorded() {
    let bench = Bench::new(CASES, "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let ended = |event: &RunEvent| match event {
        RunEvent::AttemptEnded {
            wall_ns,
            orchestrator_cpu_ns,
            outcome: Outcome::Ok,
            ..
        } => Some((*wall_ns, *orchestrator_cpu_ns)),
        _ => None,
    };
    let times: Vec<_> = bench.events().iter().filter_map(ended).collect();
    assert_eq!(times.len(), 2);
    assert!(
        times.iter().all(|(wall, cpu)| *wall > 0 && *cpu > 0),
        "{times:?}"
    );
}

#[test]
fn capture_needs_no_suite_file() {
    let bench = Bench::new(CASES, "");
    let settings = [
        "capture",
        "--mode",
        "custom",
        "--layers",
        "0,2",
        "--model",
        "gpt2-tiny",
        "--dtype",
        "f32",
        "--batch-size",
        "2",
        "--prefill-tokens",
        "4",
        "--decode-tokens",
        "3",
        "--iterations",
        "2",
        "--strategy",
        "buffered:8",
        "--seed",
        "5",
        "--output",
        "result.json",
    ];
    let run = bench.run(&settings);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let result: Value =
        serde_json::from_str(&fs::read_to_string(bench.path("result.json")).unwrap()).unwrap();
    assert_eq!(result["capture_layers"], serde_json::json!([0, 2]));
    assert_eq!(result["strategy"], "buffered:8");
    assert_eq!(result["seed"], 5);
    assert_eq!(result["iterations"].as_array().unwrap().len(), 2);

    let twice = [settings.as_slice(), &["--attempts", "2"]].concat();
    assert_eq!(bench.run(&twice).code, 0);
    let results: Value =
        serde_json::from_str(&fs::read_to_string(bench.path("result.json")).unwrap()).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 2);
}

#[test]
fn an_older_output_outlives_a_refusal_and_no_failed_capture() {
    let bench = Bench::new(CASES, "exit-3");
    bench.write("result.json", "old");
    let args = [
        "capture",
        "--model",
        "gpt2-tiny",
        "--dtype",
        "f32",
        "--prefill-tokens",
        "4",
        "--decode-tokens",
        "3",
        "--output",
        "result.json",
    ];
    let refused = bench.run(&[args.as_slice(), &["--worker", "nowhere"]].concat());
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let kept = fs::read_to_string(bench.path("result.json")).unwrap();
    assert_eq!(kept, "old");

    let run = bench.run(&args);
    assert_eq!(run.code, 10, "{}", run.stderr);
    assert!(!bench.path("result.json").exists());
}

#[test]
fn a_report_is_a_replay_in_any_form() {
    let bench = Bench::new(CASES, "");
    let run = bench.run(&["run", "suite.toml"]);
    let report = |format: &str| bench.run(&["report", "latest", "--format", format]);
    assert_eq!(report("text").stdout, run.stdout);
    let stored = |name: &str| fs::read_to_string(bench.latest().join(name)).unwrap();
    assert_eq!(report("md").stdout, stored("report.md"));
    assert_eq!(report("json").stdout, stored("summary.json"));
    assert_eq!(report("csv").stdout.lines().count(), 1 + 4);
}

#[test]
fn a_report_of_nothing_has_a_code_of_its_own() {
    let bench = Bench::new(CASES, "exit-3");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    assert_eq!(bench.run(&["report", "latest"]).code, 12);
}

#[test]
fn a_plan_starts_nothing_and_learns_from_earlier_runs() {
    let bench = Bench::new(CASES, "");
    let args = ["plan", "suite.toml", "--attempts", "2", "--cooldown", "10s"];
    let plan = bench.run(&args);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(
        plan.stdout.contains("4  capture.all attempt 2"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("no earlier run of all"),
        "{}",
        plan.stdout
    );
    assert!(!bench.path("results").exists());
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let planned = || json(&bench.run(&[args.as_slice(), &["--format", "json"]].concat()));
    let plan = planned();
    assert_eq!(plan["plan"]["slots"].as_array().unwrap().len(), 4);
    assert!(plan["expected_ms"].as_u64().unwrap() >= 30_000, "{plan}");

    let check = |change: fn(&mut Manifest)| {
        let path = bench.latest().join("run.json");
        let kept = fs::read(&path).unwrap();
        let mut manifest = bench.manifest();
        change(&mut manifest);
        fs::write(&path, serde_json::to_string(&manifest).unwrap()).unwrap();
        let plan = planned();
        assert!(plan["expected_ms"].is_null(), "{plan}");
        fs::write(&path, kept).unwrap();
    };
    check(|manifest| manifest.machine.cpu = Some("Another CPU".to_owned()));
    check(|manifest| manifest.settings.threads += 1);
    check(|manifest| manifest.settings.device = Device::Cuda(0));
}

#[test]
fn lists() {
    let bench = Bench::new(CASES, "");
    fs::create_dir(bench.path("suites")).unwrap();
    fs::copy(bench.path("suite.toml"), bench.path("suites/good.toml")).unwrap();
    bench.write("suites/broken.toml", "x = 1\n");
    assert_eq!(
        bench.run(&["run", "good"]).code,
        0,
        "a suite is found by its name"
    );
    let check = |what: &str, part: &str| {
        let text = bench.run(&["list", what]);
        assert_eq!(text.code, 0, "{what}");
        assert!(text.stdout.contains(part), "{what}: {}", text.stdout);
        let objects = json(&bench.run(&["list", what, "--format", "json"]));
        assert_eq!(
            objects.as_array().unwrap().len(),
            text.stdout.lines().count(),
            "{what}"
        );
    };
    bench.checkpoint("models/mine", 2);
    check("models", "qwen2.5-3b");
    check("models", "models/mine");
    check("versions", "KV-cache + INT8 quantization");
    check("modes", "zero-layer");
    check("suites", "suites/good.toml");
    check("suites", "unreadable");
    check("runs", "2/2 good attempts");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new(CASES, "");
    let mut command = bench.command(&["run", "suite.toml", "--format", "json"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.outcomes("capture.all"), [Outcome::Ok]);
}
