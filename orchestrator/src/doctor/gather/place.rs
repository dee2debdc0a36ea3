//! Where results would be written, and the lock of the device.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anechoic_protocol::Device;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use serde_json::Value;

use super::super::facts::{LockFacts, PlaceFacts};
use crate::probe::{Gpus, Root};

/// The variable that names the folder of locks, and where they are without it.
const LOCKS: &str = "ANECHOIC_LOCKS";
const USUAL: [&str; 3] = ["/run/lock", "/var/lock", "/tmp"];

pub(super) fn read(results: &Path, root: &Root, device: Device) -> PlaceFacts {
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
        lock: lock(root, device),
    }
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let stats = statvfs(folder).ok()?;
    Some(stats.blocks_available() * stats.fragment_size())
}

/// The lock is looked at and not taken: who takes it for a moment may turn a run away.
fn lock(root: &Root, device: Device) -> LockFacts {
    let folder = lock_folder();
    if !is_usable(&folder) {
        return LockFacts::Refused(format!("locks cannot be made in `{}`", folder.display()));
    }
    let name = match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => Gpus::find().lock_name(index),
    };
    let path = folder.join(format!("anechoic-{name}.lock"));
    match holder(root, &path) {
        Some(holder) => LockFacts::Held { path, holder },
        None => LockFacts::Free(path),
    }
}

/// The folder of the variable; else the first of the usual ones that every user may write, so that all users meet in
/// the same; else the first that this one may write.
fn lock_folder() -> PathBuf {
    if let Some(named) = env::var_os(LOCKS).filter(|path| !path.is_empty()) {
        return PathBuf::from(named);
    }
    let everybody = |path: &&Path| {
        let mode = path.metadata().map(|m| m.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o002 != 0)
    };
    let usual = USUAL.map(Path::new);
    let found = usual.iter().copied().find(everybody);
    let own = || usual.iter().copied().find(|path| is_usable(path));
    found.or_else(own).unwrap_or(usual[2]).to_owned()
}

/// A folder that is missing is made by the first run, where it may be.
fn is_usable(folder: &Path) -> bool {
    let there = folder.ancestors().find(|path| path.exists());
    there.is_some_and(|path| path.is_dir() && access(path, AccessFlags::W_OK).is_ok())
}

/// Who holds the file, as the kernel lists it; their own words are in the file.
fn holder(root: &Root, path: &Path) -> Option<String> {
    let inode = path.metadata().ok()?.ino();
    let words = fs::read_to_string(path).unwrap_or_default();
    let words: Value = serde_json::from_str(&words).unwrap_or_default();
    let pid = locked_by(&root.text("proc/locks")?, inode, words["pid"].as_i64())?;
    let told = ["command", "user", "run"].into_iter().filter_map(|key| {
        let value = words.get(key)?.as_str()?;
        Some(format!("{key} `{value}`"))
    });
    let process = format!("process {pid}");
    let all: Vec<_> = std::iter::once(process).chain(told).collect();
    Some(all.join(", "))
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
        let root = Root::here();
        assert_eq!(holder(&root, &path), None);
        let own = std::process::id();
        let words = format!(r#"{{"pid":{own},"user":"u","command":"anechoic run s","run":null}}"#);
        fs::write(&path, words).unwrap();
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        let expected = format!("process {own}, command `anechoic run s`, user `u`");
        assert_eq!(holder(&root, &path), Some(expected));
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
