//! Reports in the formats of other programs, from real runs, read as those programs read them.

use std::io::Write;
use std::process::{Command, Stdio};

use anechoic_integration_tests::{Bench, Finished, fake_worker};
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "{version}.latency"
benchmark = "latency"
model = "gpt2-tiny"
batch-size = 1
prompt-length = 4
tokens = [4, 8]
measured-runs = 3
matrix = { version = ["v1"] }

[[case]]
id = "v1.vram"
benchmark = "vram"
model = "gpt2-tiny"
batch-size = 1
prompt-length = 4
tokens = 4
measured-runs = 1
version = "v1"

[[case]]
id = "broken"
mode = "baseline"
"#;

/// Three attempts per case; all of one case fail.
fn measured() -> Bench {
    let bench = Bench::new(CASES, "broken=exit-3");
    let run = bench.run(&["run", "suite.toml", "--attempts", "3"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    bench
}

fn report(bench: &Bench, format: &str) -> Finished {
    let run = bench.run(&["report", "latest", "--format", format]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// What a Python script prints about a text; `None` where there is no Python here.
fn python(script: &str, input: &str) -> Option<String> {
    let mut command = Command::new("python3");
    command.args(["-c", script]).stdin(Stdio::piped());
    let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
        eprintln!("skipped: there is no python3 here");
        return None;
    };
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(input.as_bytes()).expect("python3 reads");
    drop(stdin);
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "python3 failed");
    Some(String::from_utf8(output.stdout).expect("python3 prints text"))
}

#[test]
fn the_long_table_is_read_by_pythons_csv_module() {
    let text = report(&measured(), "long-csv").stdout;
    let script = r#"
import csv, statistics, sys
rows = list(csv.DictReader(sys.stdin))
times = [float(r["value"]) for r in rows if r["case"] == "kv.v1.latency" and r["metric"] == "total-time" and r["tokens"] == "8"]
failed = [r for r in rows if r["outcome"] != "ok"]
print(len(times), statistics.median(times), len(failed), {r["value"] for r in failed}, sorted({r["unit"] for r in rows}))
print(sorted({(r["metric"], r["iteration"]) for r in rows if r["metric"] == "peak-resident"}))
"#;
    let Some(found) = python(script, &text) else {
        return;
    };
    let lines: Vec<&str> = found.lines().collect();
    // The fake worker's prefill, its seven further tokens, and one microsecond.
    assert_eq!(lines[0], "9 0.006497 3 {''} ['', 'bytes', 's']", "{found}");
    assert_eq!(lines[1], "[('peak-resident', '')]");
}

#[test]
fn hyperfines_scripts_find_what_they_read() {
    let run = report(&measured(), "hyperfine");
    assert!(
        run.stderr
            .contains("left out: kv.v1.vram: `vram` measures no time"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("left out: capture.broken: no attempt of it ended well"),
        "{}",
        run.stderr
    );
    // The keys that advanced_statistics.py, plot_whisker.py, welch_ttest.py and plot_parametrized.py look at.
    let script = r#"
import json, statistics, sys
for b in json.load(sys.stdin)["results"]:
    assert set(b) <= {"command", "mean", "stddev", "median", "user", "system", "min", "max", "times", "exit_codes", "parameters"}
    assert abs(statistics.mean(b["times"]) - b["mean"]) < 1e-12 and b["min"] <= b["median"] <= b["max"]
    assert all(isinstance(t, float) for t in b["times"] + [b["user"], b["system"], b["stddev"]])
    assert b["exit_codes"] == [0] * len(b["times"])
    print(b["command"], len(b["times"]), [(n, float(v)) for n, v in b.get("parameters", {}).items()])
"#;
    let Some(found) = python(script, &run.stdout) else {
        return;
    };
    let expected = [
        "capture.baseline 3 []",
        "kv.v1.latency T=4 3 [('T', 4.0)]",
        "kv.v1.latency T=8 3 [('T', 8.0)]",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_trace_of_a_real_run_has_every_attempt_and_its_phases() {
    let text = report(&measured(), "perfetto").stdout;
    // How Perfetto tells this format from others.
    assert!(text.starts_with("{\"traceEvents\":["), "{}", &text[..40]);
    let trace: Value = serde_json::from_str(&text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let slices = |name: &str| {
        let found = events
            .iter()
            .filter(|e| e["ph"] == "X" && e["name"] == name);
        found.count()
    };
    assert_eq!(slices("attempt 1"), 3, "of three cases that ended well");
    assert_eq!(slices("attempt 1: exit-code"), 1);
    assert_eq!(slices("capture.broken attempt 3: exit-code"), 1);
    assert_eq!(
        slices("measure"),
        12,
        "the broken ones fail while they measure"
    );
    let times: Vec<u64> = events.iter().map(|e| e["ts"].as_u64().unwrap()).collect();
    assert!(times.is_sorted());
    let names: Vec<&Value> = events
        .iter()
        .filter(|e| e["name"] == "thread_name" && e["pid"] == 2)
        .map(|e| &e["args"]["name"])
        .collect();
    assert_eq!(
        names,
        [
            "capture.baseline",
            "kv.v1.latency",
            "kv.v1.vram",
            "capture.broken"
        ]
    );
}

#[test]
fn nothing_measured_ends_with_12_in_every_format() {
    let bench = Bench::new("[[case]]\nid = \"a\"\nmode = \"baseline\"\n", "exit-3");
    bench.run(&["run", "suite.toml"]);
    for format in ["text", "long-csv", "perfetto", "hyperfine"] {
        let run = bench.run(&["report", "latest", "--format", format]);
        assert_eq!(run.code, 12, "{format}: {}", run.stderr);
        assert!(!run.stdout.is_empty(), "{format}");
    }
}

#[test]
fn a_slow_down_on_purpose_is_seen_and_told() {
    let bench = Bench::new("", "");
    let case = "[[case]]\nid = \"ID\"\nmode = \"baseline\"\n";
    let command = format!(
        "worker = {{ command = [{:?}, \"--slow-down\", \"50%\", \"--slow-down-case\", \"*.b\"] }}\n",
        fake_worker()
    );
    let head = "schema-version = 1\nname = \"slow\"\ncooldown = \"0s\"\n[defaults]\nbenchmark = \"capture\"\nmodel = \"gpt2-tiny\"\nprefill-tokens = 4\ndecode-tokens = 3\n";
    let cases = ["a", "b"].map(|id| case.replace("ID", id)).concat();
    bench.write("suite.toml", &format!("{head}{command}{cases}"));
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told = "capture.b: slowed down by 50 % on purpose (--slow-down)";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    assert!(!run.stdout.contains("capture.a: slowed"), "{}", run.stdout);
    let json: Value = serde_json::from_str(&report(&bench, "hyperfine").stdout).unwrap();
    let time = |index: usize| json["results"][index]["median"].as_f64().unwrap();
    assert!((time(1) / time(0) - 1.5).abs() < 1e-6, "{json}");
}
