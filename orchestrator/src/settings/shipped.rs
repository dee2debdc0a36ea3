//! Models that come with the program: checkpoint folders in a folder `models`, in the working directory or beside
//! the program. Only finds them; `models.rs` reads them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder that holds them.
const FOLDER: &str = "models";

/// How far above the program's own folder it is looked for: `target/TRIPLE/release` is three below a checkout.
const LEVELS: usize = 4;

/// Where shipped models are looked for, the first place first.
#[derive(Debug)]
pub(crate) struct Shipped {
    folders: Vec<PathBuf>,
}

impl Shipped {
    /// As this process sees them.
    pub(crate) fn here() -> Self {
        Self::around(Path::new(""), env::current_exe().ok().as_deref())
    }

    /// As a program at `program`, started in `directory`, sees them.
    pub(crate) fn around(directory: &Path, program: Option<&Path>) -> Self {
        let above = program
            .into_iter()
            .flat_map(|path| path.ancestors().skip(1));
        let beside = above.take(1 + LEVELS).map(|folder| folder.join(FOLDER));
        Self {
            folders: std::iter::once(directory.join(FOLDER))
                .chain(beside)
                .collect(),
        }
    }

    /// The folder of the model called `NAME` or `models/NAME`.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let bare = name.strip_prefix("models/").unwrap_or(name);
        let is_plain = !bare.is_empty() && !bare.starts_with('.') && !bare.contains('/');
        let mut places = self.folders.iter().map(|folder| folder.join(bare));
        places.find(|place| is_plain && is_model(place))
    }

    /// All of them by name, `models/NAME`.
    pub(crate) fn all(&self) -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        for folder in &self.folders {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries
                .map(|entry| entry.path())
                .filter(|path| is_model(path))
            {
                if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                    found.entry(format!("{FOLDER}/{name}")).or_insert(path);
                }
            }
        }
        found
    }
}

fn is_model(folder: &Path) -> bool {
    folder.join("config.json").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, model: &str) -> PathBuf {
        let folder = root.join("models").join(model);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        folder
    }

    #[test]
    fn models_are_found_from_anywhere_by_either_name() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("checkout/target/release/anechoic");
        let beside = put(&root.path().join("checkout"), "one");
        let here = root.path().join("here");
        let shipped = Shipped::around(&here, Some(&program));
        assert_eq!(shipped.find("models/one"), Some(beside.clone()));
        assert_eq!(shipped.find("one"), Some(beside));
        for other in [
            "two",
            "models/two",
            "",
            "models/",
            "..",
            "models/../models/one",
            "x/one",
        ] {
            assert_eq!(shipped.find(other), None, "{other}");
        }
        let nearer = put(&here, "one");
        assert_eq!(
            shipped.find("one"),
            Some(nearer),
            "the working directory comes first"
        );
    }

    #[test]
    fn the_search_ends_four_levels_above_the_program() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "one");
        let find = |program: &str| {
            Shipped::around(Path::new("/nowhere"), Some(&root.path().join(program))).find("one")
        };
        assert!(find("a/b/c/d/anechoic").is_some());
        assert!(find("a/b/c/d/e/anechoic").is_none());
    }

    #[test]
    fn each_is_listed_once() {
        let root = tempfile::tempdir().unwrap();
        let beside = root.path().join("checkout");
        for model in ["one", "two"] {
            put(&beside, model);
        }
        let nearer = put(&root.path().join("here"), "one");
        fs::create_dir_all(beside.join("models/empty")).unwrap();
        let here = root.path().join("here");
        let all = Shipped::around(&here, Some(&beside.join("anechoic"))).all();
        let expected = [
            ("models/one".to_owned(), nearer),
            ("models/two".to_owned(), beside.join("models/two")),
        ];
        assert_eq!(all, expected.into());
    }
}
