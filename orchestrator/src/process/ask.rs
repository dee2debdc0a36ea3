//! One line of a worker that is given no job.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use anechoic_record::Stop;
use tokio::time::timeout;

use super::launch::Launch;
use super::leftovers::adopt_orphans;
use super::worker::{Logs, ProcessEvent, Worker};

/// How long the process may take to end once its standard input is closed.
const GRACE: Duration = Duration::from_secs(2);

/// How long what it started may take to end after it.
const LEAK: Duration = Duration::from_secs(1);

/// The mark of such a process, in the place of `run/case/attempt`.
pub(crate) const HELLO_MARK: &str = "hello";

/// Starts the program, reads its first line and ends it. `None` where no line came in time.
pub(crate) async fn first_line(launch: &Launch, within: Duration) -> io::Result<Option<Vec<u8>>> {
    adopt_orphans();
    let mut worker = Worker::spawn(launch, no_logs()?).map_err(io::Error::other)?;
    let line = timeout(within, next_line(&mut worker)).await;
    worker.stop(Stop::CloseStdin);
    let _ = timeout(GRACE, exit(&mut worker)).await;
    worker.sweep(0, Instant::now() + LEAK).await;
    Ok(line.unwrap_or_default())
}

/// Logs that go nowhere.
pub(crate) fn no_logs() -> io::Result<Logs> {
    let nowhere = || File::options().write(true).open("/dev/null");
    Ok(Logs {
        stdout: nowhere()?,
        stderr: nowhere()?,
    })
}

async fn next_line(worker: &mut Worker) -> Option<Vec<u8>> {
    loop {
        match worker.next().await {
            Ok(ProcessEvent::Line(line)) => return Some(line),
            Ok(ProcessEvent::OverlongLine | ProcessEvent::OutputEnded(_)) | Err(_) => return None,
            Ok(ProcessEvent::LogEnded | ProcessEvent::Exited(_)) => {}
        }
    }
}

async fn exit(worker: &mut Worker) {
    while !matches!(worker.next().await, Ok(ProcessEvent::Exited(_)) | Err(_)) {}
}
