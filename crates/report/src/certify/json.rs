//! A certificate as one JSON object: its file, with where that is and how sure its deviations are.

use anechoic_record::{Certificate, CertifiedCell, Fingerprint, LeftOut};
use anechoic_stats::Interval;
use jiff::Timestamp;
use serde::Serialize;

use super::{StoredCertificate, uncertainty};

/// The certificate as JSON, all digits kept.
pub fn certificate_json(stored: &StoredCertificate<'_>) -> String {
    let Certificate {
        schema_version,
        suite,
        made,
        runs,
        fingerprint,
        cells,
        left_out,
    } = stored.certificate;
    let page = Page {
        schema_version: *schema_version,
        file: stored.file,
        suite,
        made: *made,
        runs,
        fingerprint,
        notes: stored.notes,
        cells: cells.iter().map(Line::of).collect(),
        left_out,
    };
    serde_json::to_string_pretty(&page).expect("certificates always serialise") + "\n"
}

#[derive(Serialize)]
struct Page<'a> {
    schema_version: u32,
    file: &'a str,
    suite: &'a str,
    made: Timestamp,
    runs: &'a [String],
    fingerprint: &'a Fingerprint,
    notes: &'a [String],
    cells: Vec<Line<'a>>,
    left_out: &'a [LeftOut],
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    cell: &'a CertifiedCell,
    deviation_interval: Interval,
}

impl<'a> Line<'a> {
    fn of(cell: &'a CertifiedCell) -> Self {
        Self {
            cell,
            deviation_interval: uncertainty(cell),
        }
    }
}
