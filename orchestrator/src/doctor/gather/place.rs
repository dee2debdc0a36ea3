//! Where results would be written, and the lock of the device.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anechoic_protocol::Device;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::super::facts::{LockFacts, PlaceFacts};
use crate::lock;
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

fn free_bytes(folder: &Path) -> Option<u64> {
    let stats = statvfs(folder).ok()?;
    Some(stats.blocks_available() * stats.fragment_size())
}

/// The lock is looked at and not taken: who takes it for a moment may turn a run away.
fn lock(device: Device) -> LockFacts {
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
    let pid = locked_by(&fs::read_to_string("/proc/locks").ok()?, inode)?;
    let words = fs::read_to_string(path).unwrap_or_default();
    Some(match words.trim() {
        "" => format!("process {pid}"),
        words => format!("process {pid}: {words}"),
    })
}

/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`: the process, then device and inode.
fn locked_by(locks: &str, inode: u64) -> Option<i64> {
    let mut lines = locks
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|fields| {
        let file = fields.get(5).and_then(|file| file.rsplit(':').next());
        fields.get(1) == Some(&"FLOCK") && file.and_then(|ino| ino.parse().ok()) == Some(inode)
    })?;
    line.get(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn the_kernel_lists_who_holds_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anechoic-cpu.lock");
        fs::write(&path, "words\n").unwrap();
        assert_eq!(holder(&path), None);
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        let expected = format!("process {}: words", std::process::id());
        assert_eq!(holder(&path), Some(expected));
    }

    #[test]
    fn a_line_of_the_list_names_process_and_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 9 08:01:42 0 EOF\n";
        assert_eq!(locked_by(locks, 42), Some(9));
        assert_eq!(locked_by(locks, 43), None);
        assert_eq!(locked_by("", 42), None);
    }
}
