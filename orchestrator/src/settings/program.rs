//! Where the worker program is.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anechoic_suite::Plan;

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
    /// No folder of `PATH` holds it.
    #[error("no folder of `PATH` holds an executable file `{0}`")]
    NotInPath(String),
    /// A path that JSON cannot hold.
    #[error("the program `{}` has a path that is not UTF-8", .0.display())]
    NotText(PathBuf),
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

/// The run's worker, which is for cases that have none of their own: none needs to be there where every case has one,
/// and the first of those stands in its place.
pub(crate) fn find_run_worker(plan: &Plan, named: Option<&Path>) -> Result<PathBuf, ProgramError> {
    let own = plan.cases.iter().map(|case| case.worker.as_ref());
    let all_own = own.collect::<Option<Vec<_>>>();
    match all_own.as_ref().and_then(|all| all.first()?.0.first()) {
        Some(program) if named.is_none() => Ok(program.into()),
        Some(_) | None => find_worker(named),
    }
}

/// The path made absolute, if it is a file that can be run.
pub(crate) fn usable(path: PathBuf, origin: &'static str) -> Result<PathBuf, ProgramError> {
    let Ok(path) = path.canonicalize() else {
        return Err(ProgramError::Missing { path, origin });
    };
    if is_runnable(&path) {
        Ok(path)
    } else {
        Err(ProgramError::NotExecutable { path, origin })
    }
}

/// The absolute path of a program by its name: one in `PATH`, or where the name has a `/`, relative to `folder`. Our own
/// worker is found beside this program where `PATH` does not hold it.
///
/// Links are kept: Python tells its virtual environment by the path it was called by.
pub(crate) fn find_program(name: &str, folder: &Path) -> Result<String, ProgramError> {
    let found = if name.contains('/') {
        let path = folder.join(name);
        usable(path.clone(), "a worker's command")?;
        path
    } else {
        let found = in_path(name).or_else(|| beside(name));
        found.ok_or_else(|| ProgramError::NotInPath(name.to_owned()))?
    };
    let absolute = std::path::absolute(&found).map_err(ProgramError::NoPlace)?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|path| ProgramError::NotText(path.into()))
}

/// A program of this name in the folders of `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut places = env::split_paths(&folders).map(|folder| folder.join(name));
    places.find(|place| is_runnable(place))
}

/// Our own worker, so that a suite can name it with arguments wherever it is installed.
fn beside(name: &str) -> Option<PathBuf> {
    let path = env::current_exe().ok()?.with_file_name(NAME);
    (name == NAME && is_runnable(&path)).then_some(path)
}

/// Whether it is a file that may be run.
pub(crate) fn is_runnable(path: &Path) -> bool {
    let facts = path.metadata();
    facts.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
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

    #[test]
    fn only_our_own_worker_is_looked_for_beside_this_program() {
        assert_eq!(beside("sh"), None);
        let own = env::current_exe().unwrap();
        assert_eq!(beside(own.file_name().unwrap().to_str().unwrap()), None);
    }

    #[test]
    fn programs_of_commands_are_found_by_name_or_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("own.sh");
        let link = folder.path().join("link.sh");
        fs::write(&script, "").unwrap();
        std::os::unix::fs::symlink(&script, &link).unwrap();
        let find = |name: &str| find_program(name, folder.path()).map_err(|e| e.to_string());
        let shell = find("sh").unwrap();
        assert!(shell.starts_with('/') && shell.ends_with("/sh"), "{shell}");
        let told = find("no-such-program").unwrap_err();
        assert!(told.contains("`no-such-program`"), "{told}");
        assert!(find("./own.sh").unwrap_err().contains("not an executable"));
        assert!(find("./other.sh").unwrap_err().contains("does not exist"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(find("./own.sh").unwrap().ends_with("/own.sh"));
        let linked = find("./link.sh").unwrap();
        assert!(linked.ends_with("/link.sh"), "{linked}");
    }
}
