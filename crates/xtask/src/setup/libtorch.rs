//! A libtorch on disk: its version and whether it is whole.

use std::fs;
use std::path::{Path, PathBuf};

/// The one version whose C++ interface the bindings know.
pub(super) const VERSION: &str = "2.11.0";

/// What a build needs, below the folder.
const REQUIRED: [&str; 4] = [
    "lib/libtorch_cpu.so",
    "lib/libtorch.so",
    "lib/libc10.so",
    "include/torch/csrc/api/include/torch/torch.h",
];

/// What libtorch's wheel finds beside itself when it is loaded, below the folder that holds `torch`.
const BESIDE: [&str; 2] = [
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
];

/// A folder with `lib` and `include` of the right version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Libtorch {
    /// The folder.
    pub(super) dir: PathBuf,
    /// The version with its build, such as `2.11.0+cu130`.
    pub(super) version: String,
}

/// Why a folder is not a usable libtorch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0} is not there")]
    Lacks(String),
    #[error("it is version {0}; {VERSION} is needed")]
    Version(String),
}

impl Libtorch {
    /// Looks at a folder.
    pub(super) fn at(dir: &Path) -> Result<Self, Unusable> {
        let version = version(dir)
            .ok_or_else(|| Unusable::Lacks("`version.py` or `build-version`".into()))?;
        if release(&version) != VERSION {
            return Err(Unusable::Version(version));
        }
        lacking(dir, &REQUIRED)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            version,
        })
    }

    /// As `at`, for a wheel's folder: a CUDA 13 build also needs NVIDIA's wheels beside it.
    pub(super) fn of_wheel(dir: &Path) -> Result<Self, Unusable> {
        let found = Self::at(dir)?;
        if found.version.contains("+cu13") {
            lacking(&dir.join(".."), &BESIDE)?;
        }
        Ok(found)
    }

    /// Whether the CUDA libraries are there.
    pub(super) fn has_cuda(&self) -> bool {
        self.dir.join("lib/libtorch_cuda.so").is_file()
    }
}

fn lacking(dir: &Path, files: &[&str]) -> Result<(), Unusable> {
    match files.iter().find(|file| !dir.join(file).is_file()) {
        Some(file) => Err(Unusable::Lacks(format!("`{file}`"))),
        None => Ok(()),
    }
}

/// The version that a wheel (`version.py`) or an archive (`build-version`) states.
fn version(dir: &Path) -> Option<String> {
    let stated = fs::read_to_string(dir.join("version.py"))
        .ok()
        .and_then(|text| python_version(&text));
    stated.or_else(|| {
        let text = fs::read_to_string(dir.join("build-version")).ok()?;
        Some(text.trim().to_owned())
    })
}

/// The value of `__version__ = '…'`.
fn python_version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    let (_, value) = line.split_once('=')?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned())
}

/// The version without its build: `2.11.0` of `2.11.0+cpu`.
fn release(version: &str) -> &str {
    version
        .split_once('+')
        .map_or(version, |(release, _)| release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(python_version(text).as_deref(), expected, "{text:?}");
        };
        check("__version__ = '2.11.0+cu130'\n", Some("2.11.0+cu130"));
        check(
            "from typing import Optional\n__all__ = ['__version__']\n__version__ = \"2.11.0\"\n",
            Some("2.11.0"),
        );
        check("__version__: str = '2.10.0'\n", Some("2.10.0"));
        check("debug = False\n", None);
    }

    #[test]
    fn only_the_release_counts() {
        assert_eq!(release("2.11.0+cpu"), "2.11.0");
        assert_eq!(release("2.11.0"), "2.11.0");
        assert_ne!(release("2.11.0a0+git123"), VERSION);
    }
}
