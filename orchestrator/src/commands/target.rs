//! Files outside the run's directory that the user wants results in.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::CommandError;

/// The option that names such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// `--output`: the result, in place of what was there.
    Output,
    /// `--log`: rows, behind what was there.
    Log,
    /// `--html`: the page, in place of what was there.
    Html,
    /// `--samples`: rows, in place of what was there.
    Samples,
    /// `--openmetrics`: the text, in place of what was there.
    OpenMetrics,
}

impl Target {
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Output => "--output",
            Self::Log => "--log",
            Self::Html => "--html",
            Self::Samples => "--samples",
            Self::OpenMetrics => "--openmetrics",
        }
    }

    /// Before any work: an hour of measuring must not end at a file that cannot be written.
    pub(super) fn check(self, path: &Path) -> Result<(), CommandError> {
        let refused = |cause: String| self.refused(path, cause);
        if path.exists() && !path.is_file() {
            return Err(refused("it exists and is no regular file".to_owned()));
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        if !parent.is_dir() {
            return Err(refused(format!("`{}` is no folder", parent.display())));
        }
        // An output is replaced by another file, a log is written itself.
        let written = match self {
            Self::Log if path.exists() => path,
            Self::Log | Self::Output | Self::Html | Self::Samples | Self::OpenMetrics => parent,
        };
        access(written, AccessFlags::W_OK).map_err(|errno| refused(errno.desc().to_owned()))
    }

    pub(super) fn refused(self, path: &Path, cause: String) -> CommandError {
        CommandError::Target {
            target: self,
            path: path.to_owned(),
            cause,
        }
    }
}

/// Writes behind what the log holds, or in place of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    Append,
    Replace,
}

/// Writes into the log of `--log`; makes it where there is none.
pub(super) fn write_log(path: &Path, how: Writing, text: &str) -> Result<(), CommandError> {
    let written = open(path, how).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Target::Log.refused(path, error.to_string()))
}

fn open(path: &Path, how: Writing) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    match how {
        Writing::Append => options.append(true),
        Writing::Replace => options.write(true).truncate(true),
    };
    options.create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn logs_grow_until_they_are_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let read = || fs::read_to_string(&path).unwrap();
        write_log(&path, Writing::Append, "a\n").unwrap();
        write_log(&path, Writing::Append, "b\n").unwrap();
        assert_eq!(read(), "a\nb\n");
        write_log(&path, Writing::Replace, "").unwrap();
        assert_eq!(read(), "");
    }

    #[test]
    fn what_cannot_be_written_is_named_with_its_option() {
        let folder = tempfile::tempdir().unwrap();
        for target in [Target::Output, Target::Log] {
            let check = |path: &str| target.check(&folder.path().join(path));
            assert!(check("new").is_ok());
            let error = check("nowhere/new").unwrap_err().text();
            assert!(error.contains("is no folder"), "{error}");
            assert!(
                error.contains(&format!("with {}", target.option())),
                "{error}"
            );
            assert!(check("").unwrap_err().text().contains("no regular file"));
        }
    }
}
