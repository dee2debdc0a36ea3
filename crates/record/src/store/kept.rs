//! Files beside the runs of a results root: what nights came to, and certificates. One JSON file each, written whole or not at all.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{RecordError, write_atomically};
use crate::{
    Certificate, CertificateStatus, Fingerprint, Night, SCHEMA_VERSION, certificate_status,
};

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

/// The certificates of a suite.
#[derive(Debug)]
pub struct SuiteCertificates {
    /// Those that can be read, with the names of their files, newest first.
    pub newest_first: Vec<(String, Certificate)>,
    /// Files of certificates of this suite that cannot.
    pub unreadable: Vec<(String, RecordError)>,
}

/// A certificate, and whether it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCertificate<'a> {
    /// Its file's name.
    pub file: &'a str,
    /// What it says.
    pub certificate: &'a Certificate,
    /// Whether it holds under the conditions that it was looked for with.
    pub status: CertificateStatus,
}

/// The certificates of a suite in a results root.
pub fn find_certificate(root: &Path, suite: &str) -> Result<SuiteCertificates, RecordError> {
    let mut found = SuiteCertificates {
        newest_first: Vec::new(),
        unreadable: Vec::new(),
    };
    for Kept { file, content } in certificates(root)? {
        match content {
            Ok(certificate) if certificate.suite == suite => {
                found.newest_first.push((file, certificate));
            }
            Ok(_) => {}
            Err(error) if is_of(&file, suite) => found.unreadable.push((file, error)),
            Err(_) => {}
        }
    }
    found
        .newest_first
        .sort_by_key(|(_, certificate)| Reverse(certificate.made));
    Ok(found)
}

/// Whether a file's name is that of a file of this suite: nothing else is known of a damaged one.
fn is_of(file: &str, suite: &str) -> bool {
    let rest = file.strip_prefix(suite).and_then(|r| r.strip_prefix('_'));
    rest.is_some_and(|rest| !rest.contains('_'))
}

impl SuiteCertificates {
    /// The newest.
    pub fn newest(&self) -> Option<(&str, &Certificate)> {
        let first = self.newest_first.first();
        first.map(|(file, certificate)| (file.as_str(), certificate))
    }

    /// The one to go by under these conditions: the newest that holds; else the newest of this machine, which only the programs have
    /// left behind; else the newest.
    pub fn under(&self, now: &Fingerprint) -> Option<FoundCertificate<'_>> {
        let found = self.newest_first.iter().map(|(file, certificate)| {
            let is_elsewhere = !certificate.fingerprint.machine_differences(now).is_empty();
            let status = certificate_status(certificate, now);
            let rank = (status != CertificateStatus::Valid, is_elsewhere);
            let found = FoundCertificate {
                file,
                certificate,
                status,
            };
            (rank, found)
        });
        // The first of equal ones.
        let best = found.min_by_key(|(rank, _)| *rank);
        best.map(|(_, found)| found)
    }
}

/// Stores a night. One of the same suite and start, as it is told again with its notices, replaces it. Its file.
pub fn write_night(root: &Path, night: &Night) -> Result<PathBuf, RecordError> {
    write(root, NIGHTS, &night.suite, night.started, night)
}

/// Stores a certificate. Its file.
pub fn write_certificate(root: &Path, certificate: &Certificate) -> Result<PathBuf, RecordError> {
    let suite = &certificate.suite;
    write(root, CERTIFICATES, suite, certificate.made, certificate)
}

fn write(
    root: &Path,
    folder: &str,
    suite: &str,
    at: Timestamp,
    content: &impl Serialize,
) -> Result<PathBuf, RecordError> {
    fs::create_dir_all(root).map_err(RecordError::io("create the results folder", root))?;
    let folder = &root.join(folder);
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
    use serde_json::json;

    fn night(at: i64) -> Night {
        let at = Timestamp::from_millisecond(at).unwrap();
        Night {
            schema_version: SCHEMA_VERSION,
            suite: "quick".to_owned(),
            started: at,
            ended: at,
            run: None,
            confirmations: Vec::new(),
            left_out: Vec::new(),
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

    fn certificate(suite: &str, at: i64, threads: u32, anechoic: &str) -> Certificate {
        let machine = json!({ "logical_cpus": 4, "physical_cores": 2 });
        let fingerprint = json!({
            "machine": machine, "device": "cpu", "threads": threads, "clocks": {}, "torch": null,
            "programs": [], "anechoic": anechoic,
        });
        let made = Timestamp::from_second(at).unwrap();
        let certificate = json!({
            "schema_version": SCHEMA_VERSION, "suite": suite, "made": made, "runs": [],
            "fingerprint": fingerprint, "cells": [],
        });
        serde_json::from_value(certificate).unwrap()
    }

    #[test]
    fn the_certificate_to_go_by_is_the_newest_that_holds() {
        let root = tempfile::tempdir().unwrap();
        let none = find_certificate(root.path(), "quick").unwrap();
        assert!(none.newest().is_none() && none.unreadable.is_empty());
        let write = |suite: &str, at, threads, anechoic: &str| {
            let made = certificate(suite, at, threads, anechoic);
            write_certificate(root.path(), &made).unwrap();
        };
        write("quick", 1, 2, "0.1.0");
        write("quick", 20, 2, "0.2.0");
        write("quick", 300, 8, "0.1.0");
        write("quick_2", 4000, 2, "0.1.0");
        let folder = root.path().join(CERTIFICATES);
        fs::write(folder.join("quick_1999.json"), "{").unwrap();
        fs::write(folder.join("quick_2_1999.json"), "{").unwrap();
        let found = find_certificate(root.path(), "quick").unwrap();
        let unreadable: Vec<_> = found.unreadable.iter().map(|(file, _)| file).collect();
        assert_eq!(unreadable, ["quick_1999.json"]);
        assert_eq!(found.newest().unwrap().1.made.as_second(), 300);
        let check = |threads, anechoic: &str, expected: (i64, usize)| {
            let now = certificate("", 0, threads, anechoic).fingerprint;
            let found = found.under(&now).unwrap();
            let differences = match found.status {
                CertificateStatus::Valid => 0,
                CertificateStatus::Expired(differences) => differences.len(),
            };
            let made = found.certificate.made.as_second();
            assert_eq!((made, differences), expected, "{threads} {anechoic}");
            assert!(found.file.starts_with("quick_19"));
        };
        check(8, "0.1.0", (300, 0));
        check(2, "0.1.0", (1, 0));
        check(2, "0.3.0", (20, 1));
        check(4, "0.2.0", (300, 2));
    }
}
