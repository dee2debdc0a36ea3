//! Asks a worker program who it is and what it can compute on, before a run is made with it.

use std::time::Duration;

use anechoic_protocol::{Device, PROTOCOL_VERSION, WorkerEvent, WorkerIdentity};

use super::lifecycle::Input;
use super::message::read_line;
use crate::process::{Launch, first_line};

/// How long a worker may take for its hello here; in an attempt it has more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The version of libtorch in a worker's hello, where it has one.
pub(crate) fn offered_torch(worker: &Launch) -> Option<String> {
    match greeting(worker) {
        Greeting::Hello { torch, .. } => torch,
        Greeting::Foreign(_)
        | Greeting::Nonsense(_)
        | Greeting::Silence
        | Greeting::NotStarted(_) => None,
    }
}

/// What a worker says when it is started without a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A hello of this version.
    Hello {
        worker: WorkerIdentity,
        torch: Option<String>,
        devices: Vec<Device>,
        several_jobs: bool,
    },
    /// A hello of another version of the protocol.
    Foreign(u32),
    /// Something else.
    Nonsense(String),
    /// Nothing in time.
    Silence,
    /// It does not start.
    NotStarted(String),
}

/// Starts the program and ends it when it has said its first line.
pub(crate) fn greeting(worker: &Launch) -> Greeting {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let line = runtime.and_then(|runtime| runtime.block_on(first_line(worker, PATIENCE)));
    match line {
        Ok(Some(line)) => understood(&line),
        Ok(None) => Greeting::Silence,
        Err(error) => Greeting::NotStarted(error.to_string()),
    }
}

/// The devices in a worker's hello. Empty where it names none or says no hello: then an attempt tells.
pub(crate) fn offered_devices(worker: &Launch) -> Vec<Device> {
    match greeting(worker) {
        Greeting::Hello { devices, .. } => devices,
        Greeting::Foreign(_)
        | Greeting::Nonsense(_)
        | Greeting::Silence
        | Greeting::NotStarted(_) => Vec::new(),
    }
}

fn understood(line: &[u8]) -> Greeting {
    match read_line(line) {
        Input::Message(WorkerEvent::Hello { protocol, .. }) if protocol != PROTOCOL_VERSION => {
            Greeting::Foreign(protocol)
        }
        Input::Message(WorkerEvent::Hello {
            worker,
            torch,
            devices,
            several_jobs,
            ..
        }) => Greeting::Hello {
            worker,
            torch,
            devices: devices.iter().map(|info| info.device).collect(),
            several_jobs,
        },
        Input::ForeignHello(version) => Greeting::Foreign(version),
        Input::BadLine(detail) => Greeting::Nonsense(detail),
        _ => Greeting::Nonsense("it does not begin with a hello".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::HELLO_MARK;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn offered(script: &str) -> Vec<Device> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        offered_devices(&Launch::plain(program, HELLO_MARK))
    }

    /// One test: a program that is written while another thread forks cannot be started.
    #[test]
    fn the_devices_of_the_hello_are_taken_and_silence_offers_nothing() {
        let hello = r#"{"type":"hello","protocol":1,"worker":{"name":"w","version":"1"},"devices":[{"device":"cpu","description":"a","total_memory_bytes":null},{"device":"cuda:1","description":"b","total_memory_bytes":null}],"benchmarks":["capture"]}"#;
        let script = format!("echo '{hello}'; cat > /dev/null");
        assert_eq!(offered(&script), [Device::Cpu, Device::Cuda(1)]);

        assert_eq!(offered("exit 3"), []);
        assert_eq!(offered("echo nonsense; cat > /dev/null"), []);
        let nowhere = Launch::plain("/nowhere/worker".into(), HELLO_MARK);
        assert_eq!(offered_devices(&nowhere), []);
    }
}
