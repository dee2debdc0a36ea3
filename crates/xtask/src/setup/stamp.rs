//! The stamp of a finished tree: every file with its size, written last.
//! A tree without it, or that differs from it, was cut short or damaged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = ".anechoic-complete";

/// The first line. A tree that is made up differently gets another one.
const LAYOUT: &str = "anechoic libtorch tree, layout 1";

/// What is wrong with a tree.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("it is not there")]
    Absent,
    #[error("it was not finished")]
    Unfinished,
    #[error("`{}` is missing or of another size", .0.display())]
    File(PathBuf),
}

/// Writes the stamp of a tree.
pub(super) fn write(tree: &Path) -> io::Result<()> {
    let mut lines = Vec::new();
    list(tree, Path::new(""), &mut lines)?;
    lines.sort();
    let text = format!("{LAYOUT}, {} files\n{}\n", lines.len(), lines.join("\n"));
    fs::write(tree.join(NAME), text)
}

fn list(tree: &Path, below: &Path, lines: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(tree.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let found = entry.metadata()?;
        if found.is_dir() {
            list(tree, &path, lines)?;
        } else {
            lines.push(format!("{} {}", found.len(), path.display()));
        }
    }
    Ok(())
}

/// Whether a tree is there, finished and as large as when it was.
pub(super) fn check(tree: &Path) -> Result<(), Damage> {
    if !tree.is_dir() {
        return Err(Damage::Absent);
    }
    let text = fs::read_to_string(tree.join(NAME)).map_err(|_| Damage::Unfinished)?;
    let mut lines = text.lines();
    let title = format!("{LAYOUT}, {} files", text.lines().count().saturating_sub(1));
    if lines.next() != Some(&title) {
        return Err(Damage::Unfinished);
    }
    lines.try_for_each(|line| check_file(tree, line))
}

fn check_file(tree: &Path, line: &str) -> Result<(), Damage> {
    let (size, path) = line.split_once(' ').ok_or(Damage::Unfinished)?;
    let size: u64 = size.parse().map_err(|_| Damage::Unfinished)?;
    match tree.join(path).metadata() {
        Ok(found) if found.is_file() && found.len() == size => Ok(()),
        Ok(_) | Err(_) => Err(Damage::File(path.into())),
    }
}

/// Whether there is a stamp: a tree of ours rather than another's.
pub(super) fn exists(tree: &Path) -> bool {
    tree.join(NAME).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("a/b")).unwrap();
        fs::write(tree.path().join("a/b/one"), "1").unwrap();
        fs::write(tree.path().join("two words"), "22").unwrap();
        write(tree.path()).unwrap();
        tree
    }

    #[test]
    fn a_whole_tree_passes() {
        assert_eq!(check(tree().path()), Ok(()));
    }

    #[test]
    fn damage_is_named() {
        let check_after = |harm: fn(&Path), expected: Damage| {
            let tree = tree();
            harm(tree.path());
            assert_eq!(check(tree.path()), Err(expected));
        };
        check_after(|tree| fs::remove_dir_all(tree).unwrap(), Damage::Absent);
        check_after(
            |tree| fs::remove_file(tree.join(NAME)).unwrap(),
            Damage::Unfinished,
        );
        check_after(
            |tree| fs::remove_file(tree.join("two words")).unwrap(),
            Damage::File("two words".into()),
        );
        check_after(
            |tree| fs::write(tree.join("a/b/one"), "").unwrap(),
            Damage::File("a/b/one".into()),
        );
    }

    #[test]
    fn a_stamp_cut_short_is_no_stamp() {
        let tree = tree();
        let stamp = tree.path().join(NAME);
        let text = fs::read_to_string(&stamp).unwrap();
        for cut in 0..text.len() - 1 {
            fs::write(&stamp, &text[..cut]).unwrap();
            assert!(check(tree.path()).is_err(), "cut at {cut}");
        }
    }
}
