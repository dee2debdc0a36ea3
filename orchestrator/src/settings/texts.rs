//! Text files that quality is measured on. Only looks at them; a worker reads them.

use std::fs::{self, File};
use std::path::PathBuf;

use anechoic_suite::FoundText;

/// A text that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// It is not there, or may not be read.
    #[error("the text `{name}` cannot be read")]
    Unreadable {
        /// What was asked for.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("the text `{0}` is no regular file")]
    NoFile(String),
    /// A path that JSON cannot hold.
    #[error("the text `{}` has a path that is not UTF-8", .0.display())]
    NotText(PathBuf),
}

impl TextError {
    /// The message with its cause.
    pub(crate) fn text(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}

/// Finds a text by its path, relative to the working directory.
pub(crate) fn find_text(name: &str) -> Result<FoundText, TextError> {
    let refused = |source| TextError::Unreadable {
        name: name.to_owned(),
        source,
    };
    let path = fs::canonicalize(name).map_err(refused)?;
    // Looked at before it is opened: opening a pipe waits for its other end.
    let facts = path.metadata().map_err(refused)?;
    if !facts.is_file() {
        return Err(TextError::NoFile(name.to_owned()));
    }
    File::open(&path).map_err(refused)?;
    let bytes = facts.len();
    let path = path.into_os_string().into_string();
    let path = path.map_err(|path| TextError::NotText(path.into()))?;
    Ok(FoundText { path, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        let find = |path: &std::path::Path| find_text(path.to_str().unwrap()).map_err(|e| e.text());
        let missing = find(&path).unwrap_err();
        assert!(
            missing.contains("cannot be read: No such file"),
            "{missing}"
        );
        fs::write(&path, "some words").unwrap();
        let found = find(&path).unwrap();
        assert_eq!(found.bytes, 10);
        assert!(std::path::Path::new(&found.path).is_absolute());
        assert!(
            find(folder.path())
                .unwrap_err()
                .contains("is no regular file")
        );
    }
}
