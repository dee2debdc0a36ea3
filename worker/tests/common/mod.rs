//! Speaking to the real worker.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::io::Write;
use std::process::{Command, Stdio};

use anechoic_protocol::{
    FailureKind, Job, JobResult, Sample, WorkerEvent, decode_line, encode_line,
};

/// What a worker said, and how it ended.
pub struct Ran {
    pub events: Vec<WorkerEvent>,
    pub code: Option<i32>,
}

/// Sends `input`, keeps standard input open until the worker has ended, and reads all it says.
pub fn speak(input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_anechoic-worker"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut text).unwrap();
    let status = child.wait().unwrap();
    drop(stdin);
    let lines = text.split_inclusive(|&b| b == b'\n');
    Ran {
        events: lines.map(|line| decode_line(line).unwrap()).collect(),
        code: status.code(),
    }
}

pub fn run(job: &Job) -> Ran {
    speak(encode_line(job).as_bytes())
}

impl Ran {
    pub fn samples(&self) -> Vec<&Sample> {
        let events = self.events.iter();
        let samples = events.filter_map(|event| match event {
            WorkerEvent::Sample { sample } => Some(sample),
            _ => None,
        });
        samples.collect()
    }

    pub fn result(&self) -> &JobResult {
        match self.events.last() {
            Some(WorkerEvent::Finished { result }) => result,
            other => panic!("no result but {other:?}"),
        }
    }

    pub fn failure(&self) -> (FailureKind, &str) {
        assert_ne!(self.code, Some(0), "a failure must not end with code 0");
        match self.events.last() {
            Some(WorkerEvent::Failed { kind, message }) => (*kind, message),
            other => panic!("no failure but {other:?}"),
        }
    }
}
