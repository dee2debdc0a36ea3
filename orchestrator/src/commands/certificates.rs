//! `anechoic list certificates`: those of a results root, and whether they hold here and now.

use std::path::Path;

use anechoic_record::{
    Certificate, CertificateStatus, Difference, Kept, certificate_status, certificates,
};
use serde_json::json;

use super::CommandError;
use super::conditions::here_and_now;
use super::list::Entry;
use crate::reporter::say;

pub(super) fn entries(root: &Path) -> Result<Vec<Entry>, CommandError> {
    let all = certificates(root).map_err(CommandError::NoRecord)?;
    if all.is_empty() {
        say(&format!("no certificates in `{}`", root.display()));
    }
    Ok(all.iter().map(entry).collect())
}

/// A certificate, or what is wrong with its file.
fn entry(kept: &Kept<Certificate>) -> Entry {
    let file = &kept.file;
    match &kept.content {
        Ok(certificate) => readable(file, certificate),
        Err(error) => {
            let error = error.to_string();
            Entry {
                row: vec![file.clone(), "unreadable".to_owned(), error.clone()],
                object: json!({ "file": file, "error": error }),
            }
        }
    }
}

fn readable(file: &str, certificate: &Certificate) -> Entry {
    let then = &certificate.fingerprint;
    let status = certificate_status(certificate, &here_and_now(then));
    let (word, differences) = match status {
        CertificateStatus::Valid => ("valid", Vec::new()),
        CertificateStatus::Expired(differences) => ("expired", differences),
    };
    let why: Vec<_> = differences.iter().map(Difference::text).collect();
    Entry {
        row: vec![
            certificate.suite.clone(),
            certificate.made.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            format!("{} runs", certificate.runs.len()),
            format!("{} cells", certificate.cells.len()),
            then.device.to_string(),
            word.to_owned(),
            why.join("; "),
        ],
        object: json!({
            "file": file,
            "suite": certificate.suite,
            "made": certificate.made,
            "runs": certificate.runs,
            "cells": certificate.cells.len(),
            "left_out": certificate.left_out,
            "device": then.device,
            "status": word,
            "differences": differences,
        }),
    }
}
