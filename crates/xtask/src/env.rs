//! What the tasks read from their surroundings, gathered once. Nothing else looks at environment variables.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The surroundings of a task.
pub(crate) struct Env {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Where the user stands; relative paths on the command line start here.
    pub(crate) cwd: PathBuf,
    /// Where programs are looked for.
    pub(crate) path: OsString,
    /// Where the loader looks for libraries first.
    pub(crate) library_path: OsString,
    /// The cargo that runs this.
    pub(crate) cargo: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// `LIBTORCH`, where the user exported it.
    pub(crate) libtorch: Option<PathBuf>,
    /// `CXX`.
    pub(crate) cxx: Option<OsString>,
    /// The user's own cache folder of this project.
    pub(crate) cache: Option<PathBuf>,
    /// Whether an NVIDIA driver is loaded.
    pub(crate) driver: bool,
    /// The architecture, as Rust names it.
    pub(crate) arch: &'static str,
    /// Bytes free for this user at a path.
    pub(crate) free_bytes: fn(&Path) -> io::Result<u64>,
    /// Tells a person what happens.
    pub(crate) say: Box<dyn Fn(&str)>,
}

impl Env {
    /// The surroundings of this process.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let root = repository();
        let cwd = env::current_dir()?;
        let target = env::var_os("CARGO_TARGET_DIR")
            .or_else(|| env::var_os("CARGO_BUILD_TARGET_DIR"))
            .map_or_else(|| root.join("target"), |dir| cwd.join(dir));
        Ok(Self {
            path: env::var_os("PATH").unwrap_or_default(),
            library_path: env::var_os("LD_LIBRARY_PATH").unwrap_or_default(),
            cargo: env::var_os("CARGO")
                .unwrap_or_else(|| "cargo".into())
                .into(),
            target,
            libtorch: exported(env::var_os("LIBTORCH"), &root),
            cxx: env::var_os("CXX").filter(|cxx| !cxx.is_empty()),
            cache: cache_folder(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")),
            driver: driver_loaded(),
            arch: env::consts::ARCH,
            free_bytes,
            say: Box::new(|text| eprintln!("{text}")),
            root,
            cwd,
        })
    }

    /// The first program of this name that can be run.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        env::split_paths(&self.path)
            .map(|dir| dir.join(name.as_ref()))
            .find(|path| can_run(path))
    }

    /// A Python to ask.
    pub(crate) fn python(&self) -> Option<PathBuf> {
        self.program("python3").or_else(|| self.program("python"))
    }

    /// A command that runs in the repository and finds the same programs as this.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", &self.path);
        command
    }

    /// Tells a person what happens.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        (self.say)(text.as_ref());
    }
}

/// The repository: at run time as cargo says, so that clones can share a target folder.
fn repository() -> PathBuf {
    let package =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package
        .parent()
        .and_then(Path::parent)
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// `LIBTORCH` unless it is empty or the link that `.cargo/config.toml` names.
fn exported(libtorch: Option<OsString>, root: &Path) -> Option<PathBuf> {
    libtorch
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .filter(|dir| *dir != root.join(".libtorch/torch"))
}

/// The cache folder by the XDG rules: relative values do not count.
fn cache_folder(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |dir: Option<OsString>| dir.map(PathBuf::from).filter(|dir| dir.is_absolute());
    absolute(xdg)
        .or_else(|| absolute(home).map(|home| home.join(".cache")))
        .map(|cache| cache.join("anechoic"))
}

/// Whether an NVIDIA driver is loaded: the module's file, its control device, or the one of WSL.
fn driver_loaded() -> bool {
    [
        "/proc/driver/nvidia/version",
        "/dev/nvidiactl",
        "/usr/lib/wsl/lib/libcuda.so.1",
    ]
    .iter()
    .any(|path| Path::new(path).exists())
}

fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn can_run(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_of_the_cargo_configuration_is_not_an_exported_libtorch() {
        let root = Path::new("/repository");
        let check = |value: Option<&str>, expected: Option<&str>| {
            assert_eq!(
                exported(value.map(OsString::from), root),
                expected.map(PathBuf::from),
                "{value:?}"
            );
        };
        check(None, None);
        check(Some(""), None);
        check(Some("/repository/.libtorch/torch"), None);
        check(Some("/opt/libtorch"), Some("/opt/libtorch"));
        check(Some("libtorch"), Some("libtorch"));
    }

    #[test]
    fn the_cache_follows_xdg() {
        let check = |xdg: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            let found = cache_folder(xdg.map(OsString::from), home.map(OsString::from));
            assert_eq!(found, expected.map(PathBuf::from), "{xdg:?} {home:?}");
        };
        check(Some("/x"), Some("/h/u"), Some("/x/anechoic"));
        check(None, Some("/h/u"), Some("/h/u/.cache/anechoic"));
        check(Some("relative"), Some("/h/u"), Some("/h/u/.cache/anechoic"));
        check(Some(""), Some("/h/u"), Some("/h/u/.cache/anechoic"));
        check(None, None, None);
    }

    #[test]
    fn free_bytes_of_the_root_are_known() {
        assert!(free_bytes(Path::new("/")).is_ok());
        assert!(free_bytes(Path::new("/does/not/exist")).is_err());
    }
}
