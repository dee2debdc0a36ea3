//! The folder whose `proc`, `sys` and `dev` are read: `/`, or a stand-in for it. Knows files, not their meaning.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The variable that names a stand-in for `/`, for tests.
const VARIABLE: &str = "ANECHOIC_PROBE_ROOT";

/// Enough for what is read of most of these files.
const ENOUGH: usize = 4096;

/// The folder that the files of the kernel are below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root(PathBuf);

/// A file that is read again and again.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    kept: Kept,
    /// Bytes that are read of it.
    enough: usize,
}

/// Whether a file stays open between readings.
#[derive(Debug)]
enum Kept {
    Open(File),
    /// Opened for each reading: files of a stand-in may be replaced.
    No,
}

impl Root {
    /// Of this machine, or the stand-in that the environment names.
    pub(crate) fn here() -> Self {
        let stand_in = env::var_os(VARIABLE).filter(|path| !path.is_empty());
        Self(stand_in.map_or_else(|| PathBuf::from("/"), PathBuf::from))
    }

    /// A stand-in.
    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Whether it is a stand-in for `/`.
    pub(crate) fn is_stand_in(&self) -> bool {
        self.0 != Path::new("/")
    }

    /// The place of a file, which is named without the leading `/`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file without the white space around it. `None` where it cannot be read.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        Some(text.trim().to_owned())
    }

    /// The number that a file holds.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// The names in a folder, in order. None where it cannot be read.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().to_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// A file to be read again and again. `None` where it cannot be read now.
    pub(crate) fn watch(&self, name: &str) -> Option<Watched> {
        self.watch_up_to(name, ENOUGH)
    }

    /// Also one that is longer than most.
    pub(crate) fn watch_up_to(&self, name: &str, enough: usize) -> Option<Watched> {
        let path = self.path(name);
        let file = File::open(&path).ok()?;
        let kept = match self.is_stand_in() {
            true => Kept::No,
            false => Kept::Open(file),
        };
        let watched = Watched { path, kept, enough };
        // Some files can be opened and not be read.
        watched.text().map(|_| watched)
    }

    /// Folders below a folder whose names are `prefix` and a number, by that number, e.g. `cpu0`, `cpu1`.
    pub(crate) fn numbered(&self, folder: &str, prefix: &str) -> Vec<(u32, String)> {
        let names = self.names(folder);
        let numbered = names.iter().filter_map(|name| {
            let digits = name.strip_prefix(prefix)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|_| is_number)?;
            Some((number, format!("{folder}/{name}")))
        });
        let mut numbered: Vec<_> = numbered.collect();
        numbered.sort();
        numbered
    }
}

impl Watched {
    /// The beginning of the file as it is now.
    pub(crate) fn text(&self) -> Option<String> {
        let mut buffer = vec![0; self.enough];
        let length = match &self.kept {
            Kept::Open(file) => file.read_at(&mut buffer, 0),
            Kept::No => File::open(&self.path).and_then(|file| file.read_at(&mut buffer, 0)),
        };
        let text = buffer.get(..length.ok()?)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The number that it holds now.
    pub(crate) fn number<T: FromStr>(&self) -> Option<T> {
        self.text()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_below_the_root_and_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert!(root.is_stand_in());
        assert_eq!(root.text("proc/x"), None);
        assert!(root.watch("proc/x").is_none());
        fs::create_dir(root.path("proc")).unwrap();
        fs::write(root.path("proc/x"), " 7\n").unwrap();
        assert_eq!(root.text("proc/x").as_deref(), Some("7"));
        let watched = root.watch("proc/x").unwrap();
        fs::write(root.path("proc/y"), "8\n").unwrap();
        fs::rename(root.path("proc/y"), root.path("proc/x")).unwrap();
        assert_eq!(watched.number(), Some(8));
        fs::remove_file(root.path("proc/x")).unwrap();
        assert_eq!(watched.number::<u32>(), None);
    }

    #[test]
    fn a_file_of_the_kernel_stays_open() {
        let root = Root(PathBuf::from("/"));
        let watched = root.watch("proc/uptime").unwrap();
        let seconds = || {
            watched
                .text()
                .unwrap()
                .split('.')
                .next()
                .unwrap()
                .parse::<u64>()
        };
        assert!(matches!(watched.kept, Kept::Open(_)));
        assert!(seconds().unwrap() > 0 && seconds().is_ok());
    }

    #[test]
    fn numbered_folders_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for name in ["cpu10", "cpu9", "cpufreq", "cpu", "cpu1x"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = root.numbered(".", "cpu");
        assert_eq!(
            found,
            [(9, "./cpu9".to_owned()), (10, "./cpu10".to_owned())]
        );
    }
}
