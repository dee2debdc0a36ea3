//! What a worker is given and shielded from, what it leaves behind, and what becomes of that.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anechoic_integration_tests::{Bench, Finished, fake_worker, finish, gone, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{
    AttemptRecord, Containment, Fate, MemoryEnforcement, MemoryEvidence, Outcome, RunEvent,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CASES: &str = r#"
[[case]]
id = "good-before"
mode = "baseline"

[[case]]
id = "bad"
mode = "all-layers"

[[case]]
id = "good-after"
mode = "zero-layer"
"#;

/// What an attempt's worker wrote to standard error after this word.
fn told(bench: &Bench, case: &str, word: &str) -> Vec<String> {
    let log = fs::read_to_string(bench.attempt_file(case, 1, "stderr.log")).unwrap();
    let line = |line: &str| {
        line.strip_prefix(word)?
            .strip_prefix(' ')
            .map(str::to_owned)
    };
    log.lines().filter_map(line).collect()
}

/// The processes that an attempt's worker said it left.
fn children(bench: &Bench) -> Vec<u32> {
    let told = told(bench, "capture.bad", "grandchild");
    let pids = told.iter().map(|pid| pid.parse().unwrap());
    let mut pids: Vec<u32> = pids.collect();
    pids.sort_unstable();
    pids
}

fn attempt(bench: &Bench, case: &str) -> AttemptRecord {
    let manifest = bench.manifest();
    let found = manifest.cases.iter().find(|record| record.case.id == case);
    found.unwrap().attempts[0].clone()
}

fn containment(bench: &Bench, case: &str) -> Containment {
    let found = bench.events().into_iter().find_map(|event| match event {
        RunEvent::AttemptStarted {
            case: of,
            containment,
            ..
        } => (of == case).then_some(containment),
        _ => None,
    });
    found.expect("the attempt was started")
}

/// The command run by a shell that does this first.
fn after(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{script}; exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell
}

fn own_status(key: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.unwrap().trim().to_owned()
}

#[test]
fn a_worker_gets_what_the_suite_says_and_nothing_else() {
    let cpus = own_status("Cpus_allowed_list:");
    let first = cpus.split(['-', ',']).next().unwrap();
    let cases = format!(
        r#"
[[case]]
id = "set"
mode = "baseline"
pass-environment = ["TEST_PASSED_*"]
environment = {{ TEST_SET = "by the suite", LC_ALL = "C" }}
working-directory = "elsewhere"
cpus = "{first}"
nice = 3
memory-limit = "512MiB"
worker = {{ command = ["{}", "--noise-seed", "7"] }}

[[case]]
id = "plain"
mode = "baseline"
"#,
        fake_worker().display()
    );
    let bench = Bench::new(&cases, "tells");
    fs::create_dir(bench.path("elsewhere")).unwrap();
    let mut command = bench.command(&["run", "suite.toml"]);
    command
        .env("TEST_PASSED_ONE", "1")
        .env("TEST_SECRET", "2")
        .env("LC_ALL", "C.UTF-8");
    let run = finish(&mut after("exec 8</dev/null 9>leaked", &command));
    assert_eq!(run.code, 0, "{}", run.stderr);

    let set = |word: &str| told(&bench, "capture.set", word);
    let plain = |word: &str| told(&bench, "capture.plain", word);
    let variables = set("variable");
    let has = |variables: &[String], text: &str| variables.iter().any(|found| found == text);
    for variable in ["TEST_SET=by the suite", "TEST_PASSED_ONE=1", "LC_ALL=C"] {
        assert!(has(&variables, variable), "{variable}: {variables:?}");
    }
    let variables = plain("variable");
    assert!(has(&variables, "LC_ALL=C.UTF-8"), "{variables:?}");
    let mark = format!("ANECHOIC_ATTEMPT={}/capture.plain/1", bench.manifest().run);
    assert!(has(&variables, &mark), "{variables:?}");
    assert!(
        !variables.iter().any(|found| found.starts_with("TEST_")),
        "{variables:?}"
    );

    let folder = |name: &str| {
        bench
            .path(name)
            .canonicalize()
            .unwrap()
            .display()
            .to_string()
    };
    assert_eq!(set("folder"), [folder("elsewhere")]);
    assert_eq!(plain("folder"), [folder(".")]);
    assert_eq!(
        (set("cpus"), plain("cpus")),
        (vec![first.to_owned()], vec![cpus.clone()])
    );
    let niceness = |told: Vec<String>| told[0].parse::<i32>().unwrap();
    let expected = (niceness(plain("niceness")) + 3).min(19);
    assert_eq!(niceness(set("niceness")), expected);
    assert_eq!(set("argument"), ["--noise-seed", "7"]);
    assert_eq!(plain("argument"), [""; 0]);
    for files in [set("file"), plain("file")] {
        let beyond = files
            .iter()
            .filter(|file| !file.starts_with(['0', '1', '2']));
        assert_eq!(beyond.count(), 0, "{files:?}");
    }
    let limit = match containment(&bench, "capture.set").memory.unwrap() {
        MemoryEnforcement::DataSegment => "536870912",
        MemoryEnforcement::ControlGroup => "unlimited",
    };
    assert_eq!(set("data-limit"), [limit]);
    assert_eq!(containment(&bench, "capture.plain").memory, None);
    assert_eq!(
        attempt(&bench, "capture.set").worker_identity.unwrap().name,
        "fake-worker"
    );
}

/// A container may refuse it; then the attempt says so, and is not made without it.
#[test]
fn addresses_are_fixed_or_the_attempt_is_not_made() {
    let cases = CASES.replace(
        "mode = \"all-layers\"",
        "mode = \"all-layers\"\nfixed-addresses = true",
    );
    let bench = Bench::new(&cases, "tells");
    bench.run(&["run", "suite.toml"]);
    let fixed = |case: &str| {
        let bits = u32::from_str_radix(&told(&bench, case, "personality")[0], 16).unwrap();
        bits & 0x0004_0000 != 0
    };
    match attempt(&bench, "capture.bad").outcome {
        Outcome::Ok => assert!(fixed("capture.bad")),
        Outcome::SpawnFailed { message } => {
            assert!(
                message.contains("cannot turn address-space randomisation off"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(!fixed("capture.good-after"));
}

#[test]
fn a_setting_that_is_refused_is_named_and_the_suite_goes_on() {
    let cases = CASES.replace(
        "mode = \"all-layers\"",
        "mode = \"all-layers\"\nworking-directory = \"elsewhere\"",
    );
    let bench = Bench::new(&cases, "attempt-1:bad=exit-3");
    let folder = bench.path("elsewhere");
    fs::create_dir(&folder).unwrap();
    bench.run(&["run", "suite.toml"]);
    fs::remove_dir(&folder).unwrap();
    let again = bench.run(&["rerun", "latest"]);
    assert_eq!(again.code, 10, "{}", again.stderr);
    let Outcome::SpawnFailed { message } = &bench.outcomes("capture.bad")[1] else {
        panic!("{}", again.stderr);
    };
    let expected = format!(
        "cannot start it in the working directory `{}`: No such file or directory (os error 2)",
        folder.canonicalize().unwrap_or(folder).display()
    );
    assert!(message.ends_with(&expected), "{message}");
}

/// Runs the three cases, of which the middle one leaves something behind.
fn leak(fault: &str, prepare: impl Fn(&Command) -> Command) -> (Bench, Finished) {
    let bench = Bench::new(CASES, &format!("bad={fault}"));
    let run = finish(&mut prepare(&bench.command(&["run", "suite.toml"])));
    for good in ["capture.good-before", "capture.good-after"] {
        assert_eq!(
            bench.outcomes(good),
            [Outcome::Ok],
            "{fault}: {}",
            run.stderr
        );
        assert_eq!(attempt(&bench, good).left, [], "{fault}");
    }
    (bench, run)
}

/// A fault, the number of processes that it leaves, how many of them have left the worker's group, and
/// whether they hold its pipes.
const LEAKS: &[(&str, usize, usize, bool)] = &[
    ("grandchild", 1, 0, true),
    ("runaway", 1, 1, true),
    ("daemon", 1, 1, false),
    ("stubborn-child", 1, 0, false),
    ("brood", 4, 2, true),
];

fn check_leak(
    (fault, processes, away, held_pipes): &(&str, usize, usize, bool),
    prepare: impl Fn(&Command) -> Command,
) -> Bench {
    let (bench, run) = leak(fault, prepare);
    assert_eq!(run.code, 10, "{fault}: {}", run.stderr);
    let attempt = attempt(&bench, "capture.bad");
    let expected = Outcome::Leaked {
        processes: u32::try_from(*processes).unwrap(),
        held_pipes: *held_pipes,
    };
    assert_eq!(attempt.outcome, expected, "{fault}: {}", run.stderr);
    assert_eq!(attempt.pipes_left, *held_pipes, "{fault}");
    let mut left: Vec<u32> = attempt.left.iter().map(|left| left.pid).collect();
    left.sort_unstable();
    assert_eq!(left, children(&bench), "{fault}: each once, and no other");
    for left in &attempt.left {
        assert!(gone(left.pid), "{fault}: {left:?} is alive");
        assert_eq!(left.fate, Fate::Ended, "{fault}");
        assert_eq!(left.name.as_deref(), Some("sleep"), "{fault}");
        let named = format!("{} (sleep)", left.pid);
        assert!(run.stderr.contains(&named), "{fault}: {}", run.stderr);
    }
    let outside = attempt.left.iter().filter(|left| left.left_group);
    assert_eq!(outside.count(), *away, "{fault}");
    bench
}

#[test]
fn what_a_worker_leaves_is_ended_and_listed_and_the_attempt_does_not_count() {
    for row in LEAKS {
        check_leak(row, |command| after(":", command));
    }
}

/// Adoption alone finds them as well, where no control group can be made: version 2 is unmounted for the run.
#[test]
fn what_a_worker_leaves_is_found_without_a_control_group() {
    let script = "unshare --mount true 2>/dev/null && [ -z \"$INSIDE\" ] && \
        INSIDE=1 exec unshare --mount sh -c 'umount -a -t cgroup2; exec \"$@\"' sh \"$@\"";
    for row in LEAKS {
        let bench = check_leak(row, |command| after(script, command));
        if containment(&bench, "capture.bad").control_group {
            eprintln!("skipped: control groups cannot be hidden from a process here");
            return;
        }
    }
}

#[test]
fn a_child_that_ends_within_the_leak_limit_is_no_leak() {
    let (bench, run) = leak("slow-child", |command| after(":", command));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let attempt = attempt(&bench, "capture.bad");
    assert_eq!((attempt.outcome, attempt.left), (Outcome::Ok, Vec::new()));
    assert_eq!(children(&bench).len(), 1);
    assert!(gone(children(&bench)[0]));
}

#[test]
fn an_attempt_that_failed_keeps_its_ending_and_lists_what_it_left() {
    let (bench, run) = leak("brood-then-exit-3", |command| after(":", command));
    assert_eq!(run.code, 10, "{}", run.stderr);
    let attempt = attempt(&bench, "capture.bad");
    assert_eq!(attempt.outcome, Outcome::ExitCode { code: 3 });
    assert_eq!(attempt.left.len(), 4);
    assert!(attempt.pipes_left, "its pipes are held as well");
    let listed = bench.events().into_iter().find_map(|event| match event {
        RunEvent::AttemptEnded {
            case,
            left,
            pipes_left,
            ..
        } => (case == "capture.bad").then_some((left, pipes_left)),
        _ => None,
    });
    assert_eq!(listed.unwrap(), (attempt.left, attempt.pipes_left));
}

/// The kernel ends the worker itself, and the guard what the worker had started.
#[test]
fn nothing_survives_an_orchestrator_that_is_killed() {
    let bench = Bench::new(CASES, "bad=brood-then-hang");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.bad", Phase::Measure);
    let children = wait_for("the children", || {
        Some(children(&bench)).filter(|pids| pids.len() == 4)
    });
    let in_group = containment(&bench, "capture.bad").control_group;
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    wait_for("the end of the worker", || gone(worker).then_some(()));
    for pid in children {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        // Without a control group nothing tells whose it is, once it has cleared its environment.
        if in_group || !environment.is_empty() {
            wait_for("the end of a child", || gone(pid).then_some(()));
        }
    }
    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

/// As when the machine has killed both of them.
#[test]
fn what_even_the_guard_could_not_end_is_ended_by_the_next_start() {
    let bench = Bench::new(CASES, "bad=brood-then-hang");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.bad", Phase::Measure);
    let children = wait_for("the children", || {
        Some(children(&bench)).filter(|pids| pids.len() == 4)
    });
    let in_group = containment(&bench, "capture.bad").control_group;
    let guard = guard_of(run.pid());
    assert!(!gone(guard));
    kill(Pid::from_raw(guard.cast_signed()), Signal::SIGKILL).unwrap();
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    for pid in children {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        assert!(
            gone(pid) || (!in_group && environment.is_empty()),
            "{pid} is alive"
        );
    }
}

/// The guard is a child of the orchestrator with the command of that name.
fn guard_of(orchestrator: u32) -> u32 {
    let path = format!("/proc/{orchestrator}/task/{orchestrator}/children");
    let children = fs::read_to_string(path).unwrap();
    let mut pids = children
        .split_whitespace()
        .map(|pid| pid.parse::<u32>().unwrap());
    let is_guard = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).nth(1) == Some(b"guard")
    };
    pids.find(is_guard).expect("a run has a guard")
}

#[test]
fn no_control_group_stays_behind() {
    let bench = Bench::new(CASES, "bad=tells");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let groups = told(&bench, "capture.bad", "groups").concat();
    let own = groups
        .split(' ')
        .find_map(|group| group.strip_prefix("0::"));
    let contained = containment(&bench, "capture.bad").control_group;
    assert_eq!(
        own.is_some_and(|own| own.contains("/anechoic-")),
        contained,
        "{groups}"
    );
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    for mount in mounts.map(Path::new) {
        let group = own.map(|own| mount.join(own.trim_start_matches('/')));
        assert!(!contained || !group.unwrap().exists(), "{groups}");
    }
}

#[test]
fn a_worker_at_its_memory_limit_is_out_of_memory() {
    let limit = "mode = \"all-layers\"\nmemory-limit = \"128MiB\"";
    let bench = Bench::new(&CASES.replace("mode = \"all-layers\"", limit), "bad=hungry");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let Outcome::HostOutOfMemory { evidence } = attempt(&bench, "capture.bad").outcome else {
        panic!("{}", run.stderr);
    };
    match (evidence, containment(&bench, "capture.bad").memory.unwrap()) {
        (MemoryEvidence::Refused { message }, MemoryEnforcement::DataSegment) => {
            assert_eq!(message, "as told: out-of-memory");
        }
        (MemoryEvidence::ControlGroup { kills }, MemoryEnforcement::ControlGroup) => {
            assert!(kills > 0);
        }
        (evidence, enforcement) => panic!("{evidence:?} under {enforcement:?}"),
    }
    assert_eq!(bench.outcomes("capture.good-after"), [Outcome::Ok]);
}

/// A group of the memory controller, version 1, with 256 MiB; `None` where it cannot be made.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    fn make() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups
            .lines()
            .find_map(|line| line.split_once(":memory:"))?
            .1;
        let mount = Path::new("/sys/fs/cgroup/memory");
        let parent = mount.join(own.trim_start_matches('/'));
        let path = parent.join(format!("isolation-test-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let group = Self(path);
        fs::write(group.0.join("memory.swappiness"), "0").ok()?;
        for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
            let path = group.0.join(file);
            if path.exists() {
                fs::write(path, "268435456").ok()?;
            }
        }
        Some(group)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_worker_that_the_kernel_kills_for_memory_is_told_from_another_kill() {
    let Some(group) = MemoryGroup::make() else {
        eprintln!("skipped: no group of the memory controller (version 1) can be made here");
        return;
    };
    let bench = Bench::new(CASES, "bad=hungry");
    let join = format!("echo $$ > '{}/cgroup.procs'", group.0.display());
    let run = finish(&mut after(&join, &bench.command(&["run", "suite.toml"])));
    assert_eq!(run.code, 10, "{}", run.stderr);
    let outcome = attempt(&bench, "capture.bad").outcome;
    let Outcome::HostOutOfMemory {
        evidence: MemoryEvidence::Kernel { kills },
    } = outcome
    else {
        panic!("{outcome:?}: {}", run.stderr);
    };
    assert!(kills > 0);
    assert_eq!(bench.outcomes("capture.good-after"), [Outcome::Ok]);
}

const HELLO: &str = r#"{"type":"hello","protocol":1,"worker":{"name":"another","version":"2"},"torch":null,"devices":[],"benchmarks":["capture"]}"#;

#[test]
fn a_case_s_own_worker_is_recorded_and_is_no_change_of_the_run_s() {
    let own = "mode = \"all-layers\"\nworker = { command = [\"sh\", \"-c\", \"cat hello.json; read job; exit 3\"] }";
    let bench = Bench::new(&CASES.replace("mode = \"all-layers\"", own), "");
    bench.write("hello.json", &format!("{HELLO}\n"));
    let run = bench.run(&["run", "suite.toml", "--attempts", "2"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let name = |case: &str| {
        attempt(&bench, case)
            .worker_identity
            .map(|worker| worker.name)
    };
    assert_eq!(name("capture.bad").as_deref(), Some("another"));
    assert_eq!(name("capture.good-after").as_deref(), Some("fake-worker"));
    let run_s = bench.manifest().settings.worker_identity.unwrap();
    assert_eq!(run_s.name, "fake-worker");
    assert!(
        !run.stderr.contains("earlier in this run"),
        "{}",
        run.stderr
    );
}
