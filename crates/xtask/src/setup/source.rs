//! Libtorch that is on the machine already: exported by the user, or part of an installed PyTorch.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::SetupError;
use super::libtorch::{Libtorch, Unusable};
use super::wheels::Flavour;
use crate::env::Env;

/// Prints where PyTorch is installed. It is not imported: that fails where its CUDA libraries are missing.
const WHERE_IS_TORCH: &str = "
import importlib.util
spec = importlib.util.find_spec('torch')
places = spec.submodule_search_locations if spec else None
print(places[0] if places else '')
";

/// What `LIBTORCH` names. The user asked for it, so that anything wrong with it is an error.
pub(super) fn exported(dir: &Path) -> Result<Libtorch, SetupError> {
    if dir.is_relative() {
        return Err(SetupError::RelativeLibtorch(dir.to_path_buf()));
    }
    let dir = dir.to_path_buf();
    Libtorch::at(&dir).map_err(|unusable| match unusable {
        Unusable::Lacks(lacks) => SetupError::NotLibtorch { dir, lacks },
        Unusable::Version(found) => SetupError::WrongVersion { dir, found },
    })
}

/// An installed PyTorch, if it is of the right version and has the libraries wanted.
pub(super) fn installed(env: &Env, flavour: Flavour) -> Option<Libtorch> {
    let dir = ask_python(env)?;
    let skip = |reason: &dyn std::fmt::Display| {
        env.say(format!(
            "note: PyTorch in {} is not used: {reason}",
            dir.display()
        ));
    };
    match Libtorch::of_wheel(&dir) {
        Ok(found) if flavour.is_met_by(&found) => Some(found),
        Ok(_) => {
            skip(&"it has no CUDA libraries");
            None
        }
        Err(unusable) => {
            skip(&unusable);
            None
        }
    }
}

/// The folder of the `torch` package. Whatever goes wrong here only means that there is none to use.
fn ask_python(env: &Env) -> Option<PathBuf> {
    let answer = env
        .command(env.python()?)
        .args(["-c", WHERE_IS_TORCH])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let path = PathBuf::from(text.lines().last()?.trim());
    (answer.status.success() && path.is_absolute()).then_some(path)
}
