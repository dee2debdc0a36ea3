//! The fault matrix on the real binaries: for every fault its ending, that nothing of the other cases is lost, and
//! that nothing is left running.

mod rows;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use anechoic_integration_tests::{Bench, Started, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Outcome, RunEvent, RunRecord};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use rows::{How, PARTS, Row};

const GOOD: [&str; 2] = ["capture.good-before", "capture.good-after"];
const BAD: &str = "capture.bad";

/// Three cases, of which the middle one has these settings too.
fn cases(settings: &str) -> String {
    format!(
        "[[case]]\nid = \"good-before\"\nmode = \"baseline\"\n\n\
         [[case]]\nid = \"bad\"\nmode = \"all-layers\"\n{settings}\n\n\
         [[case]]\nid = \"good-after\"\nmode = \"zero-layer\"\n"
    )
}

/// Brings the fault about; the run has ended then.
fn bring_about(how: How) -> Bench {
    match how {
        How::Worker(fault) => run("", fault),
        How::Hangs(fault) => run("timeout = \"3s\"", fault),
        How::With(settings, fault) => run(settings, fault),
        How::NoInterpreter => without_interpreter(),
        How::PipeHeld => with_held_pipe(),
        How::MachineStalls => on_a_machine_that_stalls(),
        How::WorkerGets(signal) => signalled(signal),
        How::OrchestratorGets(signals, fault) => interrupted(signals, fault),
    }
}

fn run(settings: &str, fault: &str) -> Bench {
    let bench = Bench::new(&cases(settings), &format!("bad={fault}"));
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{fault}: {}", run.stderr);
    let told = format!("{BAD} attempt 1: FAILED");
    assert!(run.stderr.contains(&told), "{fault}: {}", run.stderr);
    bench
}

fn without_interpreter() -> Bench {
    let bench = Bench::new(&cases(""), "");
    let bad = bench.write("bad-worker", "#!/nonexistent/interpreter\n");
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o755)).expect("a file of ours");
    let own = format!("worker = {{ command = [{:?}] }}", bad.display().to_string());
    let bench = Bench::new(&cases(&own), "");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    bench
}

/// The test itself opens the worker's standard output, and closes it when the run has ended.
fn with_held_pipe() -> Bench {
    let bench = Bench::new(&cases(""), "bad=slow");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase(BAD, Phase::Measure);
    let pipe = fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{worker}/fd/1"))
        .expect("the worker runs, and its output is a pipe");
    assert_eq!(run.code(), Some(10));
    drop(pipe);
    bench
}

/// The machine is a file that grows in the middle of a measurement.
fn on_a_machine_that_stalls() -> Bench {
    let bench = Bench::new(&cases(""), "bad=slow");
    let folder = bench.path("probe-root/proc/pressure");
    fs::create_dir_all(&folder).expect("the test's folder can be written");
    let stalled = |total_us: u64| {
        let text = format!("some avg10=0.00 total={total_us}\n");
        fs::write(folder.join("new"), text).expect("the test's folder can be written");
        fs::rename(folder.join("new"), folder.join("memory")).expect("it was just written");
    };
    stalled(0);
    let run = bench.start(&["run", "suite.toml", "--when-restless", "discard"]);
    bench.wait_for_phase(BAD, Phase::Measure);
    stalled(3_600_000_000);
    assert_eq!(run.code(), Some(10));
    bench
}

fn signalled(signal: Signal) -> Bench {
    let bench = Bench::new(&cases(""), "bad=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase(BAD, Phase::Measure);
    kill(Pid::from_raw(worker.cast_signed()), signal).expect("the worker runs");
    assert_eq!(run.code(), Some(10), "{signal}");
    bench
}

/// After this nothing runs; the attempts that are missing are made then.
fn interrupted(signals: &[Signal], fault: &str) -> Bench {
    let bench = Bench::new(&cases(""), &format!("bad={fault}"));
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase(BAD, Phase::Measure);
    send(&bench, &run, signals);
    let killed = signals.contains(&Signal::SIGKILL);
    assert_eq!(run.code(), if killed { None } else { Some(130) }, "{fault}");
    nothing_runs(&bench, fault);
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{fault}: {}", resumed.stderr);
    assert_eq!(bench.outcomes(BAD)[1..], [Outcome::Ok], "{fault}");
    bench
}

fn send(bench: &Bench, run: &Started, signals: &[Signal]) {
    for (index, signal) in signals.iter().enumerate() {
        if index > 0 {
            bench.wait_for_event("the first stop", |event| {
                matches!(event, RunEvent::Stopping { .. }).then_some(())
            });
        }
        run.signal(*signal);
    }
}

fn nothing_runs(bench: &Bench, what: &str) {
    wait_for(&format!("the end of everything: {what}"), || {
        bench.alive().is_empty().then_some(())
    });
}

/// Nothing is lost: the good cases are measured once, and every file of theirs is there and whole.
fn nothing_lost(bench: &Bench, what: &str) {
    let record = RunRecord::load(&bench.latest()).expect("the record can be read");
    for good in GOOD {
        assert_eq!(bench.outcomes(good), [Outcome::Ok], "{what}: {good}");
        assert_eq!(record.attempt(good, 1).samples.len(), 2, "{what}: {good}");
        for file in ["job.json", "result.json", "stdout.log", "stderr.log"] {
            let path = bench.attempt_file(good, 1, file);
            assert!(path.is_file(), "{what}: {}", path.display());
        }
    }
    let rows = fs::read_to_string(bench.latest().join("results.jsonl")).expect("a run has rows");
    let of_good = |row: &&str| GOOD.iter().any(|good| row.contains(&format!("\"{good}\"")));
    assert_eq!(rows.lines().filter(of_good).count(), 4, "{what}");
}

fn check(row: &Row) {
    let bench = bring_about(row.how);
    let outcome = bench.outcomes(BAD).remove(0);
    let (what, cause) = (row.fault, outcome.cause());
    assert_eq!(outcome.ending(), row.ending, "{what}: {cause}");
    assert!(cause.contains(row.cause), "{what}: {cause}");
    let result = bench.attempt_file(BAD, 1, "result.json");
    assert!(!result.exists(), "{what}: a result of a bad attempt");
    nothing_lost(&bench, what);
    assert_eq!(bench.alive(), Vec::<u32>::new(), "{what}");
}

/// Few at a time: the good cases must not be short of time.
const AT_A_TIME: usize = 4;

#[test]
fn fault_matrix() {
    let all: Vec<&Row> = PARTS.iter().flat_map(|(_, rows)| rows.iter()).collect();
    assert!(all.len() >= 40, "{} rows", all.len());
    let next = Mutex::new(all.into_iter());
    let take = || {
        let mut next = next
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        next.next()
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = take() {
                    check(row);
                }
            });
        }
    });
}

const BEGIN: &str = "<!-- The table below is made by the test `fault_matrix`. -->\n";
const END: &str = "<!-- End of the table. -->\n";

fn table() -> String {
    let mut table = String::from(
        "| | What goes wrong | Ending | The other cases | Left running |\n|---|---|---|---|---|\n",
    );
    for (part, rows) in PARTS {
        for row in *rows {
            let others = match row.how {
                How::OrchestratorGets(..) => "measured before, or by `resume`",
                How::Worker(_)
                | How::Hangs(_)
                | How::With(..)
                | How::NoInterpreter
                | How::PipeHeld
                | How::MachineStalls
                | How::WorkerGets(_) => "measured",
            };
            let ending = row.ending.as_str();
            table += &format!(
                "| {part} | {} | `{ending}` | {others} | nothing |\n",
                row.fault
            );
        }
    }
    table
}

/// `ANECHOIC_UPDATE_DOCS=1 cargo test -p anechoic-integration-tests --test fault_matrix` writes it anew.
#[test]
fn the_page_shows_the_matrix() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/failures.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark");
    let (shown, after) = rest.split_once(END).expect("the page has the end mark");
    if std::env::var_os("ANECHOIC_UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(shown, table(), "write it anew with ANECHOIC_UPDATE_DOCS=1");
}
