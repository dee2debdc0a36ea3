//! A place of its own for one test: a results folder, a suite, and the program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anechoic_record::{Manifest, Outcome, RunEvent, Stamped, find_run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{anechoic, dials, fake_worker, gone, wait_for};

/// A temporary folder with a suite, where `anechoic` runs with the fake worker.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    faults: String,
    dials: String,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A program that runs.
#[derive(Debug)]
pub struct Started(Child);

/// Small enough to pass in milliseconds.
const HEAD: &str = r#"
schema-version = 1
name = "test"
cooldown = "0s"

[defaults]
benchmark = "capture"
model = "gpt2-tiny"
dtype = "f32"
batch-size = 2
prefill-tokens = 4
decode-tokens = 3
iterations = 2
"#;

impl Bench {
    /// With these `[[case]]` tables, and with faults as [`crate::fault`] reads them.
    pub fn new(cases: &str, faults: &str) -> Self {
        Self::with_suite(&format!("{HEAD}{cases}"), faults)
    }

    /// With this suite, and with faults as [`crate::fault`] reads them.
    pub fn with_suite(suite: &str, faults: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let bench = Self {
            folder,
            faults: faults.to_owned(),
            dials: String::new(),
        };
        bench.write("suite.toml", suite);
        bench
    }

    /// The same with the times of its workers turned, as [`crate::dials`] reads it.
    pub fn with_dials(self, dials: &str) -> Self {
        let dials = dials.to_owned();
        Self { dials, ..self }
    }

    /// Writes a file in the test's folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the test's folder can be written");
        path
    }

    /// Makes a checkpoint folder with a GPT-2 of so many layers, without real weights: what the orchestrator looks at.
    ///
    /// # Panics
    /// When the test's folder cannot be written.
    pub fn checkpoint(&self, name: &str, layers: u32) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).expect("the test's folder can be written");
        let config = format!(
            r#"{{"model_type":"gpt2","vocab_size":257,"n_positions":512,"n_embd":64,"n_layer":{layers},"n_head":4}}"#
        );
        self.write(&format!("{name}/config.json"), &config);
        self.write(&format!("{name}/model.safetensors"), "");
        folder
    }

    /// A path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `anechoic` with these arguments, in the test's folder, with no GPU to be seen.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(anechoic());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("ANECHOIC_WORKER", fake_worker())
            .env("ANECHOIC_FAKE_WORKER", &self.faults)
            .env(dials::VARIABLE, &self.dials)
            .env("CUDA_VISIBLE_DEVICES", "")
            // Tests run beside each other on one machine.
            .env("ANECHOIC_BENCH", self.folder.path())
            .env("ANECHOIC_LOCKS", self.path("locks"))
            // And what the others do is no disturbance: there is nothing to be read here, unless a test puts it there.
            .env("ANECHOIC_PROBE_ROOT", self.path("probe-root"))
            .stdin(Stdio::null());
        command
    }

    /// Runs `anechoic` to its end.
    pub fn run(&self, args: &[&str]) -> Finished {
        self.with_faults(&self.faults, args)
    }

    /// Runs `anechoic` to its end, with other faults.
    pub fn with_faults(&self, faults: &str, args: &[&str]) -> Finished {
        finish(self.command(args).env("ANECHOIC_FAKE_WORKER", faults))
    }

    /// Processes that belong to this bench and run: `anechoic`, workers, and what they have started. Found by the
    /// environment that they were started with, and by the ids that the fake worker logs of children without it.
    pub fn alive(&self) -> Vec<u32> {
        let mark = format!("ANECHOIC_BENCH={}", self.folder.path().display());
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = ids.filter(|pid| has_mark(*pid, &mark));
        let mut found: Vec<u32> = marked.chain(self.logged_children()).collect();
        found.retain(|pid| !gone(*pid));
        found
    }

    /// Ids that the fake workers of the newest run logged of what they left behind.
    fn logged_children(&self) -> Vec<u32> {
        let logs = self.newest_logs();
        let texts = logs.iter().filter_map(|path| fs::read(path).ok());
        let lines = texts.flat_map(|text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        let id = |line: String| line.strip_prefix("grandchild ")?.trim().parse().ok();
        lines.filter_map(id).collect()
    }

    fn newest_logs(&self) -> Vec<PathBuf> {
        let Ok(run) = find_run(&self.path("results"), "latest") else {
            return Vec::new();
        };
        let below = |folder: PathBuf| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path())
        };
        let attempts = below(run.join("cases")).flat_map(below);
        attempts.map(|folder| folder.join("stderr.log")).collect()
    }

    /// Starts `anechoic`; its output goes nowhere.
    pub fn start(&self, args: &[&str]) -> Started {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Started(command.spawn().expect("anechoic can be started"))
    }

    /// The directory of the newest run.
    pub fn latest(&self) -> PathBuf {
        find_run(&self.path("results"), "latest").expect("there is a run")
    }

    /// The manifest of the newest run.
    pub fn manifest(&self) -> Manifest {
        let text =
            fs::read_to_string(self.latest().join("run.json")).expect("a run has a manifest");
        serde_json::from_str(&text).expect("the manifest can be read")
    }

    /// The outcomes of a case in the newest run, oldest first.
    pub fn outcomes(&self, case: &str) -> Vec<Outcome> {
        let manifest = self.manifest();
        let found = manifest.cases.iter().find(|record| record.case.id == case);
        let attempts = &found.expect("the case is in the run").attempts;
        attempts
            .iter()
            .map(|attempt| attempt.outcome.clone())
            .collect()
    }

    /// A file that an attempt in the newest run left.
    pub fn attempt_file(&self, case: &str, attempt: u32, name: &str) -> PathBuf {
        self.latest()
            .join(format!("cases/{case}/attempt-{attempt}/{name}"))
    }

    /// The events of the newest run so far.
    pub fn events(&self) -> Vec<RunEvent> {
        let Ok(run) = find_run(&self.path("results"), "latest") else {
            return Vec::new();
        };
        let text = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let event = |line: &str| {
            serde_json::from_str::<Stamped>(line)
                .expect("events can be read")
                .event
        };
        whole.lines().map(event).collect()
    }

    /// Waits for an event of the newest run.
    pub fn wait_for_event<T>(&self, what: &str, find: impl Fn(&RunEvent) -> Option<T>) -> T {
        wait_for(what, || self.events().iter().find_map(&find))
    }

    /// Waits until a case's worker is in a phase; returns its process id.
    pub fn wait_for_phase(&self, case: &str, wanted: anechoic_protocol::Phase) -> u32 {
        use anechoic_protocol::WorkerEvent::Phase;
        self.wait_for_event("the phase", |event| match event {
            RunEvent::Worker {
                case: of,
                message: Phase { phase },
                ..
            } => (of == case && *phase == wanted).then_some(()),
            _ => None,
        });
        self.wait_for_event("the start", |event| match event {
            RunEvent::AttemptStarted { case: of, pid, .. } => (of == case).then_some(*pid),
            _ => None,
        })
    }
}

impl From<Child> for Started {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Started {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        kill(pid, signal).expect("the program runs");
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end; its exit code, `None` after a signal.
    pub fn code(mut self) -> Option<i32> {
        self.0.wait().expect("a child can be awaited").code()
    }
}

/// Whether a process was started with this in its environment; one that has ended has none.
fn has_mark(pid: u32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|&byte| byte == 0)
        .any(|entry| entry == mark.as_bytes())
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be run or is ended by a signal.
pub fn finish(command: &mut Command) -> Finished {
    let output = command.output().expect("the program can be run");
    let text = |bytes| String::from_utf8(bytes).expect("programs write text");
    Finished {
        code: output.status.code().expect("the program ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Whether the path is a file that is not empty.
pub fn is_filled(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.len() > 0)
}
