//! Keys of a suite that look at the machine: programs, folders, CPUs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anechoic_integration_tests::{Bench, Finished, fake_worker};
use anechoic_record::Outcome;

const CASE: &str = "[[case]]\nid = \"one\"\nmode = \"baseline\"\n";

/// The program's answer to a suite whose one case has these keys as well.
fn answer(keys: &str, args: &[&str]) -> Finished {
    Bench::new(&format!("{CASE}{keys}\n"), "").run(args)
}

/// Refused, with nothing started.
#[track_caller]
fn refused(keys: &str, code: i32, parts: &[&str]) {
    for command in ["plan", "run"] {
        let bench = Bench::new(&format!("{CASE}{keys}\n"), "");
        let found = bench.run(&[command, "suite.toml"]);
        assert_eq!(found.code, code, "{command}: {}", found.stderr);
        for part in parts {
            assert!(
                found.stderr.contains(part),
                "no `{part}` in {}",
                found.stderr
            );
        }
        assert!(!bench.path("results").exists());
    }
}

#[test]
fn what_the_machine_does_not_have_is_refused() {
    refused(
        "working-directory = \"nowhere\"",
        3,
        &["suite.toml:17:", "`nowhere` cannot be used"],
    );
    refused(
        "working-directory = \"suite.toml\"",
        3,
        &["`suite.toml` is no folder"],
    );
    refused(
        "cpus = \"8191\"",
        3,
        &["`cpus` names 8191", "accepted: CPUs of `"],
    );
    refused(
        "threads = 8192",
        3,
        &["8192 threads are more", "`threads` from 1 to "],
    );
    let missing = "worker = { command = [\"no-such-program\", \"x.py\"] }";
    let place = "suite.toml:17:23: no folder of `PATH` holds";
    refused(
        missing,
        4,
        &[place, "`no-such-program`", "hint: install the program"],
    );
    let plain = "worker = { command = [\"./suite.toml\"] }";
    refused(
        plain,
        4,
        &["suite.toml` (a worker's command) is not an executable file"],
    );
}

#[test]
fn a_run_has_no_more_threads_than_cpus() {
    let run = answer("", &["run", "suite.toml", "--threads", "9999"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("--threads 9999: 9999 threads are more than the"),
        "{}",
        run.stderr
    );
    assert_eq!(answer("", &["run", "suite.toml", "--threads", "1"]).code, 0);
}

/// A program beside the suite, by a path with `/`, in the case's own folder.
#[test]
fn a_run_of_own_workers_needs_no_other() {
    let keys = "worker = { command = [\"./own-worker\"] }\nworking-directory = \"mine\"\n";
    let bench = Bench::new(&format!("{CASE}{keys}"), "");
    fs::create_dir(bench.path("mine")).unwrap();
    std::os::unix::fs::symlink(fake_worker(), bench.path("mine/own-worker")).unwrap();
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ANECHOIC_WORKER", bench.path("no-worker"));
        anechoic_integration_tests::finish(&mut command)
    };
    let made = run(&["run", "suite.toml"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(bench.outcomes("capture.one"), [Outcome::Ok]);
    let worker = bench.manifest().plan.cases[0].worker.clone().unwrap();
    assert!(worker.0[0].ends_with("mine/own-worker"), "{worker:?}");

    bench.write(
        "mixed.toml",
        &(fs::read_to_string(bench.path("suite.toml")).unwrap() + &CASE.replace("one", "two")),
    );
    let mixed = run(&["run", "mixed.toml"]);
    assert_eq!(mixed.code, 4, "{}", mixed.stderr);
    assert!(
        mixed.stderr.contains("from ANECHOIC_WORKER"),
        "{}",
        mixed.stderr
    );
}

#[test]
fn a_plan_shows_what_is_not_the_default() {
    let keys = "worker = { command = [\"./own.sh\", \"a b\"] }\nthreads = 1\nnice = 5\nenvironment = { A = \"1\" }\n\
                memory-limit = \"8GiB\"\n";
    let suite = format!("{CASE}{keys}");
    let bench = Bench::new(&suite, "");
    let script = bench.write("own.sh", "");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let args = [
        "plan",
        "suite.toml",
        "--cooldown",
        "until-settled",
        "--settle-limit",
        "2m",
        "--retries",
        "2",
    ];
    let plan = bench.run(&args);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    for part in [
        "cooldown until settled (at most 2 min 00 s)\n",
        "retries: up to 2 per case, after signal, timeout, spawn-failed, contaminated\n",
        "/own.sh 'a b'\n",
        "isolation of every case: threads 1, nice 5, memory limit 8 GiB, A=1\n",
        "add up to 22 min 00 s, which is a limit and no estimate",
        "\nretries are not included\n",
    ] {
        assert!(plan.stdout.contains(part), "no `{part}` in {}", plan.stdout);
    }
    let json = bench.run(
        &[
            &args[..],
            &["--when-restless", "refuse", "--format", "json"],
        ]
        .concat(),
    );
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["plan"]["settle"]["limit"], 120_000);
    assert_eq!(json["plan"]["retries"]["count"], 2);
    assert_eq!(json["plan"]["when_restless"], "refuse");
    let case = &json["plan"]["cases"][0];
    assert_eq!(case["isolation"]["memory_limit_bytes"], 8_u64 << 30);
    assert_eq!(case["worker"][1], "a b");
}

#[test]
fn a_plan_of_defaults_says_nothing_of_them() {
    let plan = answer("", &["plan", "suite.toml"]);
    for word in ["isolation", "worker", "retries", "rest:"] {
        assert!(!plan.stdout.contains(word), "`{word}` in {}", plan.stdout);
    }
}

#[test]
fn policies_are_checked_before_anything_starts() {
    let check = |args: &[&str], code: i32, part: &str| {
        let run = answer("", &[&["run", "suite.toml"], args].concat());
        assert_eq!(run.code, code, "{}", run.stderr);
        assert!(run.stderr.contains(part), "no `{part}` in {}", run.stderr);
    };
    check(&["--cooldown", "forever"], 2, "until-settled");
    check(&["--when-restless", "ignore"], 2, "label, discard, refuse");
    check(&["--retries", "many"], 2, "invalid value 'many'");
    check(
        &["--retries", "1001"],
        3,
        "--retries 1001: `retries` is 1001",
    );
    check(&["--settle-limit", "0s"], 3, "--settle-limit 0s");
}
