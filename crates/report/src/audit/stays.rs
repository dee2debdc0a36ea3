//! The memory that stays: what resident memory grew by while a case ran, and how much more the cases behind it begin with.

use anechoic_record::RunRecord;
use anechoic_stats::{Centre, Contrast, centre, difference_contrast};
use anechoic_suite::{AuditSettings, Slot};
use serde::{Deserialize, Serialize};

use super::observed::{AuditMetric, Series};

/// What one case leaves in its process, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stay {
    /// The case, by its id in the suite.
    pub case: String,
    /// Growth of resident memory over the case, from before it loaded until all was dropped, where it was the first.
    pub as_first: Option<Centre>,
    /// The same, where others had run before.
    pub as_later: Option<Centre>,
    /// How much more memory cases begin with that are not the first of their process and have this one before them, in
    /// comparison with those that have others alone before them. These may run before or behind it more often than not:
    /// growth is the surer figure.
    pub behind: Option<Contrast>,
}

pub(super) fn of(record: &RunRecord, settings: &AuditSettings, series: &[Series]) -> Vec<Stay> {
    let cases = settings.suite_cases();
    let stays = (cases.iter()).map(|case| {
        let growth = growth(record, settings, case);
        let of = |first: bool| {
            let grown = growth.iter().filter(|(is_first, _)| *is_first == first);
            centre(&grown.map(|(_, bytes)| vec![*bytes]).collect::<Vec<_>>())
        };
        Stay {
            case: (*case).to_owned(),
            as_first: of(true),
            as_later: of(false),
            behind: behind(series, case),
        }
    });
    stays.collect()
}

/// Whether the case was the first of its process, and by how much the process grew meanwhile; negative where it shrank.
fn growth(record: &RunRecord, settings: &AuditSettings, case: &str) -> Vec<(bool, f64)> {
    let audited = settings
        .cases
        .iter()
        .zip(&record.manifest.cases)
        .enumerate();
    let of_case = audited.filter(|(_, (audited, _))| audited.case == case);
    let attempts = of_case.flat_map(|(index, (_, made))| {
        made.ok_attempts().filter_map(move |attempt| {
            let slot = Slot {
                case: index,
                attempt: attempt.attempt,
            };
            let place = settings.place(slot)?;
            let key = (made.case.id.clone(), attempt.attempt);
            let memory = &record.attempts.get(&key)?.result.as_ref()?.memory;
            let start = memory.resident_at_start_bytes?;
            let end = memory.resident_at_end_bytes?;
            Some((place.position == 1, end as f64 - start as f64))
        })
    });
    attempts.collect()
}

fn behind(series: &[Series], case: &str) -> Option<Contrast> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let at_start = |it: &&Series| it.metric == AuditMetric::ResidentAtStart && it.case != case;
    for made in series.iter().filter(at_start).flat_map(|it| &it.made) {
        match made.before.is_empty() {
            true => {}
            false if made.before.iter().any(|it| it == case) => with.push(made.values.clone()),
            false => without.push(made.values.clone()),
        }
    }
    difference_contrast(&without, &with)
}
