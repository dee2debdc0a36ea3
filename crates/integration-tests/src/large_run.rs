//! Writes the directory of a made-up run with many attempts, with the real types and without a single process: for
//! looking at how long reports take. Equal settings give equal files.

mod course;
mod made;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_protocol::{Device, PROTOCOL_VERSION, WorkerIdentity};
use anechoic_record::{
    CaseRecord, Executor, Machine, Manifest, RunSettings, RunState, SCHEMA_VERSION, Start,
    StartedBy,
};
use anechoic_suite::{Case, Order, Plan};
use jiff::{SignedDuration, Timestamp};

use course::Course;

/// 2026-11-22T03:45:00Z, in seconds.
const STARTED: i64 = 1_795_319_100;

/// What is made up.
#[derive(Debug, Clone)]
pub struct LargeRun {
    /// Cases, half of them of `latency` and half of `capture`.
    pub cases: u32,
    /// Attempts per case.
    pub attempts: u32,
    /// Measured iterations per attempt.
    pub iterations: u32,
    /// Length of an attempt; one reading of the machine per second.
    pub seconds: u32,
    /// Noise of processes, as a share of their times.
    pub noise: f64,
    /// All times are multiplied by this.
    pub factor: f64,
    /// Times of the case with this id are multiplied by this as well.
    pub slower: Option<(String, f64)>,
    /// What the noise follows from.
    pub seed: u64,
    /// Name of the suite and beginning of the run's; `large` and the seed where there is none.
    pub name: Option<String>,
    /// When it begins.
    pub started: Timestamp,
    /// The kernel that it is made on.
    pub kernel: String,
}

impl Default for LargeRun {
    /// 2,000 attempts of 20 s.
    fn default() -> Self {
        Self {
            cases: 200,
            attempts: 10,
            iterations: 5,
            seconds: 20,
            noise: 0.01,
            factor: 1.0,
            slower: None,
            seed: 1,
            name: None,
            started: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(STARTED),
            kernel: "Linux 6.1".to_owned(),
        }
    }
}

impl LargeRun {
    /// The cases, with their ids.
    pub fn case_ids(&self) -> Vec<String> {
        let cases = (0..self.cases).map(|index| made::case(self, index).id);
        cases.collect()
    }

    /// Writes the run below `root`; its directory, which is named after suite or seed, and the time.
    ///
    /// # Errors
    /// What the system refuses; a directory of that name must not be there yet.
    pub fn write(&self, root: &Path) -> std::io::Result<PathBuf> {
        let mut manifest = self.manifest();
        let folder = root.join(&manifest.run);
        fs::create_dir_all(root)?;
        fs::create_dir(&folder)?;
        let log = BufWriter::new(File::create_new(folder.join("events.jsonl"))?);
        let mut course = Course::new(self, log, manifest.started);
        course.begin(&manifest)?;
        for slot in manifest.plan.slots.clone() {
            let record = course.attempt(&manifest.cases[slot.case].case, slot.attempt)?;
            manifest.cases[slot.case].attempts.push(record);
        }
        course.end()?.flush()?;
        fs::write(
            folder.join("suite.toml"),
            "# Made up: there was no suite.\n",
        )?;
        let text = serde_json::to_string_pretty(&manifest)?;
        fs::write(folder.join("run.json"), text + "\n")?;
        Ok(folder)
    }

    fn manifest(&self) -> Manifest {
        let started = self.started;
        let cases: Vec<Case> = (0..self.cases)
            .map(|index| made::case(self, index))
            .collect();
        let without_attempts = |case: &Case| CaseRecord {
            case: case.clone(),
            attempts: Vec::new(),
            granted: None,
        };
        Manifest {
            schema_version: SCHEMA_VERSION,
            run: self.run(),
            anechoic: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            state: RunState::Complete,
            settings: settings(),
            machine: machine(&self.kernel),
            cases: cases.iter().map(without_attempts).collect(),
            plan: self.plan(cases),
            starts: vec![start(started, &self.kernel)],
            audit: None,
        }
    }

    fn run(&self) -> String {
        let at = self.started.strftime("%Y-%m-%dT%H-%M-%SZ");
        match &self.name {
            Some(name) => format!("{name}_{at}"),
            None => format!("large-{}_{at}", self.seed),
        }
    }

    fn plan(&self, cases: Vec<Case>) -> Plan {
        Plan {
            name: self.name.clone().unwrap_or_else(|| "large".to_owned()),
            question: Some("How long does the report of a large run take?".to_owned()),
            cooldown: Duration::from_secs(1),
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Interleaved,
            attempts: self.attempts,
            until: None,
            slots: Order::Interleaved.slots(cases.len(), self.attempts),
            cases,
        }
    }
}

fn settings() -> RunSettings {
    RunSettings {
        device: Device::Cpu,
        threads: 2,
        worker: "/nowhere/made-up".to_owned(),
        worker_identity: Some(identity()),
        torch: Some("2.11.0".to_owned()),
        executor: Executor::Local,
    }
}

fn identity() -> WorkerIdentity {
    WorkerIdentity {
        name: "made-up".to_owned(),
        version: PROTOCOL_VERSION.to_string(),
    }
}

fn start(at: Timestamp, kernel: &str) -> Start {
    Start {
        at,
        by: StartedBy::Run,
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(kernel),
        programs: Vec::new(),
        environment: Default::default(),
        suite_file: None,
        timeout_ms: None,
        clocks: anechoic_record::Clocks::default(),
        differences: Vec::new(),
    }
}

fn machine(kernel: &str) -> Machine {
    Machine {
        hostname: Some("made-up".to_owned()),
        kernel: Some(kernel.to_owned()),
        cpu: Some("A made-up CPU".to_owned()),
        logical_cpus: 2,
        physical_cores: 2,
        memory_bytes: Some(24 << 30),
        gpu: None,
        gpu_uuid: None,
    }
}
