//! How the commands of Slurm are called, with made-up ones in their place that answer as a test needs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use anechoic_integration_tests::{Bench, Started, finish, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Outcome, RunState};
use nix::sys::signal::Signal;

const CASES: &str = r#"
[[case]]
id = "first"
mode = "baseline"

[[case]]
id = "second"
mode = "all-layers"
"#;

/// Never answers.
const SILENT: &str = "exec sleep 600";

/// A bench whose commands of Slurm are shell scripts. Each notes how it was called, in `called` of the bench.
struct Place {
    bench: Bench,
}

impl Place {
    /// `sbatch` answers the question whether it would take a job.
    fn new(sbatch: &str, scontrol: &str, scancel: &str) -> Self {
        let place = Self {
            bench: Bench::new(CASES, ""),
        };
        fs::create_dir(place.bench.path("programs")).expect("the test's folder can be written");
        let taken = "case \"$*\" in *--test-only*) exit 0;; esac";
        place.program("sinfo", "echo 'bench* 1 4 4'");
        place.program("sbatch", &format!("{taken}\n{sbatch}"));
        place.program("scontrol", scontrol);
        place.program("scancel", scancel);
        place
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.bench.path("programs").join(name);
        let called = self.bench.path("called");
        let note = format!(
            "{{ echo \"{name} $*\"; env | sed 's/^/{name} has /'; }} >> '{}'",
            called.display()
        );
        fs::write(&path, format!("#!/bin/sh\n{note}\n{script}\n"))
            .expect("the test's folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .expect("the test's folder can be written");
    }

    fn command(&self) -> Command {
        let arguments = ["run", "suite.toml", "--executor", "slurm"];
        let mut command = self.bench.command(&arguments);
        let path = std::env::var("PATH").expect("there is a `PATH`");
        let programs = self.bench.path("programs");
        command.env("PATH", format!("{}:{path}", programs.display()));
        command
    }

    fn start(&self) -> Started {
        let told =
            fs::File::create(self.bench.path("told")).expect("the test's folder can be written");
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(told);
        Started::from(command.spawn().expect("anechoic can be started"))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.bench.path(name)).unwrap_or_default()
    }

    fn wait(&self, name: &str, text: &str) {
        wait_for(text, || self.read(name).contains(text).then_some(()));
    }

    fn was_cancelled(&self) {
        let phase = Phase::Start;
        let outcomes = self.bench.outcomes("capture.first");
        assert_eq!(outcomes, [Outcome::Cancelled { phase }]);
        assert_eq!(self.bench.outcomes("capture.second"), []);
        assert_eq!(self.bench.manifest().state, RunState::Interrupted);
    }
}

#[test]
fn ctrl_c_does_not_wait_for_a_hand_over() {
    let place = Place::new(SILENT, "exit 1", "exit 0");
    let run = place.start();
    place.wait("called", "--job-name=");
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130), "{}", place.read("told"));
    place.was_cancelled();
    // It may be in the queue, and what starts of it then has nothing to do.
    let called = place.read("called");
    assert!(called.contains("scancel --quiet --name"), "{called}");
    let request = |name| place.bench.attempt_file("capture.first", 1, name);
    assert!(request("slurm/job.sh").exists() && !request("slurm/request.json").exists());
}

#[test]
fn ctrl_c_ends_a_run_whose_controller_does_not_answer() {
    let waits = "echo 'JobId=1 JobState=PENDING Reason=Resources NodeList='";
    let place = Place::new("echo 'Submitted batch job 1' >&2; echo 1", waits, SILENT);
    let run = place.start();
    place.wait("told", "waits for a node");
    run.signal(Signal::SIGINT);
    place.wait("called", "--state=PENDING");
    run.signal(Signal::SIGINT);
    place.wait("called", "--signal=KILL");
    run.signal(Signal::SIGINT);
    let code = run.code();
    let told = place.read("told");
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("`scancel --name anechoic/"), "{told}");
    place.was_cancelled();
}

#[test]
fn options_in_variables_are_kept_from_slurm() {
    let place = Place::new("echo away >&2; exit 1", "exit 1", "exit 0");
    let mut command = place.command();
    for name in ["SBATCH_CONSTRAINT", "SINFO_PARTITION", "SCANCEL_STATE"] {
        command.env(name, "other");
    }
    let run = finish(command.env("SLURM_CONF", "kept").env("OTHER", "kept"));
    assert_eq!(run.code, 10, "{}", run.stderr);
    let called = place.read("called");
    for program in ["sinfo", "sbatch", "scancel"] {
        for kept in ["SLURM_CONF=kept", "OTHER=kept"] {
            let line = format!("{program} has {kept}\n");
            assert!(called.contains(&line), "no {line} in {called}");
        }
    }
    assert!(!called.contains("=other"), "{called}");
}
