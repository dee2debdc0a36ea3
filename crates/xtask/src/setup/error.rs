//! Why a set-up stops, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::libtorch::VERSION;

/// Why there is no usable libtorch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("no C++ compiler: `{name}` is not in PATH")]
    NoCompiler { name: String },
    #[error("LIBTORCH is `{}`, and a relative path means something else to every crate that is built", .0.display())]
    RelativeLibtorch(PathBuf),
    #[error("LIBTORCH is `{}`, and {lacks} is not there", .dir.display())]
    NotLibtorch { dir: PathBuf, lacks: String },
    #[error("LIBTORCH is `{}`, which is version {found}; {VERSION} is needed", .dir.display())]
    WrongVersion { dir: PathBuf, found: String },
    #[error("no cache folder for libtorch: neither XDG_CACHE_HOME nor HOME is an absolute path")]
    NoCache,
    #[error("no libtorch to download for {0}, only for x86_64")]
    Architecture(&'static str),
    #[error("no Python in PATH, and its pip is what downloads libtorch")]
    NoPython,
    #[error("no pip, which is what downloads libtorch: tried `{python} -m pip`, `pip3` and `pip`")]
    NoPip { python: String },
    #[error("not enough disk at `{}`: libtorch needs {} MiB while it is unpacked, and {} MiB are free", .dir.display(), mib(*.needed), mib(*.free))]
    DiskFull {
        dir: PathBuf,
        needed: u64,
        free: u64,
    },
    #[error("a wheel, named above by pip, differs from its pinned checksum")]
    Checksum,
    #[error("pip could not download libtorch ({status}); the last it said: {last}")]
    Download { status: ExitStatus, last: String },
    #[error("the wheels unpacked to a tree in which {lacks} is not there")]
    Incomplete { lacks: String },
    #[error("cannot unpack `{}`", .wheel.display())]
    Unpack {
        wheel: PathBuf,
        #[source]
        source: zip::result::ZipError,
    },
    #[error("cannot link `{}`: a folder that set-up did not make is in the way", .0.display())]
    LinkBlocked(PathBuf),
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl SetupError {
    /// The next step.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoCompiler { .. } => "install one (Debian: `apt-get install g++`) or name it in CXX".into(),
            Self::RelativeLibtorch(_) => "export LIBTORCH as an absolute path".into(),
            Self::NotLibtorch { .. } => {
                "name the folder that holds `lib` and `include`, or unset LIBTORCH to have libtorch fetched".into()
            }
            Self::WrongVersion { .. } => {
                format!("point LIBTORCH at libtorch {VERSION}, or unset it to have that fetched")
            }
            Self::NoCache => "set XDG_CACHE_HOME to a folder for about 0.5 GB".into(),
            Self::Architecture(_) => {
                format!("install libtorch {VERSION} by other means and export LIBTORCH")
            }
            Self::NoPython | Self::NoPip { .. } => format!(
                "install them (Debian: `apt-get install python3 python3-pip`), or export LIBTORCH with libtorch {VERSION}"
            ),
            Self::DiskFull { .. } => "free some space, or set XDG_CACHE_HOME to a folder on a larger disk".into(),
            Self::Checksum => "the index or a proxy served a changed file: do not use it; try another index (PIP_INDEX_URL)".into(),
            Self::Download { .. } => {
                "check the network and try again; without one, see `docs/setup.md`, \"Without a network\"".into()
            }
            Self::Incomplete { .. } | Self::Unpack { .. } => "try again with `cargo xtask setup --force`".into(),
            Self::LinkBlocked(path) => format!("move `{}` away and try again", path.display()),
            Self::Io { path, .. } => format!("check the permissions and the disk of `{}`", path.display()),
        }
    }
}

/// Adds to an I/O error what was tried, and where.
pub(super) fn at(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> SetupError + use<> {
    let path = path.to_path_buf();
    move |source| SetupError::Io {
        action,
        path,
        source,
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
