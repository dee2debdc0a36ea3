//! `anechoic nightly`: nights one after the other with the fake worker, through the real program.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anechoic_integration_tests::dials::VARIABLE;
use anechoic_integration_tests::{Bench, Finished, Started, fake_worker, finish, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{News, Night, NightOutcome, nights};
use nix::sys::signal::Signal;
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "all"
mode = "all-layers"
"#;

/// The times of the second case are half as long again.
const SLOW: &str = "--slow-down 50% --slow-down-case *.all";

/// A night with noise of its own; with what it says.
fn night(bench: &Bench, seed: u32, dials: &str, args: &[&str]) -> Finished {
    let all = [&["nightly", "suite.toml", "--attempts", "3"], args].concat();
    let dials = format!("{dials} --noise 0.3% --noise-seed {seed}");
    finish(bench.command(&all).env(VARIABLE, dials))
}

/// The same, and the exit code that it has to have.
fn expect(bench: &Bench, seed: u32, dials: &str, args: &[&str], code: i32) -> Finished {
    let made = night(bench, seed, dials, args);
    assert_eq!(made.code, code, "{}{}", made.stdout, made.stderr);
    made
}

/// The nights of the results root, oldest first.
fn stored(bench: &Bench) -> Vec<Night> {
    let kept = nights(&bench.path("results")).unwrap();
    kept.into_iter().map(|kept| kept.content.unwrap()).collect()
}

fn last(bench: &Bench) -> Night {
    stored(bench).pop().unwrap()
}

fn reasons(night: &Night) -> String {
    match &night.outcome {
        NightOutcome::NotMeasured { reasons } | NightOutcome::Failed { reasons } => {
            reasons.join("; ")
        }
        other => panic!("no reasons in {other:?}"),
    }
}

/// A server that accepts every request; the bodies it was sent, as JSON.
fn server() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            if send.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, received)
}

#[test]
fn a_regression_and_its_end_are_told_once_each() {
    let bench = Bench::new(CASES, "");
    let (url, received) = server();
    let hook = ["--notify-webhook", &url];
    let first = expect(&bench, 1, "", &hook, 0);
    assert!(
        first.stdout.starts_with("test: no baseline: "),
        "{}",
        first.stdout
    );
    let quiet = expect(&bench, 2, "", &hook, 0);
    assert!(
        quiet.stdout.starts_with("test: quiet: "),
        "{}",
        quiet.stdout
    );
    assert!(
        received.try_recv().is_err(),
        "nobody is told of a quiet night"
    );

    let slow = expect(&bench, 3, SLOW, &hook, 11);
    let (line, _) = slow.stdout.split_once('\n').unwrap();
    assert!(
        line.starts_with("test: regression: ") && line.contains("capture.all total-time +"),
        "{line}"
    );
    let told = received.try_recv().unwrap();
    assert_eq!(
        (&told["news"], &told["suite"]),
        (&"regression".into(), &"test".into())
    );
    assert_eq!(told["title"], line);
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains("\nrun: ") && !text.contains("told"),
        "it says nothing of telling: {text}"
    );
    let facts: Night = serde_json::from_value(told["facts"].clone()).unwrap();
    assert_eq!(facts.outcome, NightOutcome::Regression);
    let night = last(&bench);
    assert_eq!(night.against, [stored(&bench)[1].run.clone().unwrap()]);
    assert_eq!(night.notices.len(), 1);
    assert_eq!(night.notices[0].error, None);

    // It goes on: the scheduler is told, and people know already.
    expect(&bench, 4, SLOW, &hook, 11);
    assert!(received.try_recv().is_err(), "it was told already");
    assert_eq!(last(&bench).news, None);

    expect(&bench, 5, "", &hook, 0);
    let told = received.try_recv().unwrap();
    assert_eq!(told["news"], "recovery");
    expect(&bench, 6, "", &hook, 0);
    assert!(received.try_recv().is_err());
    let names: Vec<_> = stored(&bench)
        .iter()
        .map(|night| night.outcome.name())
        .collect();
    let course = [
        "no-baseline",
        "quiet",
        "regression",
        "regression",
        "quiet",
        "quiet",
    ];
    assert_eq!(names, course);
}

#[test]
fn news_that_reached_nobody_is_told_again() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    let out = bench.path("told");
    let fails = ["--notify-command", "exit 3"];
    let works = ["--notify-command", &format!("cat > '{}'", out.display())];
    let slow = expect(&bench, 2, SLOW, &fails, 11);
    assert!(
        slow.stdout.contains("\nnot told of regression: by command"),
        "{}",
        slow.stdout
    );
    assert!(last(&bench).notices[0].error.is_some());
    expect(&bench, 3, SLOW, &works, 11);
    assert!(out.is_file());
    fs::remove_file(&out).unwrap();
    expect(&bench, 4, SLOW, &works, 11);
    assert!(!out.exists(), "it was told already");
}

#[test]
fn news_that_was_killed_on_its_way_is_told_again() {
    let dials = format!("{SLOW} --noise 0.3% --noise-seed 2");
    let bench = Bench::new(CASES, "").with_dials(&dials);
    expect(&bench, 1, "", &[], 0);
    let waits = "touch telling; while [ ! -e go ]; do sleep 0.02; done";
    let args = ["nightly", "suite.toml", "--attempts", "3"];
    let started = bench.start(&[&args[..], &["--notify-command", waits]].concat());
    wait_for("the news", || bench.path("telling").exists().then_some(()));
    started.signal(Signal::SIGKILL);
    assert_eq!(started.code(), None);
    bench.write("go", "");
    let killed = last(&bench);
    assert_eq!(killed.news, Some(News::Regression));
    assert_eq!(killed.notices.len(), 1);
    assert!(killed.notices[0].error.is_some(), "{killed:?}");
    expect(&bench, 3, SLOW, &["--notify-command", "cat > told"], 11);
    assert!(bench.path("told").is_file());
}

#[test]
fn telling_is_given_up_where_somebody_wants_an_end() {
    let dials = format!("{SLOW} --noise 0.3% --noise-seed 2");
    let bench = Bench::new(CASES, "").with_dials(&dials);
    expect(&bench, 1, "", &[], 0);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let hook = ["--notify-webhook", &url, "--notify-mail", "root"];
    let mut command = bench.command(&["nightly", "suite.toml", "--attempts", "3"]);
    command.args(hook).env("ANECHOIC_SENDMAIL", "/bin/false");
    let started = Started::from(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let (_asked, _) = silent.accept().unwrap();
    started.signal(Signal::SIGTERM);
    let since = Instant::now();
    assert_eq!(started.code(), Some(11), "what the night found stays");
    assert!(since.elapsed() < Duration::from_secs(10), "{since:?}");
    let night = last(&bench);
    assert_eq!(night.outcome, NightOutcome::Regression);
    assert!(night.run.is_some() && night.ended > night.started);
    assert_eq!(night.news, Some(News::Regression));
    let notices = night.notices.iter().map(|notice| {
        let error = notice.error.as_deref();
        (notice.way.as_str(), notice.tries, error)
    });
    let interrupted = Some("interrupted");
    let expected = [("webhook", 1, interrupted), ("mail", 0, interrupted)];
    assert!(notices.eq(expected), "{night:?}");
    // It has reached nobody.
    expect(&bench, 3, SLOW, &["--notify-command", "cat > told"], 11);
    assert!(bench.path("told").is_file());
}

#[test]
fn a_way_that_stops_working_is_a_failed_night_that_the_others_tell() {
    let bench = Bench::new(CASES, "");
    let (url, received) = server();
    let hook = [
        "--notify-webhook",
        &url,
        "--notify-secret-file",
        "secret",
        "--notify-command",
        "cat >> told",
    ];
    let secret = bench.write("secret", "hush");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    expect(&bench, 1, "", &hook, 0);
    fs::remove_file(&secret).unwrap();
    let broken = expect(&bench, 2, "", &hook, 4);
    let begin = "test: failed: the file `secret` (--notify-secret-file) cannot be read";
    assert!(broken.stdout.starts_with(begin), "{}", broken.stdout);
    let night = last(&bench);
    assert_eq!((night.run, night.news), (None, Some(News::Failure)));
    let ways: Vec<_> = night.notices.iter().map(|n| n.way.as_str()).collect();
    assert_eq!(ways, ["command", "webhook"]);
    assert!(night.notices[0].error.is_none() && night.notices[1].error.is_some());
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert!(told.contains("\"news\":\"failure\""), "{told}");
    assert!(received.try_recv().is_err(), "nothing goes out unsigned");
    // Once only, and again where it reached nobody.
    expect(&bench, 3, "", &hook, 4);
    assert_eq!(last(&bench).news, None);
    expect(&bench, 4, "", &hook[4..], 0);
    expect(&bench, 5, "", &hook[..4], 4);
    expect(&bench, 6, "", &hook, 4);
    assert_eq!(last(&bench).news, Some(News::Failure));
}

#[test]
fn an_output_that_cannot_be_written_hides_no_regression() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    let full = |seed: u32, dials: &str| {
        let mut command = bench.command(&["nightly", "suite.toml", "--attempts", "3"]);
        command.env(
            VARIABLE,
            format!("{dials} --noise 0.3% --noise-seed {seed}"),
        );
        command.stdout(fs::File::create("/dev/full").unwrap());
        let made = command.stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8(made.stderr).unwrap();
        assert!(
            text.contains("failed to write to standard output"),
            "{text}"
        );
        made.status.code()
    };
    assert_eq!(full(2, SLOW), Some(11));
    assert_eq!(full(3, ""), Some(1), "nobody has seen that it is good");
}

#[test]
fn an_accepted_level_is_the_baseline_of_the_nights_to_come() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    expect(&bench, 2, SLOW, &[], 11);
    let accepted = expect(&bench, 3, SLOW, &["--accept"], 0);
    assert!(
        accepted.stdout.starts_with("test: accepted: "),
        "{}",
        accepted.stdout
    );
    assert_eq!(last(&bench).news, None);
    expect(&bench, 4, SLOW, &["--baseline", "rolling:9"], 0);
    let night = last(&bench);
    assert_eq!(night.outcome, NightOutcome::Quiet);
    assert_eq!(night.against, [stored(&bench)[2].run.clone().unwrap()]);
    assert_eq!(night.news, None, "whoever accepts it knows");
}

/// A worker that the processor is throttled under as soon as there are more runs than so many.
fn throttled_after(bench: &Bench, runs: usize) -> PathBuf {
    let counts = bench.path("probe-root/sys/devices/system/cpu/cpu0/thermal_throttle");
    fs::create_dir_all(&counts).unwrap();
    fs::write(counts.join("core_throttle_count"), "0\n").unwrap();
    let script = format!(
        "#!/bin/sh\ncount={}\nruns=$(ls -d {}/test_* 2>/dev/null | wc -l)\n\
         if [ \"$runs\" -gt {runs} ]; then\n  n=$(cat $count)\n  echo $((n + 5)) > $count.new\n  mv $count.new $count\nfi\n\
         exec {} \"$@\"\n",
        counts.join("core_throttle_count").display(),
        bench.path("results").display(),
        fake_worker().display(),
    );
    let worker = bench.write("worker.sh", &script);
    fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
    worker
}

#[test]
fn a_doubt_that_no_run_at_rest_resolves_is_no_regression() {
    let bench = Bench::new(CASES, "");
    let worker = throttled_after(&bench, 2);
    let args = ["--worker", worker.to_str().unwrap()];
    expect(&bench, 1, "", &args, 0);
    let doubt = expect(&bench, 2, SLOW, &args, 12);
    assert!(
        doubt
            .stdout
            .starts_with("test: not measured: what was measured leaves a doubt, and not enough"),
        "{}",
        doubt.stdout
    );
    let night = last(&bench);
    assert_eq!((night.confirmations.len(), night.left_out.len()), (0, 2));
    // The same with a machine at rest is one.
    throttled_after(&bench, 99);
    expect(&bench, 3, SLOW, &args, 11);
    let night = last(&bench);
    assert_eq!((night.confirmations.len(), night.left_out.len()), (2, 0));
}

#[test]
fn a_held_device_is_no_regression_and_told_after_so_many_nights() {
    let bench = Bench::new(CASES, "all=obedient");
    let run = bench.start(&["run", "suite.toml", "--results", "other"]);
    let events = bench.path("other/latest/events.jsonl");
    wait_for("the second worker", || {
        let text = fs::read_to_string(&events).unwrap_or_default();
        text.matches("attempt-started").nth(1).map(drop)
    });
    let args = [
        "--unmeasured-nights",
        "2",
        "--notify-command",
        "cat >> told",
    ];
    let held = expect(&bench, 1, "", &args, 12);
    assert!(
        held.stdout
            .starts_with("test: not measured: the device cpu is held by `anechoic run suite.toml"),
        "{}",
        held.stdout
    );
    assert!(!bench.path("told").exists());
    expect(&bench, 2, "", &args, 12);
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert!(told.contains("nothing-measured"), "{told}");
    expect(&bench, 3, "", &args, 12);
    assert_eq!(fs::read_to_string(bench.path("told")).unwrap(), told);
    let all = stored(&bench);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|night| night.run.is_none()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}

#[test]
fn two_nights_at_once_leave_two_files() {
    let bench = Bench::new(CASES, "all=obedient");
    let first = bench.start(&["nightly", "suite.toml"]);
    bench.wait_for_phase("capture.all", Phase::Measure);
    let second = expect(&bench, 1, "", &[], 12);
    assert!(
        second
            .stdout
            .contains("is held by `anechoic nightly suite.toml`"),
        "{}",
        second.stdout
    );
    first.signal(Signal::SIGTERM);
    assert_eq!(first.code(), Some(130));
    let all = stored(&bench);
    assert_eq!(all.len(), 2);
    assert_eq!(reasons(&all[0]), "it was interrupted");
    assert!(all[0].run.is_some() && all[1].run.is_none());
}

#[test]
fn a_baseline_that_was_pruned() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    expect(&bench, 2, "", &[], 0);
    let runs: Vec<_> = stored(&bench)
        .iter()
        .filter_map(|night| night.run.clone())
        .collect();
    fs::remove_dir_all(bench.path("results").join(&runs[1])).unwrap();
    let third = expect(&bench, 3, "", &[], 0);
    assert_eq!(last(&bench).against, [runs[0].clone()]);
    let note = format!("note: the run `{}` of the night of ", runs[1]);
    assert!(third.stdout.contains(&note), "{}", third.stdout);

    // One that is named is missed before anything is measured.
    let before = fs::read_dir(bench.path("results")).unwrap().count();
    let args = ["--baseline", &runs[1], "--notify-command", "cat > told"];
    let gone = expect(&bench, 4, "", &args, 2);
    assert!(gone.stderr.contains(&runs[1]), "{}", gone.stderr);
    assert_eq!(fs::read_dir(bench.path("results")).unwrap().count(), before);
    assert_eq!(last(&bench).news, Some(News::Failure));
    assert!(bench.path("told").is_file());
    expect(&bench, 5, "", &["--baseline", "latest"], 0);
    assert_eq!(last(&bench).news, Some(News::Recovery));
}

#[test]
fn a_night_without_the_bad_case_recovers_nothing_and_is_no_baseline_of_it() {
    let bench = Bench::new(CASES, "");
    let hook = ["--notify-command", "cat > told"];
    expect(&bench, 1, "", &hook, 0);
    expect(&bench, 2, SLOW, &hook, 11);
    let only = [hook[0], hook[1], "--only", "*.baseline"];
    expect(&bench, 3, "", &only, 0);
    assert_eq!(last(&bench).news, None);
    let goes_on = expect(&bench, 4, SLOW, &hook, 11);
    assert_eq!(last(&bench).news, None, "people know it");
    let note = "has fewer of tonight's cases than others, and is no baseline";
    assert!(goes_on.stdout.contains(note), "{}", goes_on.stdout);
    expect(&bench, 5, "", &hook, 0);
    assert_eq!(last(&bench).news, Some(News::Recovery));
}

#[test]
fn a_suite_that_vanished_is_told_once() {
    let bench = Bench::new(CASES, "");
    let hook = ["--notify-command", "cat >> told"];
    expect(&bench, 1, "", &hook, 0);
    fs::rename(bench.path("suite.toml"), bench.path("moved.toml")).unwrap();
    let gone = expect(&bench, 2, "", &hook, 3);
    assert!(
        gone.stdout
            .starts_with("test: failed: cannot read the suite `suite.toml`"),
        "{}",
        gone.stdout
    );
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert!(told.contains("\"news\":\"failure\""), "{told}");
    expect(&bench, 3, "", &hook, 3);
    assert_eq!(fs::read_to_string(bench.path("told")).unwrap(), told);
    fs::rename(bench.path("moved.toml"), bench.path("suite.toml")).unwrap();
    expect(&bench, 4, "", &hook, 0);
    assert_eq!(last(&bench).news, Some(News::Recovery));
    let all = stored(&bench);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|night| night.suite == "test"), "{all:?}");
    // Of one that was never measured nothing is known but its file.
    let never = finish(&mut bench.command(&["nightly", "other.toml"]));
    assert_eq!(never.code, 3);
    assert!(
        never.stdout.starts_with("other: failed: "),
        "{}",
        never.stdout
    );
}

#[test]
fn an_interrupted_night_says_so_and_keeps_its_run() {
    let bench = Bench::new(CASES, "all=obedient");
    let tell = ["--unmeasured-nights", "1", "--notify-command", "cat > told"];
    let started = bench.start(&[&["nightly", "suite.toml"], &tell[..]].concat());
    bench.wait_for_phase("capture.all", Phase::Measure);
    started.signal(Signal::SIGINT);
    assert_eq!(started.code(), Some(130));
    let night = last(&bench);
    assert_eq!(reasons(&night), "it was interrupted");
    assert_eq!(night.notices[0].error, None, "measuring was to end");
    assert!(bench.path("told").is_file());
    let run = night.run.unwrap();
    assert!(
        bench
            .path("results")
            .join(run)
            .join("report.html")
            .is_file()
    );
}

#[test]
fn a_night_that_was_killed_is_noted_by_the_next() {
    let bench = Bench::new(CASES, "all=obedient");
    let started = bench.start(&["nightly", "suite.toml"]);
    bench.wait_for_phase("capture.all", Phase::Measure);
    started.signal(Signal::SIGKILL);
    assert_eq!(started.code(), None);
    let killed = last(&bench);
    assert_eq!(killed.outcome.name(), "not-measured");
    let run = killed.run.unwrap();
    let next = bench.with_faults("", &["nightly", "suite.toml"]);
    assert_eq!(next.code, 0, "{}", next.stderr);
    let note = format!("has not come to its end: it is going on, or was killed; its run `{run}`");
    assert!(next.stdout.contains(&note), "{}", next.stdout);
    assert_eq!(last(&bench).outcome, NightOutcome::NoBaseline);
}

#[test]
fn failed_cases_are_no_baseline_and_the_others_are_judged() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    let fault = |args: &[&str], dials: &str| {
        let all = [&["nightly", "suite.toml", "--attempts", "3"], args].concat();
        let mut command = bench.command(&all);
        command
            .env("ANECHOIC_FAKE_WORKER", "baseline=exit-7")
            .env(VARIABLE, dials);
        finish(&mut command)
    };
    let failed = fault(&[], "");
    assert_eq!(failed.code, 10, "{}", failed.stderr);
    let night = last(&bench);
    assert!(
        reasons(&night).starts_with("capture.baseline: "),
        "{night:?}"
    );
    assert!(night.cells.iter().any(|cell| cell.id.case == "capture.all"));
    assert_eq!(night.news, Some(News::Failure));
    let worse = fault(&[], SLOW);
    assert_eq!(worse.code, 11, "{}{}", worse.stdout, worse.stderr);
    assert!(
        worse
            .stdout
            .contains("note: failed as well: capture.baseline: "),
        "{}",
        worse.stdout
    );
    expect(&bench, 2, "", &[], 0);
    assert_eq!(
        last(&bench).against,
        [stored(&bench)[0].run.clone().unwrap()]
    );
}

#[test]
fn a_case_that_always_fails_hides_no_regression_of_the_others() {
    let bench = Bench::new(CASES, "");
    let fault = |seed: u32, dials: &str, code: i32| {
        let mut command = bench.command(&["nightly", "suite.toml", "--attempts", "3"]);
        command.env("ANECHOIC_FAKE_WORKER", "baseline=exit-7").env(
            VARIABLE,
            format!("{dials} --noise 0.3% --noise-seed {seed}"),
        );
        let made = finish(&mut command);
        assert_eq!(made.code, code, "{}{}", made.stdout, made.stderr);
        made
    };
    fault(1, "", 10);
    let second = fault(2, "", 10);
    let note =
        "note: there is no good night: what was measured on nights on which other cases failed";
    assert!(second.stdout.contains(note), "{}", second.stdout);
    let slow = fault(3, SLOW, 11);
    assert!(
        slow.stdout.starts_with("test: regression: "),
        "{}",
        slow.stdout
    );
    let second = stored(&bench)[1].run.clone().unwrap();
    assert_eq!(last(&bench).against, [second]);
}

/// Puts another kernel into the record of a run.
fn of_another_kernel(run: &Path) {
    let path = run.join("run.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["machine"]["kernel"] = "Linux 1.0".into();
    fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn another_machine_is_not_measured_until_it_is_accepted() {
    let bench = Bench::new(CASES, "");
    expect(&bench, 1, "", &[], 0);
    of_another_kernel(&bench.latest());
    let other = expect(&bench, 2, "", &[], 12);
    assert!(
        other.stdout.contains("kernel was Linux 1.0 and is "),
        "{}",
        other.stdout
    );
    assert!(
        other.stdout.contains("nightly suite.toml --accept"),
        "{}",
        other.stdout
    );
    fs::rename(bench.path("results"), bench.path("my nights")).unwrap();
    let elsewhere = expect(&bench, 2, "", &["--results", "my nights"], 12);
    assert!(
        elsewhere
            .stdout
            .contains("`anechoic nightly suite.toml --accept --results 'my nights'` takes"),
        "{}",
        elsewhere.stdout
    );
    fs::rename(bench.path("my nights"), bench.path("results")).unwrap();
    assert_eq!(
        last(&bench).run,
        None,
        "it is known before anything is measured"
    );
    expect(&bench, 3, "", &["--accept"], 0);
    expect(&bench, 4, "", &[], 0);
    assert_eq!(last(&bench).outcome, NightOutcome::Quiet);
}

#[test]
fn a_certificate_is_what_a_night_is_judged_by_as_long_as_it_holds() {
    let bench = Bench::new(CASES, "");
    let certify = ["certify", "suite.toml", "--attempts", "3", "--rounds", "3"];
    let dials = "--noise 0.3% --noise-seed 9";
    let made = finish(bench.command(&certify).env(VARIABLE, dials));
    assert_eq!(made.code, 0, "{}", made.stderr);
    expect(&bench, 1, "", &[], 0);
    let quiet = expect(&bench, 2, "", &[], 0);
    assert!(
        quiet
            .stdout
            .contains("\nnoise: from the certificate `test_"),
        "{}",
        quiet.stdout
    );
    let other = ["--threads", "1", "--accept"];
    expect(&bench, 3, "", &other, 0);
    let expired = expect(&bench, 4, "", &["--threads", "1"], 0);
    assert!(
        !expired.stdout.contains("noise: from the certificate"),
        "{}",
        expired.stdout
    );
}

#[test]
fn the_night_as_json_is_the_file() {
    let bench = Bench::new(CASES, "");
    let made = expect(&bench, 1, "", &["--format", "json"], 0);
    let printed: Night = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(printed, last(&bench));
    assert_eq!(printed.cells.len(), 4);
}

#[test]
fn results_that_cannot_be_written_are_told() {
    let bench = Bench::new(CASES, "");
    let args = ["--results", "suite.toml", "--notify-command", "cat > told"];
    let made = expect(&bench, 1, "", &args, 4);
    assert_eq!(
        made.stderr,
        "error: failed to create the results folder `suite.toml`: File exists (os error 17)\n  \
         hint: choose another folder with --results\n"
    );
    assert!(!made.stdout.contains("note: "), "{}", made.stdout);
    let told = fs::read_to_string(bench.path("told")).unwrap();
    assert!(told.contains("\"news\":\"failure\""), "{told}");
}

#[test]
fn ways_are_tried_out_without_a_night() {
    let bench = Bench::new(CASES, "");
    let works = ["--notify-test", "--notify-command", "cat > told"];
    expect(&bench, 1, "", &works, 0);
    assert!(bench.path("told").is_file() && !bench.path("results").exists());
    let fails = ["--notify-test", "--notify-command", "exit 1"];
    let made = expect(&bench, 1, "", &fails, 4);
    assert!(
        made.stderr.contains("not told by command: "),
        "{}",
        made.stderr
    );
    expect(&bench, 1, "", &["--notify-test"], 2);
    expect(&bench, 1, "", &["--baseline", "rolling:0"], 2);
    expect(&bench, 1, "", &["--notify-webhook", "no url"], 2);
}
