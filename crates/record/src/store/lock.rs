//! Who writes a run. A run's directory is locked while somebody does; the kernel lets go of the lock when its holder
//! ends, however it ends.

use std::fs::{self, File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::RecordError;

/// Those who only look hold a shared lock for a moment, which must not be taken for a writer.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The right to write a run.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    folder: File,
}

impl RunLock {
    /// Takes the run; `None` where another process has it.
    ///
    /// # Errors
    /// When the directory cannot be opened or its file system knows no locks.
    pub fn take(run: &Path) -> Result<Option<Self>, RecordError> {
        for _ in 0..TRIES {
            if let Some(folder) = try_lock(run)? {
                return Ok(Some(Self {
                    path: run.to_owned(),
                    folder,
                }));
            }
            sleep(PAUSE);
        }
        Ok(None)
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses where the directory of that name is no longer the one that is locked, or `inside` is no longer that
    /// file in it: what is written would be lost, or mixed with what others write.
    pub(super) fn still_there(&self, name: &str, inside: &File) -> Result<(), RecordError> {
        match is_same_folder(self) && is_same(&self.path.join(name), inside) {
            true => Ok(()),
            false => Err(RecordError::Gone(self.path.clone())),
        }
    }

    /// After the directory was renamed.
    pub(super) fn moved_to(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }
}

/// Whether the directory of that name is still the one that is locked.
pub(super) fn is_same_folder(lock: &RunLock) -> bool {
    is_same(&lock.path, &lock.folder)
}

fn is_same(path: &Path, open: &File) -> bool {
    match (fs::symlink_metadata(path), open.metadata()) {
        (Ok(there), Ok(open)) => identity(&there) == identity(&open),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// The device and the number of a file.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Locks the folder; `None` where another process holds it.
pub(super) fn try_lock(run: &Path) -> Result<Option<File>, RecordError> {
    let folder = File::open(run).map_err(RecordError::io("lock the run", run))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(RecordError::io("lock the run", run)(error)),
    }
}

/// Whether a process writes the run now. Where locks cannot be asked for, nobody is known to.
pub(super) fn is_being_written(run: &Path) -> bool {
    let Ok(folder) = File::open(run) else {
        return false;
    };
    matches!(folder.try_lock_shared(), Err(TryLockError::WouldBlock))
}
