//! Asks a worker program what it can compute on and with what, before a run is made with it.

use std::path::Path;
use std::time::Duration;

use anechoic_protocol::{Device, WorkerEvent};

use super::lifecycle::Input;
use super::message::read_line;
use crate::process::first_line;

/// How long a worker may take for its hello here; in an attempt it has more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The devices in a worker's hello. Empty where it names none or says no hello: then an attempt tells.
pub(crate) fn offered_devices(program: &Path) -> Vec<Device> {
    match hello(program) {
        Some(WorkerEvent::Hello { devices, .. }) => {
            devices.iter().map(|info| info.device).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

/// The version of libtorch in a worker's hello, where it has one.
pub(crate) fn offered_torch(program: &Path) -> Option<String> {
    match hello(program)? {
        WorkerEvent::Hello { torch, .. } => torch,
        _ => None,
    }
}

/// The first message of a worker that is given no job.
fn hello(program: &Path) -> Option<WorkerEvent> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let line = runtime.and_then(|runtime| runtime.block_on(first_line(program, PATIENCE)));
    match read_line(&line.ok()??) {
        Input::Message(message) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn offered(script: &str) -> Vec<Device> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        offered_devices(&program)
    }

    /// One test: a program that is written while another thread forks cannot be started.
    #[test]
    fn the_devices_of_the_hello_are_taken_and_silence_offers_nothing() {
        let hello = r#"{"type":"hello","protocol":1,"worker":{"name":"w","version":"1"},"devices":[{"device":"cpu","description":"a","total_memory_bytes":null},{"device":"cuda:1","description":"b","total_memory_bytes":null}],"benchmarks":["capture"]}"#;
        let script = format!("echo '{hello}'; cat > /dev/null");
        assert_eq!(offered(&script), [Device::Cpu, Device::Cuda(1)]);

        assert_eq!(offered("exit 3"), []);
        assert_eq!(offered("echo nonsense; cat > /dev/null"), []);
        assert_eq!(offered_devices(Path::new("/nowhere/worker")), []);
    }
}
