//! `anechoic worker check` on workers that behave, and on one that breaks every rule on request.

use std::path::Path;

use anechoic_integration_tests::{Bench, Finished, Started, fake_worker, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A file of `examples/`.
fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("examples").join(name);
    path.to_str().expect("the path is text").to_owned()
}

fn check(options: &[&str], command: &[&str]) -> Finished {
    let bench = Bench::new("", "");
    let args = [&["worker", "check"][..], options, &["--"], command].concat();
    bench.run(&args)
}

/// The states of the rules.
fn states(run: &Finished) -> Vec<(String, String)> {
    let found: Value = serde_json::from_str(&run.stdout).expect(&run.stderr);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rules = found["rules"].as_array().expect("a list").iter();
    rules
        .map(|rule| (text(&rule["rule"]), text(&rule["state"])))
        .collect()
}

#[track_caller]
fn all_hold(command: &[&str]) {
    let run = check(&["--format", "json"], command);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let states = states(&run);
    assert_eq!(states.len(), 32, "{}", run.stdout);
    for (rule, state) in states {
        // What offers everything cannot be asked for something else.
        let is_fine = state == "held" || rule == "benchmark-not-offered";
        assert!(is_fine, "{rule}: {state}\n{}", run.stdout);
    }
}

#[test]
fn the_python_example_keeps_every_rule() {
    all_hold(&["python3", &example("worker.py")]);
}

#[test]
fn the_shell_example_keeps_every_rule() {
    all_hold(&["sh", &example("worker.sh")]);
}

#[test]
fn the_fake_worker_keeps_every_rule() {
    let worker = fake_worker();
    all_hold(&[worker.to_str().expect("the path is text")]);
}

/// Each fault of the bad example with the rule that it breaks.
const FAULTS: [(&str, &str); 21] = [
    ("waits-for-job", "hello"),
    ("nameless", "hello-content"),
    ("angry-goodbye", "no-job"),
    ("noise", "output"),
    ("silent", "phases"),
    ("short", "samples"),
    ("lies", "echo"),
    ("trusts-itself", "verification"),
    ("repeats", "result"),
    ("exit-code", "exit-code"),
    ("strict", "unknown-fields"),
    ("impatient", "job-in-pieces"),
    ("greedy", "second-job"),
    ("any-benchmark", "unknown-benchmark"),
    ("any-device", "device-not-there"),
    ("any-version", "other-version"),
    ("hopeful", "not-json"),
    ("deaf", "stop-in-measure"),
    ("immortal", "sigterm-in-measure"),
    ("shouts-on", "output-closed"),
    ("litters", "nothing-left"),
];

#[test]
fn every_fault_of_the_bad_example_is_named() {
    let bad = example("bad_worker.py");
    for (fault, rule) in FAULTS {
        let options = ["--timeout", "3s", "--only", rule, "--format", "json"];
        let run = check(&options, &["python3", &bad, fault]);
        assert_eq!(run.code, 10, "{fault}: {}{}", run.stdout, run.stderr);
        let expected = [(rule.to_owned(), "broken".to_owned())];
        assert_eq!(states(&run), expected, "{fault}: {}", run.stdout);
    }
}

/// In parts, which are checked at the same time: most of it is waiting.
#[test]
fn without_arguments_the_bad_example_breaks_every_rule_that_a_fault_is_for() {
    let bad = example("bad_worker.py");
    std::thread::scope(|scope| {
        for part in FAULTS.chunks(4) {
            scope.spawn(|| {
                let mut options = vec!["--timeout", "3s", "--format", "json"];
                options.extend(part.iter().flat_map(|(_, rule)| ["--only", *rule]));
                let run = check(&options, &["python3", &bad]);
                assert_eq!(run.code, 10, "{}", run.stderr);
                let states = states(&run);
                assert_eq!(states.len(), part.len(), "{}", run.stdout);
                for (rule, state) in states {
                    assert_eq!(state, "broken", "{rule}: {}", run.stdout);
                }
            });
        }
    });
}

#[test]
fn every_fault_of_the_bad_example_has_a_rule_here() {
    let source = include_str!("../../../examples/bad_worker.py");
    let faults = source
        .lines()
        .filter_map(|line| line.strip_prefix("    \""));
    let faults: Vec<_> = faults
        .filter_map(|line| line.split_once("\": \""))
        .collect();
    let named = faults.iter().map(|(name, _)| *name);
    assert!(named.eq(FAULTS.iter().map(|(name, _)| *name)), "{faults:?}");
}

#[test]
fn faults_of_the_fake_worker_are_those_of_a_run() {
    let worker = fake_worker();
    let worker = worker.to_str().expect("the path is text");
    let found = |fault: &str| {
        let bench = Bench::new("", fault);
        bench.run(&[
            "worker",
            "check",
            "--only",
            "jobs",
            "--timeout",
            "3s",
            "--",
            worker,
        ])
    };
    let expected = [
        ("exit-3", "in a run: `exit-code`"),
        ("segv", "in a run: `signal`"),
        ("wrong-echo", "in a run: `echo-mismatch`"),
        ("bad-verification", "in a run: `verification-failed`"),
        ("hang-in-load", "in a run: `timeout`"),
        ("wrong-version", "in a run: `protocol-mismatch`"),
    ];
    for (fault, part) in expected {
        let run = found(fault);
        assert!(run.stdout.contains(part), "{fault}: {}", run.stdout);
    }
}

#[test]
fn a_worker_is_given_a_job_that_it_can_do() {
    let python = example("worker.py");
    let told = |options: &[&str]| {
        let options = [&["--only", "jobs"], options].concat();
        let run = check(&options, &["python3", &python]);
        (run.code, run.stdout)
    };
    assert_eq!(told(&["--parameters", "size=3"]).0, 0);
    let (code, text) = told(&["--parameters", "colour=red"]);
    assert_eq!(code, 10, "{text}");
    assert!(
        text.contains("it carries out no job: `custom`: the only parameter is `size`"),
        "{text}"
    );

    let bench = Bench::new("", "");
    let job = r#"{"protocol":1,"case":"a","attempt":1,"device":"cpu","threads":1,"seed":3,
        "work":{"benchmark":"custom","parameters":{"size":5},"warmup_iterations":0,"iterations":4}}"#;
    let file = bench.write("job.json", job);
    let file = file.to_str().expect("the path is text");
    assert_eq!(told(&["--job", file]).0, 0);
}

#[test]
fn what_cannot_be_checked_has_its_own_codes() {
    let run = check(&[], &["no-such-program"]);
    assert_eq!(run.code, 4);
    assert!(
        run.stderr.contains("cannot check the worker: ") && run.stderr.contains("no-such-program"),
        "{}",
        run.stderr
    );
    let bench = Bench::new("", "");
    let file = bench.write("job.json", "{}");
    let file = file.to_str().expect("the path is text");
    let run = check(&["--job", file], &["sh"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("(--job) is no job: missing field"),
        "{}",
        run.stderr
    );
    assert_eq!(check(&["--only", "nonsense"], &["sh"]).code, 2);
    assert_eq!(check(&[], &[]).code, 2);
}

#[test]
fn a_program_that_is_no_worker_says_no_hello() {
    let run = check(&["--timeout", "3s"], &["true"]);
    assert_eq!(run.code, 10);
    assert!(
        run.stdout.contains("none: it ended with code 0"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("0 held, 1 broken, 31 not tested"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_check_in_which_nothing_was_tested_is_no_success() {
    let worker = fake_worker();
    let worker = worker.to_str().expect("the path is text");
    // What offers everything cannot be asked for something else.
    let run = check(&["--only", "benchmark-not-offered"], &[worker]);
    assert!(
        run.stdout.contains("0 held, 0 broken, 1 not tested"),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 12, "{}", run.stderr);
}

/// A check of a worker that has left a child in a group of its own and hangs now.
fn hanging(bench: &Bench) -> Started {
    let worker = fake_worker();
    let worker = worker.to_str().expect("the path is text");
    let run = bench.start(&["worker", "check", "--only", "jobs", "--", worker]);
    // `anechoic`, the worker, and at least two children that keep its environment; the guard has none.
    wait_for("the children", || (bench.alive().len() >= 4).then_some(()));
    run
}

#[test]
fn a_check_that_is_stopped_leaves_nothing_running() {
    for (signal, code) in [
        (Signal::SIGINT, Some(130)),
        (Signal::SIGTERM, Some(130)),
        (Signal::SIGKILL, None),
    ] {
        let bench = Bench::new("", "brood-then-hang");
        let run = hanging(&bench);
        run.signal(signal);
        assert_eq!(run.code(), code, "{signal}");
        wait_for("the end of everything", || {
            bench.alive().is_empty().then_some(())
        });
    }
}

#[test]
fn a_check_and_a_run_are_not_beside_each_other() {
    let bench = Bench::new(
        "[[case]]\nid = \"a\"\nmode = \"baseline\"\n",
        "brood-then-hang",
    );
    let run = hanging(&bench);
    let refused = bench.run(&["run", "suite.toml"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let told = refused
        .stderr
        .contains("the device cpu is held by `anechoic worker check");
    assert!(told, "{}", refused.stderr);
    let second = bench.run(&["worker", "check", "--wait=10ms", "--", "true"]);
    assert_eq!(second.code, 4, "{}", second.stderr);
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
}

/// Needs no build of libtorch: the fake worker stands in for ours.
#[test]
fn one_suite_has_workers_of_several_kinds() {
    let bench = Bench::new("", "");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = bench.command(&["run", "suites/own-worker.toml", "--attempts", "1"]);
    let results = bench.path("results");
    command.current_dir(root).arg("--results").arg(&results);
    let run = anechoic_integration_tests::finish(&mut command);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for part in [
        "capture.tiny",
        "custom.product-32",
        "custom.product-64",
        "custom.sum",
        "products_per_second",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let csv = bench.run(&["report", "latest", "--format", "csv"]).stdout;
    let header = csv.lines().next().expect("a header");
    for column in [
        "time_ns",
        "parameters.size",
        "values.products_per_second",
        "outcome",
    ] {
        assert!(header.split(',').any(|name| name == column), "{header}");
    }
    let result = bench.attempt_file("custom.product-64", 1, "result.json");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(result).unwrap()).unwrap();
    assert_eq!(result["parameters"]["size"], 64);
    assert_eq!(result["summary"]["time"]["n"], 5);
    assert_eq!(result["settings_used"]["work"]["parameters"]["size"], 64);
}

#[test]
fn a_custom_case_with_another_echo_is_refused() {
    let case = "[[case]]\nid = \"a\"\nbenchmark = \"custom\"\nparameters = { size = 3 }\n";
    let suite = format!("schema-version = 1\nname = \"x\"\ncooldown = \"0s\"\n{case}");
    let bench = Bench::with_suite(&suite, "wrong-echo");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    let outcome = bench.outcomes("custom.a").remove(0);
    assert!(
        outcome.cause().contains("work.iterations: asked 5, used 1"),
        "{outcome:?}"
    );
}
