//! One measurement at a time: a lock per device, held by the kernel for as long as its holder lives. A worker inherits
//! none of it, and what a dead holder has written in it counts for nothing.

mod folder;
mod holder;

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

pub(crate) use folder::{folder, made_folder};
pub(crate) use holder::Holder;

/// Every user may lock; who may write the file may say who holds it.
const MODE: u32 = 0o666;

/// A file that another user has just made, or a lock that was just taken, is complete after a moment.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// A lock that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the lock `{}` cannot be used: {source}", path.display())]
pub(crate) struct LockError {
    /// Its file.
    pub(crate) path: PathBuf,
    /// What the system said.
    pub(crate) source: io::Error,
}

/// A device that this process holds.
#[derive(Debug)]
pub(crate) struct DeviceLock {
    file: File,
    holder: Holder,
}

/// The answer to an attempt to take a device.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is ours.
    Taken(DeviceLock),
    /// Somebody has it, who may have told who they are. A process that cannot be seen, such as one of another container,
    /// is not told from a former holder.
    Held(Option<Holder>),
}

/// The file of a device's lock.
pub(crate) fn lock_path(folder: &Path, device: &str) -> PathBuf {
    folder.join(format!("anechoic-{device}.lock"))
}

impl DeviceLock {
    /// Tries to take the device of this name. The file is never removed: whoever waits for it has it open.
    pub(crate) fn attempt(folder: &Path, device: &str) -> Result<Attempt, LockError> {
        let path = lock_path(folder, device);
        take(&path).map_err(|source| LockError { path, source })
    }

    /// Tells others which run the device is held for.
    pub(crate) fn name_run(&mut self, run: &Path) {
        self.holder.run = Some(run.display().to_string());
        self.tell();
    }

    /// A file of another user may be closed to writing; then it is held without a word.
    fn tell(&mut self) {
        let text = self.holder.line();
        let mut file = &self.file;
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()));
    }
}

fn take(path: &Path) -> io::Result<Attempt> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => {
            let mut lock = DeviceLock {
                file,
                holder: Holder::this_process(),
            };
            lock.tell();
            Ok(Attempt::Taken(lock))
        }
        Err(TryLockError::WouldBlock) => Ok(Attempt::Held(told(file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who holds the lock. The words of a former holder are passed over: the present one may be about to write, or may not
/// write the file.
fn told(mut file: File) -> Option<Holder> {
    for tries in 0..TRIES {
        if tries > 0 {
            sleep(PAUSE);
        }
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        let found = read.ok().and_then(|_| Holder::read(&text));
        if found.as_ref().is_some_and(Holder::is_seen) {
            return found;
        }
    }
    None
}

/// Opens the file, or makes it. One that another user has made is opened as it is: in a folder that everybody may
/// write, the kernel refuses to open it as one to be made.
fn open(path: &Path) -> io::Result<File> {
    let mut refused = None;
    for _ in 0..TRIES {
        match existing(path) {
            Ok(file) => return regular(file),
            Err(error) if error.kind() == ErrorKind::NotFound => match new(path) {
                Ok(file) => return Ok(file),
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            },
            // Its maker has not opened it to everybody yet, or never did.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => refused = Some(error),
            Err(error) => return Err(error),
        }
        sleep(PAUSE);
    }
    Err(refused.unwrap_or_else(|| ErrorKind::ResourceBusy.into()))
}

fn existing(path: &Path) -> io::Result<File> {
    let open = |is_writing| {
        OpenOptions::new()
            .read(true)
            .write(is_writing)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK)
            .open(path)
    };
    match open(true) {
        // A file that may only be read can be locked as well.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => open(false),
        opened => opened,
    }
}

fn new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    // Whatever the umask says.
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

fn regular(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn attempt(folder: &Path) -> Attempt {
        DeviceLock::attempt(folder, "cpu").unwrap()
    }

    fn taken(folder: &Path) -> DeviceLock {
        match attempt(folder) {
            Attempt::Taken(lock) => lock,
            Attempt::Held(holder) => panic!("held by {holder:?}"),
        }
    }

    #[test]
    fn a_device_has_one_holder_who_says_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = taken(folder.path());
        first.name_run(Path::new("results/r1"));
        let Attempt::Held(Some(holder)) = attempt(folder.path()) else {
            panic!("two holders");
        };
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(holder.run.as_deref(), Some("results/r1"));
        let other = DeviceLock::attempt(folder.path(), "GPU-1").unwrap();
        assert!(matches!(other, Attempt::Taken(_)), "another device");
        drop(first);
        taken(folder.path());
    }

    #[test]
    fn what_a_dead_holder_wrote_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anechoic-cpu.lock");
        for stale in ["", "{\"pid\":1", "no holder at all\n"] {
            fs::write(&path, stale).unwrap();
            let lock = taken(folder.path());
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(Holder::read(&text), Some(lock.holder.clone()), "{stale}");
        }
    }

    #[test]
    fn the_words_of_a_former_holder_are_not_the_present_one_s() {
        let folder = tempfile::tempdir().unwrap();
        let lock = taken(folder.path());
        let mut former = lock.holder.clone();
        // Above all that the kernel gives.
        former.pid = u32::MAX;
        fs::write(folder.path().join("anechoic-cpu.lock"), former.line()).unwrap();
        assert!(matches!(attempt(folder.path()), Attempt::Held(None)));
        drop(lock);
    }

    #[test]
    fn every_user_may_lock_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anechoic-cpu.lock");
        drop(taken(folder.path()));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), MODE);
        // One that another program has narrowed can be locked by those who may read it.
        fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        drop(taken(folder.path()));
    }

    #[test]
    fn what_is_no_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anechoic-cpu.lock");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let error = DeviceLock::attempt(folder.path(), "cpu").unwrap_err();
        assert!(error.to_string().contains("anechoic-cpu.lock"), "{error}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(DeviceLock::attempt(folder.path(), "cpu").is_err());
    }
}
