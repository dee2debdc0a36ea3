//! Libtorch trees in the user's cache, shared by all clones: made beside their place under a lock, then moved there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::at;
use super::libtorch::Libtorch;
use super::stamp::{self, Damage};
use super::wheels::Flavour;
use super::{SetupError, download, extract};
use crate::env::Env;

/// The tree of a flavour, made where it is absent, damaged or `force`d.
pub(super) fn tree(env: &Env, flavour: Flavour, force: bool) -> Result<Libtorch, SetupError> {
    let cache = env.cache.as_deref().ok_or(SetupError::NoCache)?;
    fs::create_dir_all(cache).map_err(at("create", cache))?;
    let tree = cache.join(flavour.tree());
    let _lock = lock(env, &cache.join(format!("{}.lock", flavour.tree())))?;
    if is_good(env, &tree) && !force {
        return whole(&tree);
    }
    make(env, flavour, &tree)?;
    whole(&tree)
}

/// Waits until no other set-up works on this tree. The lock ends with the process, however that ends.
fn lock(env: &Env, path: &Path) -> Result<File, SetupError> {
    let file = File::create(path).map_err(at("create", path))?;
    if file.try_lock().is_err() {
        env.say("another set-up is at work on the same libtorch; waiting for it");
        file.lock().map_err(at("lock", path))?;
    }
    Ok(file)
}

fn is_good(env: &Env, tree: &Path) -> bool {
    match stamp::check(tree) {
        Ok(()) => true,
        Err(Damage::Absent) => false,
        Err(damage @ (Damage::Unfinished | Damage::File(_))) => {
            env.say(format!(
                "libtorch in {} is damaged ({damage}); fetching it again",
                tree.display()
            ));
            false
        }
    }
}

fn whole(tree: &Path) -> Result<Libtorch, SetupError> {
    Libtorch::of_wheel(&tree.join("torch")).map_err(|unusable| SetupError::Incomplete {
        lacks: unusable.to_string(),
    })
}

fn make(env: &Env, flavour: Flavour, tree: &Path) -> Result<(), SetupError> {
    if env.arch != "x86_64" {
        return Err(SetupError::Architecture(env.arch));
    }
    let staging = Staging::beside(tree)?;
    check_disk(env, flavour, &staging.dir)?;
    let start = Instant::now();
    download::wheels(env, flavour, &staging.dir)?;
    env.say(format!(
        "downloaded in {:.1} s; unpacking",
        start.elapsed().as_secs_f64()
    ));
    let start = Instant::now();
    let new = staging.dir.join("tree");
    unpack(&staging.dir, flavour, &new)?;
    whole(&new)?;
    stamp::write(&new).map_err(at("stamp", &new))?;
    replace(&new, tree, &staging.dir.join("old"))?;
    env.say(format!(
        "unpacked in {:.1} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn check_disk(env: &Env, flavour: Flavour, dir: &Path) -> Result<(), SetupError> {
    let free = (env.free_bytes)(dir).map_err(at("ask for the free space of", dir))?;
    let needed = flavour.peak_bytes();
    if free >= needed {
        return Ok(());
    }
    let dir = dir.parent().unwrap_or(dir).to_path_buf();
    Err(SetupError::DiskFull { dir, needed, free })
}

/// Unpacks every wheel, and removes each as soon as it is unpacked.
fn unpack(wheels: &Path, flavour: Flavour, tree: &Path) -> Result<(), SetupError> {
    for entry in fs::read_dir(wheels).map_err(at("read", wheels))? {
        let path = entry.map_err(at("read", wheels))?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            extract::wheel(&path, flavour, tree)?;
            fs::remove_file(&path).map_err(at("remove", &path))?;
        }
    }
    Ok(())
}

/// Puts the new tree in its place; a run that still uses the old one keeps its open files.
fn replace(new: &Path, tree: &Path, old: &Path) -> Result<(), SetupError> {
    if tree.exists() {
        fs::rename(tree, old).map_err(at("move away", tree))?;
    }
    fs::rename(new, tree).map_err(at("move into place", tree))
}

/// A folder beside a tree, on the same disk; gone at the end.
struct Staging {
    dir: PathBuf,
}

impl Staging {
    /// Removes what set-ups that were killed left behind. Each has a name of its own: a pip may have outlived one.
    fn beside(tree: &Path) -> Result<Self, SetupError> {
        let partial = tree.with_added_extension("partial");
        for old in siblings_that_start_with(&partial)? {
            fs::remove_dir_all(&old).map_err(at("remove", &old))?;
        }
        let dir = partial.with_added_extension(std::process::id().to_string());
        fs::create_dir(&dir).map_err(at("create", &dir))?;
        Ok(Self { dir })
    }
}

fn siblings_that_start_with(path: &Path) -> Result<Vec<PathBuf>, SetupError> {
    let folder = path.parent().unwrap_or(path);
    let entries = fs::read_dir(folder).map_err(at("read", folder))?;
    let start = path.as_os_str().as_encoded_bytes();
    let siblings = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(siblings
        .filter(|sibling| sibling.as_os_str().as_encoded_bytes().starts_with(start))
        .collect())
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next set-up, or reported by it.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
