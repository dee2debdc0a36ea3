//! The local cache of the Hugging Face hub. Only reads it; nothing is ever downloaded.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// What the cache holds of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// One snapshot, or the one that `main` points to.
    Snapshot(PathBuf),
    /// Several snapshots and nothing that says which.
    Several(Vec<PathBuf>),
    /// Nothing usable.
    Nothing,
}

/// The folder of the cache, by the same rules as the hub's own tools.
pub(crate) fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("HF_HUB_CACHE")
        .or_else(|| set("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| set("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/huggingface/hub")))
}

/// The folder of this process's environment.
pub(crate) fn own_cache_folder() -> Option<PathBuf> {
    cache_folder(|name| env::var_os(name))
}

/// Looks for `org/name` in a cache folder.
pub(crate) fn find(cache: &Path, repository: &str) -> Cached {
    let folder = cache.join(format!("models--{}", repository.replace('/', "--")));
    let snapshots = folder.join("snapshots");
    if let Ok(commit) = fs::read_to_string(folder.join("refs/main")) {
        let snapshot = snapshots.join(commit.trim());
        if snapshot.is_dir() {
            return Cached::Snapshot(snapshot);
        }
    }
    let entries = fs::read_dir(&snapshots).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    match found.len() {
        0 => Cached::Nothing,
        1 => Cached::Snapshot(found.remove(0)),
        _ => Cached::Several(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_hub_puts_it() {
        let check = |set: &[(&str, &str)], expected: Option<&str>| {
            let variable = |name: &str| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(
                cache_folder(variable),
                expected.map(PathBuf::from),
                "{set:?}"
            );
        };
        check(&[], None);
        check(&[("HOME", "/h")], Some("/h/.cache/huggingface/hub"));
        check(
            &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")],
            Some("/x/huggingface/hub"),
        );
        check(
            &[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")],
            Some("/f/hub"),
        );
        check(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], Some("/c"));
        check(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/f")], Some("/f/hub"));
    }

    #[test]
    fn the_snapshot_of_main_is_found() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("models--org--name");
        let snapshot = |commit: &str| folder.join("snapshots").join(commit);
        assert_eq!(find(cache.path(), "org/name"), Cached::Nothing);
        fs::create_dir_all(snapshot("aaa")).unwrap();
        assert_eq!(
            find(cache.path(), "org/name"),
            Cached::Snapshot(snapshot("aaa"))
        );
        fs::create_dir_all(snapshot("bbb")).unwrap();
        let several = Cached::Several(vec![snapshot("aaa"), snapshot("bbb")]);
        assert_eq!(find(cache.path(), "org/name"), several);
        fs::create_dir_all(folder.join("refs")).unwrap();
        fs::write(folder.join("refs/main"), "bbb\n").unwrap();
        assert_eq!(
            find(cache.path(), "org/name"),
            Cached::Snapshot(snapshot("bbb"))
        );
        fs::write(folder.join("refs/main"), "gone").unwrap();
        assert_eq!(find(cache.path(), "org/name"), several);
    }
}
