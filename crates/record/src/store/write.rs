//! Writing a run directory. Every event is on disk when [`Recorder::append`] returns; `run.json` is
//! always either the old or the new one, never half of one; a run has its name only once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anechoic_protocol::{Job, WorkerIdentity};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    EVENTS, LATEST, MAKING, MANIFEST, RecordError, RunLock, RunRecord, SUITE, WRITING,
    attempt_folder, clean,
};
use crate::{
    AttemptRecord, Difference, Machine, Manifest, Outcome, RunEvent, RunState, Stamped, Start,
    result_json,
};

/// The writer of one run. The run is locked while it exists.
#[derive(Debug)]
pub struct Recorder {
    lock: RunLock,
    manifest: Manifest,
    events: File,
    /// Bytes of whole events.
    written: u64,
    scope: Scope,
}

/// What a writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A run.
    Run,
    /// One attempt of a run that somebody else writes.
    Attempt,
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
    /// `latest` to it. `manifest.run` is set to the directory's name. The directory gets its name when all is in it.
    pub fn create(root: &Path, manifest: Manifest, suite: &str) -> Result<Self, RecordError> {
        fs::create_dir_all(root).map_err(RecordError::io("create the results folder", root))?;
        clean::unfinished_runs(root);
        let path = unnamed(root, &manifest)?;
        let made = Self::fill(&path, manifest, suite).and_then(|recorder| recorder.name(root));
        if made.is_err() {
            let _ = fs::remove_dir_all(&path);
        }
        made
    }

    fn fill(path: &Path, manifest: Manifest, suite: &str) -> Result<Self, RecordError> {
        let lock = RunLock::take(path)?.ok_or_else(|| RecordError::Busy(path.to_owned()))?;
        write_atomically(&path.join(SUITE), suite.as_bytes())?;
        Ok(Self {
            events: open_events(path, OpenOptions::new().create_new(true))?,
            lock,
            manifest,
            written: 0,
            scope: Scope::Run,
        })
    }

    /// The writer of one attempt of a run that somebody else writes, on another machine perhaps. Events go to a log of its own
    /// in `folder`, which is in the attempt's; the attempt's files are where they always are; `run.json` is left to the
    /// writer of the run.
    ///
    /// # Errors
    /// [`RecordError::Busy`] where somebody makes the attempt or has begun to, and what the system refuses: the log has to be
    /// there and empty.
    pub fn of_attempt(folder: &Path, manifest: Manifest) -> Result<Self, RecordError> {
        let busy = || RecordError::Busy(folder.to_owned());
        let lock = RunLock::take(folder)?.ok_or_else(busy)?;
        let events = open_events(folder, &mut OpenOptions::new())?;
        let path = folder.join(EVENTS);
        let before = events
            .metadata()
            .map_err(RecordError::io("read", &path))?
            .len();
        if before > 0 {
            return Err(busy());
        }
        Ok(Self {
            events,
            lock,
            manifest,
            written: 0,
            scope: Scope::Attempt,
        })
    }

    /// Gives the directory its name. The link to the newest run leads nowhere for a moment and never to an older run.
    fn name(mut self, root: &Path) -> Result<Self, RecordError> {
        let started = self.manifest.started.strftime("%Y-%m-%dT%H-%M-%SZ");
        let stem = format!("{}_{started}", self.manifest.plan.name);
        self.manifest.run.clone_from(&stem);
        for number in 2.. {
            let path = root.join(&self.manifest.run);
            if fs::symlink_metadata(&path).is_err() {
                self.write_manifest()?;
                point_latest(root, &self.manifest.run)?;
                match fs::rename(self.path(), &path) {
                    Ok(()) => {
                        sync_folder(root)?;
                        self.lock = self.lock.moved_to(path);
                        return Ok(self);
                    }
                    Err(error) if is_taken(error.kind()) => {}
                    Err(source) => {
                        return Err(RecordError::io("create the run folder", &path)(source));
                    }
                }
            }
            self.manifest.run = format!("{stem}-{number}");
        }
        unreachable!("a free number is found or an error is returned")
    }

    /// Goes on with a run that was read under its lock: drops a last line that a crash cut short, records the end of
    /// attempts that the death of an orchestrator has cut off, and makes up for files that it has not written.
    pub fn reopen(lock: RunLock, record: &RunRecord) -> Result<Self, RecordError> {
        let events_path = lock.path().join(EVENTS);
        clean::unfinished_files(lock.path());
        let written = drop_torn_line(&events_path)?;
        let mut recorder = Self {
            events: open_events(lock.path(), &mut OpenOptions::new())?,
            lock,
            manifest: record.manifest.clone(),
            written,
            scope: Scope::Run,
        };
        recorder.record_cut_off(record)?;
        recorder.make_up_results(record)?;
        recorder.sync()?;
        recorder.write_manifest()?;
        Ok(recorder)
    }

    /// An attempt that was cut off has no end in the log yet, and no result that counts.
    fn record_cut_off(&mut self, record: &RunRecord) -> Result<(), RecordError> {
        for (case, attempt) in record.manifest.attempts() {
            let is_new = record.attempt_data(case, attempt.attempt).wall_ns.is_none();
            if !is_new || !matches!(attempt.outcome, Outcome::OrchestratorDied { .. }) {
                continue;
            }
            let result = attempt_folder(self.path(), case, attempt.attempt).join("result.json");
            match fs::remove_file(&result) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(RecordError::io("remove", &result)(e));
                }
                Ok(()) | Err(_) => {}
            }
            self.append(RunEvent::AttemptEnded {
                case: case.to_owned(),
                attempt: attempt.attempt,
                outcome: attempt.outcome.clone(),
                wall_ns: attempt.wall_ns,
                orchestrator_cpu_ns: 0,
                disturbed: Vec::new(),
                left: Vec::new(),
                pipes_left: false,
                placement: None,
            })?;
        }
        Ok(())
    }

    /// The log holds all that a result is made of.
    fn make_up_results(&self, record: &RunRecord) -> Result<(), RecordError> {
        for case in &record.manifest.cases {
            for attempt in case.ok_attempts() {
                let folder = attempt_folder(self.path(), &case.case.id, attempt.attempt);
                let path = folder.join("result.json");
                if folder.is_dir() && !path.exists() {
                    let data = record.attempt_data(&case.case.id, attempt.attempt);
                    let result = result_json(&record.manifest, case, attempt.attempt, data);
                    write_json(&path, &result)?;
                }
            }
        }
        Ok(())
    }

    /// Ends the recording; the run stays locked until the lock is dropped.
    pub fn close(self) -> RunLock {
        self.lock
    }

    /// The run's manifest as it is now.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        self.lock.path()
    }

    /// Notes on which machine an attempt is made that is not made here. That of the first is the run's; what of another
    /// differs from it is noted with the present start. Written with the next manifest.
    pub fn meet(&mut self, found: &Start) {
        let placed = self
            .manifest
            .attempts()
            .filter_map(|(_, attempt)| attempt.placement.as_ref());
        let is_first = placed.filter(|placement| placement.node.is_some()).count() == 0;
        let Some(start) = self.manifest.starts.last_mut() else {
            return;
        };
        if is_first {
            self.manifest.machine = found.machine.clone();
            start.machine = found.machine.clone();
            start.clocks = found.clocks.clone();
            return;
        }
        let name = |machine: &Machine| machine.hostname.clone().unwrap_or_default();
        let run = &self.manifest.machine;
        let node = Difference::between("node", &name(run), &name(&found.machine));
        let differences = node.into_iter().chain(run.differences(&found.machine));
        for difference in differences {
            if !start.differences.contains(&difference) {
                start.differences.push(difference);
            }
        }
    }

    /// Notes a start on the run. Written with the next manifest.
    pub fn add_start(&mut self, start: Start) {
        self.manifest.starts.push(start);
    }

    /// Appends an event, stamped with the present time. One that does not fit on the disk leaves nothing of itself.
    pub fn append(&mut self, event: RunEvent) -> Result<Stamped, RecordError> {
        let at = Timestamp::now();
        let stamped = Stamped { at, event };
        self.absorb(&stamped)?;
        Ok(stamped)
    }

    /// Appends an event that was stamped elsewhere.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn absorb(&mut self, stamped: &Stamped) -> Result<(), RecordError> {
        let mut line = serde_json::to_string(stamped).expect("events always serialise");
        line.push('\n');
        if let Err(source) = self.events.write_all(line.as_bytes()) {
            let _ = self.events.set_len(self.written);
            return Err(RecordError::io("append to", &self.path().join(EVENTS))(
                source,
            ));
        }
        self.written += line.len() as u64;
        Ok(())
    }

    /// Notes who the worker is, once one has said it. Written with the next manifest.
    pub fn set_worker(&mut self, identity: WorkerIdentity, torch: Option<String>) {
        self.manifest.settings.worker_identity = Some(identity);
        self.manifest.settings.torch = torch;
    }

    /// Makes the folder and log files of an attempt, in the run's directory as it was locked: one that was removed
    /// meanwhile is not made anew.
    ///
    /// # Errors
    /// [`RecordError::Gone`] where the directory or its event log is no longer there, and what the system refuses.
    pub fn begin_attempt(&self, case: &str, attempt: u32) -> Result<AttemptFiles, RecordError> {
        self.lock.still_there(EVENTS, &self.events)?;
        let folder = self.folder_of(case, attempt)?;
        let open = |name: &str| {
            let path = folder.join(name);
            match self.scope {
                // Never over the logs of an attempt that was made before.
                Scope::Run => File::create_new(&path),
                Scope::Attempt => OpenOptions::new().append(true).open(&path),
            }
            .map_err(RecordError::io("create", &path))
        };
        Ok(AttemptFiles {
            stderr: open("stderr.log")?,
            stdout: open("stdout.log")?,
            folder,
        })
    }

    /// The attempt's folder, made where that is for this writer to do.
    fn folder_of(&self, case: &str, attempt: u32) -> Result<PathBuf, RecordError> {
        match self.scope {
            Scope::Run => {
                let folder = attempt_folder(self.path(), case, attempt);
                make_folders(self.path(), &folder)?;
                Ok(folder)
            }
            Scope::Attempt => {
                let folder = self.path().parent().unwrap_or(self.path());
                Ok(folder.to_owned())
            }
        }
    }

    /// Notes how an attempt ended: syncs the events, then replaces `run.json`.
    pub fn end_attempt(&mut self, case: &str, attempt: AttemptRecord) -> Result<(), RecordError> {
        let found = self.manifest.cases.iter_mut().find(|c| c.case.id == case);
        let record = found.ok_or_else(|| RecordError::NoSuchCase(case.to_owned()))?;
        record.attempts.push(attempt);
        self.sync()?;
        self.write_manifest()
    }

    /// Plans one attempt more of each of these cases, as a stop rule wants it.
    pub fn grant(&mut self, cases: &[usize]) -> Result<(), RecordError> {
        let Manifest {
            plan,
            cases: records,
            ..
        } = &mut self.manifest;
        for case in cases {
            records[*case].grant(plan);
        }
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
        let path = self.path().join(EVENTS);
        self.events
            .sync_data()
            .map_err(RecordError::io("sync", &path))
    }

    fn write_manifest(&self) -> Result<(), RecordError> {
        if self.scope == Scope::Attempt {
            return Ok(());
        }
        write_json(&self.path().join(MANIFEST), &self.manifest)?;
        sync_folder(self.path())
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

/// A new folder under a name that no run has.
fn unnamed(root: &Path, manifest: &Manifest) -> Result<PathBuf, RecordError> {
    let prefix = format!("{MAKING}{}-", manifest.plan.name);
    let folder = tempfile::Builder::new()
        .prefix(&prefix)
        .permissions(mode(0o755))
        .tempdir_in(root)
        .map_err(RecordError::io("create a run folder in", root))?;
    Ok(folder.keep())
}

/// Makes a folder that is new, and those between it and the run's that are missing.
fn make_folders(run: &Path, folder: &Path) -> Result<(), RecordError> {
    let between = folder.ancestors().skip(1).take_while(|path| *path != run);
    for path in between.collect::<Vec<_>>().into_iter().rev() {
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(RecordError::io("create", path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    fs::create_dir(folder).map_err(RecordError::io("create", folder))
}

fn open_events(run: &Path, options: &mut OpenOptions) -> Result<File, RecordError> {
    let path = run.join(EVENTS);
    let opened = options.append(true).open(&path);
    opened.map_err(RecordError::io("open", &path))
}

/// Whether a rename failed because something of that name is there.
fn is_taken(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
    )
}

/// A rename is on disk when its folder is.
pub(super) fn sync_folder(folder: &Path) -> Result<(), RecordError> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    synced.map_err(RecordError::io("sync", folder))
}

fn mode(mode: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// `latest` is replaced by a rename, so that it always points to a run.
fn point_latest(root: &Path, run: &str) -> Result<(), RecordError> {
    let link = root.join(LATEST);
    let temporary = root.join(format!(".{LATEST}-{run}-{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    std::os::unix::fs::symlink(run, &temporary).map_err(RecordError::io("create", &temporary))?;
    fs::rename(&temporary, &link).map_err(RecordError::io("replace", &link))
}

/// The bytes that are left.
fn drop_torn_line(path: &Path) -> Result<u64, RecordError> {
    let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
    let whole = bytes
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let repaired = OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(whole as u64));
        repaired.map_err(RecordError::io("repair", path))?;
    }
    Ok(whole as u64)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RecordError> {
    let mut text = serde_json::to_string_pretty(value).expect("records always serialise");
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

/// Writes a file under a temporary name, syncs it and renames it into place.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

fn unfinished_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    options
}

/// The same of a file that `write` puts down piece by piece, for what should never be in memory as a whole.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), RecordError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let failed = |source| RecordError::io("write", path)(source);
    // Opened and written here and not by `tempfile`, whose errors name the file that is not whole.
    let mut file = tempfile::Builder::new()
        .prefix(WRITING)
        .make_in(parent, |unfinished| unfinished_file().open(unfinished))
        .map_err(failed)?;
    let mut buffered = BufWriter::new(file.as_file_mut());
    write(&mut buffered).map_err(failed)?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
