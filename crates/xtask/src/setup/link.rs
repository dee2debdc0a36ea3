//! `.libtorch` in the repository: a folder whose `torch` and `nvidia` are links to the libtorch in use.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::SetupError;
use super::error::at;
use super::libtorch::Libtorch;
use super::stamp;
use crate::env::Env;

/// The libtorch that is linked, if it is whole. Its `dir` is the link's target.
pub(super) fn current(env: &Env) -> Option<Libtorch> {
    let torch = fs::canonicalize(env.root.join(".libtorch/torch")).ok()?;
    let tree = torch.parent()?;
    if stamp::exists(tree)
        && let Err(damage) = stamp::check(tree)
    {
        env.say(format!(
            "libtorch in {} is damaged ({damage})",
            tree.display()
        ));
        return None;
    }
    Libtorch::at(&torch).ok()
}

/// Makes `.libtorch/torch` lead to a libtorch, and `.libtorch/nvidia` to what lies beside it.
pub(super) fn point(env: &Env, found: &Libtorch) -> Result<(), SetupError> {
    let folder = env.root.join(".libtorch");
    // An older kind of `.libtorch` is itself a link.
    if folder.is_symlink() {
        fs::remove_file(&folder).map_err(at("remove", &folder))?;
    }
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    let beside = found.dir.parent().map(|parent| parent.join("nvidia"));
    match beside.filter(|nvidia| nvidia.is_dir()) {
        Some(nvidia) => replace(&folder, "nvidia", &nvidia)?,
        None => remove(&folder.join("nvidia"))?,
    }
    replace(&folder, "torch", &found.dir)
}

/// Replaces a link in one step, so that a build at the same time sees the old one or the new one.
fn replace(folder: &Path, name: &str, target: &Path) -> Result<(), SetupError> {
    let link = folder.join(name);
    if fs::read_link(&link).is_ok_and(|current| current == target) || is_itself(&link, target) {
        return Ok(());
    }
    if link.is_dir() && !link.is_symlink() {
        return Err(SetupError::LinkBlocked(link));
    }
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    remove(&new)?;
    symlink(target, &new).map_err(at("create", &new))?;
    fs::rename(&new, &link).map_err(at("link", &link))
}

/// Whether the target is a folder that somebody put in the link's place.
fn is_itself(link: &Path, target: &Path) -> bool {
    !link.is_symlink() && fs::canonicalize(link).is_ok_and(|found| found == target)
}

fn remove(link: &Path) -> Result<(), SetupError> {
    match fs::remove_file(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.map_err(at("remove", link)),
    }
}
