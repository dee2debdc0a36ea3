//! Where the locks are.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::LockError;

/// The variable that names the folder.
const VARIABLE: &str = "ANECHOIC_LOCKS";

/// Looked for in this order.
const USUAL: [&str; 3] = ["/run/lock", "/var/lock", "/tmp"];

/// The folder of the variable, which is made where it is missing; else the first of the usual ones that every user may
/// write, so that all users meet in the same; else the first that this one may write.
pub(crate) fn folder() -> Result<PathBuf, LockError> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        let made = fs::create_dir_all(&path);
        return made
            .map(|()| path.clone())
            .map_err(|source| LockError { path, source });
    }
    Ok(choose(&USUAL.map(PathBuf::from)))
}

fn choose(usual: &[PathBuf]) -> PathBuf {
    let everybody = |path: &&PathBuf| {
        let mode = path.metadata().map(|m| m.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o002 != 0)
    };
    let this_user = |path: &&PathBuf| access(path.as_path(), AccessFlags::W_OK).is_ok();
    let found = usual
        .iter()
        .find(everybody)
        .or_else(|| usual.iter().find(this_user));
    found.map_or_else(|| Path::new(USUAL[2]).to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_meet_in_a_folder_that_all_may_write() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str, mode: u32| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let own = make("own", 0o755);
        let shared = make("shared", 0o1777);
        let missing = root.path().join("missing");
        let check = |usual: &[&PathBuf], expected: &PathBuf| {
            let usual: Vec<_> = usual.iter().map(|path| (*path).clone()).collect();
            assert_eq!(&choose(&usual), expected);
        };
        check(&[&missing, &own, &shared], &shared);
        check(&[&missing, &own], &own);
    }
}
