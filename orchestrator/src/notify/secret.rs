//! What requests are signed with, and files that hold secrets.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::NotifyError;

/// More than any secret or URL has.
const LONGEST: u64 = 64 << 10;

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Of a variable's value, where there is such a variable.
    pub(super) fn of_variable(name: &str, value: Option<OsString>) -> Result<Self, NotifyError> {
        let refused = |why| NotifyError::Variable(name.to_owned(), why);
        let value = value.ok_or_else(|| refused("is not set"))?;
        let value = trimmed(value.into_vec());
        match value.is_empty() {
            true => Err(refused("is empty")),
            false => Ok(Self(value)),
        }
    }

    /// Of a file's content, without white space around it.
    pub(super) fn of_file(option: &'static str, path: &Path) -> Result<Self, NotifyError> {
        read_private(option, path).map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a file holds that nobody but its owner may read, without white space around it.
pub(super) fn read_private(option: &'static str, path: &Path) -> Result<Vec<u8>, NotifyError> {
    let failed = |source| NotifyError::File {
        option,
        path: path.to_owned(),
        source,
    };
    let wrong = |what| NotifyError::Content {
        option,
        path: path.to_owned(),
        what,
    };
    // A pipe would be waited for.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(wrong("is no file"));
    }
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(NotifyError::Open { option, path, mode });
    }
    let mut content = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut content);
    if read.map_err(failed)? as u64 > LONGEST {
        return Err(wrong("is too long to be that"));
    }
    let content = trimmed(content);
    match content.is_empty() {
        true => Err(wrong("is empty")),
        false => Ok(content),
    }
}

fn trimmed(bytes: Vec<u8>) -> Vec<u8> {
    bytes.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &str, mode: u32) -> Result<Secret, NotifyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Secret::of_file("--notify-secret-file", &path)
    }

    #[test]
    fn secrets_are_read_from_private_files_and_never_shown() {
        let secret = file("hush hush\n", 0o600).unwrap();
        assert_eq!(secret.bytes(), b"hush hush");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(file("hush", 0o400).is_ok());
    }

    #[test]
    fn files_that_others_can_read_are_refused_with_the_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o602] {
            let error = file("hush", mode).unwrap_err();
            assert!(
                error.to_string().contains(&format!("its mode is {mode:o}")),
                "{error}"
            );
            assert!(error.hint().contains("chmod 600 "), "{}", error.hint());
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let told = |result: Result<Secret, NotifyError>| result.unwrap_err().to_string();
        assert!(told(file(" \n", 0o600)).contains("is empty"));
        assert!(told(file(&"x".repeat(70_000), 0o600)).contains("too long"));
        let folder = tempfile::tempdir().unwrap();
        assert!(told(Secret::of_file("--o", folder.path())).contains("is no file"));
        assert!(told(Secret::of_file("--o", &folder.path().join("x"))).contains("cannot be read"));
        assert!(
            told(Secret::of_variable("HOOK", None))
                .contains("`HOOK` (--notify-secret-env) is not set")
        );
        assert!(told(Secret::of_variable("HOOK", Some(" ".into()))).contains("is empty"));
        assert!(Secret::of_variable("HOOK", Some("hush".into())).is_ok());
    }
}
