//! Files beside the runs of a results root: what nights came to, and certificates. One JSON file each, written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{RecordError, write_atomically};
use crate::{Certificate, Night, SCHEMA_VERSION};

/// Folder of nights in a results root.
pub const NIGHTS: &str = "nights";
/// Folder of certificates in a results root.
pub const CERTIFICATES: &str = "certificates";

/// A file, and what it holds or why it cannot be read.
#[derive(Debug)]
pub struct Kept<T> {
    /// Its name.
    pub file: String,
    /// What it holds.
    pub content: Result<T, RecordError>,
}

/// Every night of a results root, oldest first by name of the file. A missing folder holds none.
pub fn nights(root: &Path) -> Result<Vec<Kept<Night>>, RecordError> {
    all(&root.join(NIGHTS))
}

/// One night by the name of its file.
pub fn read_night(root: &Path, file: &str) -> Result<Night, RecordError> {
    read(&root.join(NIGHTS).join(file))
}

/// Every certificate of a results root, oldest first by name of the file.
pub fn certificates(root: &Path) -> Result<Vec<Kept<Certificate>>, RecordError> {
    all(&root.join(CERTIFICATES))
}

/// Stores a night. One of the same suite and start, as it is told again with its notices, replaces it. Its file.
pub fn write_night(root: &Path, night: &Night) -> Result<PathBuf, RecordError> {
    write(&root.join(NIGHTS), &night.suite, night.started, night)
}

/// Stores a certificate. Its file.
pub fn write_certificate(root: &Path, certificate: &Certificate) -> Result<PathBuf, RecordError> {
    let folder = root.join(CERTIFICATES);
    write(&folder, &certificate.suite, certificate.made, certificate)
}

fn write(
    folder: &Path,
    suite: &str,
    at: Timestamp,
    content: &impl Serialize,
) -> Result<PathBuf, RecordError> {
    fs::create_dir_all(folder).map_err(RecordError::io("create", folder))?;
    let path = folder.join(file_name(suite, at));
    let text = serde_json::to_string_pretty(content)
        .map_err(|error| RecordError::damaged(&path, None, error))?;
    write_atomically(&path, format!("{text}\n").as_bytes())?;
    Ok(path)
}

/// To the millisecond: two of one second are two.
fn file_name(suite: &str, at: Timestamp) -> String {
    format!("{suite}_{}.json", at.strftime("%Y-%m-%dT%H-%M-%S.%3fZ"))
}

fn all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<Kept<T>>, RecordError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(RecordError::io("list", folder)(source)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RecordError::io("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.starts_with('.') {
            files.push(name);
        }
    }
    files.sort();
    let read = |file: String| Kept {
        content: read(&folder.join(&file)),
        file,
    };
    Ok(files.into_iter().map(read).collect())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = fs::read_to_string(path).map_err(RecordError::io("read", path))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| RecordError::damaged(path, None, error))?;
    let version = value.get("schema_version").and_then(Value::as_u64);
    let version = version.and_then(|version| u32::try_from(version).ok());
    match version {
        Some(found) if found > SCHEMA_VERSION => Err(RecordError::Newer {
            path: path.to_owned(),
            found,
        }),
        Some(_) => {
            serde_json::from_value(value).map_err(|error| RecordError::damaged(path, None, error))
        }
        None => Err(RecordError::damaged(path, None, "it has no schema version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NightOutcome;

    fn night(at: i64) -> Night {
        let at = Timestamp::from_millisecond(at).unwrap();
        Night {
            schema_version: SCHEMA_VERSION,
            suite: "quick".to_owned(),
            started: at,
            ended: at,
            run: None,
            confirmations: Vec::new(),
            baseline: "last-good".to_owned(),
            against: Vec::new(),
            noise: None,
            outcome: NightOutcome::NotMeasured {
                reasons: vec!["the device is held".to_owned()],
            },
            cells: Vec::new(),
            news: None,
            notices: Vec::new(),
        }
    }

    #[test]
    fn nights_come_back_in_their_order_and_bad_files_beside_them() {
        let root = tempfile::tempdir().unwrap();
        assert!(nights(root.path()).unwrap().is_empty());
        write_night(root.path(), &night(2_000)).unwrap();
        write_night(root.path(), &night(1_001)).unwrap();
        write_night(root.path(), &night(1_001)).unwrap();
        let folder = root.path().join(NIGHTS);
        fs::write(folder.join("a.json"), "{").unwrap();
        fs::write(folder.join("b.json"), r#"{"schema_version":9999}"#).unwrap();
        fs::write(folder.join("c.json"), "{}").unwrap();
        let found = nights(root.path()).unwrap();
        let good: Vec<_> = found
            .iter()
            .filter_map(|kept| kept.content.as_ref().ok())
            .map(|night| night.started.as_millisecond())
            .collect();
        assert_eq!(good, [1_001, 2_000]);
        let errors: Vec<_> = found
            .iter()
            .filter_map(|kept| kept.content.as_ref().err())
            .collect();
        assert_eq!(errors.len(), 3);
        assert!(matches!(errors[1], RecordError::Newer { found: 9999, .. }));
        let read = read_night(root.path(), &found[3].file).unwrap();
        assert_eq!(read, night(1_001));
    }
}
