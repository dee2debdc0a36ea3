//! Folders that workers are started in. Only looks at them.

use std::fs;
use std::path::PathBuf;

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// It is not there, or may not be looked at.
    #[error("the folder `{name}` cannot be used: {source}")]
    Unreadable {
        /// What was asked for.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file, a device, a pipe.
    #[error("`{0}` is no folder")]
    NoFolder(String),
    /// A path that JSON cannot hold.
    #[error("the folder `{}` has a path that is not UTF-8", .0.display())]
    NotText(PathBuf),
}

/// The absolute path of a folder, relative to the working directory.
pub(crate) fn find_folder(name: &str) -> Result<String, FolderError> {
    let path = fs::canonicalize(name).map_err(|source| FolderError::Unreadable {
        name: name.to_owned(),
        source,
    })?;
    if !path.is_dir() {
        return Err(FolderError::NoFolder(name.to_owned()));
    }
    let text = path.into_os_string().into_string();
    text.map_err(|path| FolderError::NotText(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_are_folders() {
        let root = tempfile::tempdir().unwrap();
        let name = root.path().to_str().unwrap();
        let file = root.path().join("file");
        let find = |path: &str| find_folder(path).map_err(|e| e.to_string());
        assert!(find(name).unwrap().starts_with('/'));
        let missing = find(&format!("{name}/file")).unwrap_err();
        assert!(
            missing.contains("cannot be used: No such file"),
            "{missing}"
        );
        fs::write(&file, "").unwrap();
        assert!(
            find(&format!("{name}/file"))
                .unwrap_err()
                .ends_with("is no folder")
        );
    }
}
