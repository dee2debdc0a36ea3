//! Writing a run directory. Every event is on disk when [`Recorder::append`] returns; `run.json` is
//! always either the old or the new one, never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anechoic_protocol::{Job, WorkerIdentity};
use jiff::Timestamp;
use serde::Serialize;

use super::{EVENTS, LATEST, MANIFEST, RecordError, SUITE, attempt_folder};
use crate::{AttemptRecord, Manifest, RunEvent, RunState, Stamped};

/// The writer of one run.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    manifest: Manifest,
    events: File,
}

/// The open files of one attempt.
#[derive(Debug)]
pub struct AttemptFiles {
    /// Their folder.
    pub folder: PathBuf,
    /// All that the worker writes to standard error.
    pub stderr: File,
    /// All that the worker writes to standard output, messages and noise alike.
    pub stdout: File,
}

impl Recorder {
    /// Makes the directory of a new run below `root`, named after the suite and the time, and points
    /// `latest` to it. `manifest.run` is set to the directory's name.
    pub fn create(root: &Path, mut manifest: Manifest, suite: &str) -> Result<Self, RecordError> {
        fs::create_dir_all(root).map_err(RecordError::io("create the results folder", root))?;
        let (name, path) = make_run_folder(root, &manifest.plan.name, manifest.started)?;
        manifest.run = name;
        let suite_path = path.join(SUITE);
        fs::write(&suite_path, suite).map_err(RecordError::io("write", &suite_path))?;
        let events_path = path.join(EVENTS);
        let events =
            File::create_new(&events_path).map_err(RecordError::io("create", &events_path))?;
        let recorder = Self {
            path,
            manifest,
            events,
        };
        recorder.write_manifest()?;
        point_latest(root, &recorder.manifest.run)?;
        Ok(recorder)
    }

    /// Opens an existing run to add attempts. A last line that a crash cut short is dropped.
    pub fn reopen(path: &Path) -> Result<Self, RecordError> {
        let manifest = super::read::read_manifest(path)?;
        let events_path = path.join(EVENTS);
        drop_torn_line(&events_path)?;
        let events = OpenOptions::new()
            .append(true)
            .open(&events_path)
            .map_err(RecordError::io("open", &events_path))?;
        Ok(Self {
            path: path.to_owned(),
            manifest,
            events,
        })
    }

    /// The run's manifest as it is now.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event, stamped with the present time.
    pub fn append(&mut self, event: RunEvent) -> Result<Stamped, RecordError> {
        let at = Timestamp::now();
        let stamped = Stamped { at, event };
        let mut line = serde_json::to_string(&stamped).expect("events always serialise");
        line.push('\n');
        let path = self.path.join(EVENTS);
        self.events
            .write_all(line.as_bytes())
            .map_err(RecordError::io("append to", &path))?;
        Ok(stamped)
    }

    /// Notes who the worker is, once one has said it. Written with the next manifest.
    pub fn set_worker(&mut self, identity: WorkerIdentity, torch: Option<String>) {
        self.manifest.settings.worker_identity = Some(identity);
        self.manifest.settings.torch = torch;
    }

    /// Makes the folder and log files of an attempt.
    pub fn begin_attempt(&self, case: &str, attempt: u32) -> Result<AttemptFiles, RecordError> {
        let folder = attempt_folder(&self.path, case, attempt);
        fs::create_dir_all(&folder).map_err(RecordError::io("create", &folder))?;
        let open = |name: &str| {
            let path = folder.join(name);
            // Never over the logs of an attempt that was made before.
            File::create_new(&path).map_err(RecordError::io("create", &path))
        };
        Ok(AttemptFiles {
            stderr: open("stderr.log")?,
            stdout: open("stdout.log")?,
            folder,
        })
    }

    /// Notes how an attempt ended: syncs the events, then replaces `run.json`.
    pub fn end_attempt(&mut self, case: &str, attempt: AttemptRecord) -> Result<(), RecordError> {
        let found = self.manifest.cases.iter_mut().find(|c| c.case.id == case);
        let record = found.ok_or_else(|| RecordError::NoSuchCase(case.to_owned()))?;
        record.attempts.push(attempt);
        self.sync()?;
        self.write_manifest()
    }

    /// Marks the run and syncs everything.
    pub fn set_state(&mut self, state: RunState) -> Result<(), RecordError> {
        self.manifest.state = state;
        self.sync()?;
        self.write_manifest()
    }

    fn sync(&self) -> Result<(), RecordError> {
        let path = self.path.join(EVENTS);
        self.events
            .sync_data()
            .map_err(RecordError::io("sync", &path))
    }

    fn write_manifest(&self) -> Result<(), RecordError> {
        write_json(&self.path.join(MANIFEST), &self.manifest)
    }
}

impl AttemptFiles {
    /// Stores the job that the worker was sent.
    pub fn write_job(&self, job: &Job) -> Result<(), RecordError> {
        write_json(&self.folder.join("job.json"), job)
    }

    /// Stores the result of an attempt that ended well.
    pub fn write_result(&self, result: &serde_json::Value) -> Result<(), RecordError> {
        write_json(&self.folder.join("result.json"), result)
    }
}

fn make_run_folder(
    root: &Path,
    suite: &str,
    started: Timestamp,
) -> Result<(String, PathBuf), RecordError> {
    let stem = format!("{suite}_{}", started.strftime("%Y-%m-%dT%H-%M-%SZ"));
    let mut name = stem.clone();
    for number in 2.. {
        let path = root.join(&name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok((name, path)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                name = format!("{stem}-{number}");
            }
            Err(source) => return Err(RecordError::io("create the run folder", &path)(source)),
        }
    }
    unreachable!("a free number is found or an error is returned")
}

/// `latest` is replaced by a rename, so that it always points to a run.
fn point_latest(root: &Path, run: &str) -> Result<(), RecordError> {
    let link = root.join(LATEST);
    let temporary = root.join(format!(".{LATEST}-{run}"));
    std::os::unix::fs::symlink(run, &temporary).map_err(RecordError::io("create", &temporary))?;
    fs::rename(&temporary, &link).map_err(RecordError::io("replace", &link))
}

fn drop_torn_line(path: &Path) -> Result<(), RecordError> {
    let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
    let whole = bytes
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    if whole == bytes.len() {
        return Ok(());
    }
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(RecordError::io("open", path))?;
    file.set_len(whole as u64)
        .map_err(RecordError::io("repair", path))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RecordError> {
    let mut text = serde_json::to_string_pretty(value).expect("records always serialise");
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

/// Writes a file under a temporary name, syncs it and renames it into place.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let failed = |source| RecordError::io("write", path)(source);
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644))
        .tempfile_in(parent)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
