//! Where the worker program is.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The variable that names the worker program.
pub(crate) const VARIABLE: &str = "ANECHOIC_WORKER";

const NAME: &str = "anechoic-worker";

/// A worker program that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It is not where it was said to be.
    #[error("the worker program `{}` ({origin}) does not exist", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Who said so.
        origin: &'static str,
    },
    /// It is there and cannot be run.
    #[error("the worker program `{}` ({origin}) is not an executable file", path.display())]
    NotExecutable {
        /// Where it is.
        path: PathBuf,
        /// Who said so.
        origin: &'static str,
    },
    /// The system does not tell where this program is.
    #[error("the place of the running program is unknown")]
    NoPlace(#[source] std::io::Error),
}

/// The worker program: as named on the command line, by the environment, or beside this program.
pub(crate) fn find_worker(named: Option<&Path>) -> Result<PathBuf, ProgramError> {
    if let Some(path) = named {
        return usable(path.to_owned(), "from --worker");
    }
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return usable(path.into(), "from ANECHOIC_WORKER");
    }
    let own = env::current_exe().map_err(ProgramError::NoPlace)?;
    usable(own.with_file_name(NAME), "beside anechoic")
}

/// The path made absolute, if it is a file that can be run.
pub(crate) fn usable(path: PathBuf, origin: &'static str) -> Result<PathBuf, ProgramError> {
    let Ok(path) = path.canonicalize() else {
        return Err(ProgramError::Missing { path, origin });
    };
    let runnable = path
        .metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if runnable {
        Ok(path)
    } else {
        Err(ProgramError::NotExecutable { path, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_executable_files_are_workers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker");
        let told = |path: &Path| find_worker(Some(path)).map_err(|e| e.to_string());
        assert!(told(&path).unwrap_err().contains("does not exist"));
        fs::write(&path, "").unwrap();
        assert!(told(&path).unwrap_err().contains("not an executable file"));
        assert!(
            told(folder.path())
                .unwrap_err()
                .contains("not an executable file")
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(told(&path), Ok(path.canonicalize().unwrap()));
    }
}
