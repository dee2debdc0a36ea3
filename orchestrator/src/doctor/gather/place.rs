//! Where results would be written, and the lock of the device.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anechoic_protocol::Device;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::super::facts::{LockFacts, PlaceFacts};
use crate::lock::{self, Holder};
use crate::probe::Gpus;

pub(super) fn read(results: &Path, device: Device) -> PlaceFacts {
    let folder = std::path::absolute(results).unwrap_or_else(|_| results.to_owned());
    // The first run makes it, where it is missing.
    let there = folder.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(&folder).to_owned();
    let refused = match there.is_dir() {
        false => Some(format!("`{}` is no folder", there.display())),
        true => access(&there, AccessFlags::W_OK)
            .err()
            .map(|errno| errno.desc().to_owned()),
    };
    PlaceFacts {
        free_bytes: free_bytes(&there),
        folder,
        refused,
        lock: lock(device),
    }
}

/// Whether somebody has the device's lock.
pub(crate) fn is_held(device: Device) -> bool {
    matches!(lock(device), LockFacts::Held { .. })
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let stats = statvfs(folder).ok()?;
    Some(stats.blocks_available() * stats.fragment_size())
}

/// The lock is looked at and not taken: who takes it for a moment may turn a run away.
pub(crate) fn lock(device: Device) -> LockFacts {
    let folder = lock::folder();
    if !is_usable(&folder) {
        return LockFacts::Refused(format!("locks cannot be made in `{}`", folder.display()));
    }
    let path = lock::lock_path(&folder, &Gpus::find().lock_name(device));
    match holder(&path) {
        Some(holder) => LockFacts::Held { path, holder },
        None => LockFacts::Free(path),
    }
}

/// A folder that is missing is made by the first run, where it may be.
fn is_usable(folder: &Path) -> bool {
    let there = folder.ancestors().find(|path| path.exists());
    there.is_some_and(|path| path.is_dir() && access(path, AccessFlags::W_OK).is_ok())
}

/// Who holds the file, as the kernel lists it; their own words are in the file.
fn holder(path: &Path) -> Option<String> {
    let inode = path.metadata().ok()?.ino();
    let words = fs::read_to_string(path).unwrap_or_default();
    let told = Holder::read(&words);
    let pid = told.as_ref().map(|holder| i64::from(holder.pid));
    let pid = locked_by(&fs::read_to_string("/proc/locks").ok()?, inode, pid)?;
    // The words may be those of a former holder.
    let told = told.filter(|holder| i64::from(holder.pid) == pid);
    Some(told.map_or_else(|| format!("process {pid}"), |holder| holder.text()))
}

/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`: the process, then device and inode. Some file systems show files
/// under another inode than the kernel locks; then the process that says so and holds some lock is the one.
fn locked_by(locks: &str, inode: u64, told: Option<i64>) -> Option<i64> {
    let holder = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let pid: i64 = fields.get(4)?.parse().ok()?;
        let file: u64 = fields.get(5)?.rsplit(':').next()?.parse().ok()?;
        (fields.get(1) == Some(&"FLOCK")).then_some((pid, file))
    };
    let all: Vec<_> = locks.lines().filter_map(holder).collect();
    let of_file = all.iter().find(|(_, file)| *file == inode);
    let of_process = || all.iter().find(|(pid, _)| Some(*pid) == told);
    of_file.or_else(of_process).map(|(pid, _)| *pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn the_kernel_lists_who_holds_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anechoic-cpu.lock");
        fs::write(&path, "").unwrap();
        assert_eq!(holder(&path), None);
        let own = std::process::id();
        let words = format!(
            r#"{{"pid":{own},"user":"u","command":"anechoic run s","since":"2026-11-22T03:45:00Z","run":null}}"#
        );
        fs::write(&path, words).unwrap();
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        let told = holder(&path).unwrap();
        let expected = format!("`anechoic run s` (process {own} of user u, ");
        assert!(told.starts_with(&expected), "{told}");
    }

    #[test]
    fn a_line_of_the_list_names_process_and_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 9 08:01:42 0 EOF\n";
        assert_eq!(locked_by(locks, 42, None), Some(9));
        assert_eq!(locked_by(locks, 43, None), None);
        assert_eq!(locked_by(locks, 43, Some(9)), Some(9));
        assert_eq!(locked_by(locks, 43, Some(7)), None);
        assert_eq!(locked_by("", 42, Some(9)), None);
    }
}
