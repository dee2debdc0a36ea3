//! What becomes of workers and of what they start where `anechoic` ends otherwise than in order.

use std::process::{Command, Stdio};

use anechoic_integration_tests::{Bench, Started, anechoic, fake_worker, finish, wait_for};
use anechoic_protocol::Phase;
use nix::sys::signal::Signal;

const CASE: &str = "[[case]]\nid = \"a\"\nmode = \"baseline\"\n";

/// The arguments of a check of the fake worker.
fn check() -> Vec<String> {
    let worker = fake_worker().display().to_string();
    let args = ["worker", "check", "--timeout", "60s", "--", &worker];
    args.map(str::to_owned).to_vec()
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// The log of the worker meets a limit on the size of files while children of all kinds run, one of them without its
/// environment and in a session of its own.
#[test]
fn a_run_that_fails_ends_what_its_worker_had_started() {
    let bench = Bench::new(CASE, "brood-then-shout");
    let inner = bench.command(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 1000; exec \"$0\" run suite.toml"])
        .arg(anechoic())
        .current_dir(bench.path(""))
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let run = finish(&mut command);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("File too large"), "{}", run.stderr);
    assert_eq!(bench.alive(), [0; 0]);
}

#[test]
fn a_check_that_is_stopped_leaves_nothing() {
    let bench = Bench::new("", "brood-then-hang");
    let mut command = bench.command(&words(&check()));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let run = Started::from(command.spawn().expect("anechoic can be started"));
    // Itself, its guard without the mark, the worker, and those of its children that keep their environment.
    wait_for("the worker's children", || {
        (bench.alive().len() >= 5).then_some(())
    });
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
    assert_eq!(bench.alive(), [0; 0]);
}

#[test]
fn a_check_does_not_disturb_a_measurement() {
    let bench = Bench::new(CASE, "hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.a", Phase::Measure);
    let refused = bench.with_faults("", &words(&check()));
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let told = "the device cpu is held by `anechoic run suite.toml`";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}
