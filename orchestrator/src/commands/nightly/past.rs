//! What is known of the nights before, read from the results root.

use std::path::Path;

use anechoic_index::{Index, IndexError, Query};
use anechoic_record::{Night, RunRecord, find_run};
use anechoic_report::RunDigest;
use jiff::Timestamp;

use crate::commands::CommandError;
use crate::nightly::{self, BaselineChoice, sort};

/// The nights of a suite, and the runs of its results root.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Its nights, oldest first.
    pub(super) nights: Vec<Night>,
    /// Its runs, as far as they can be read.
    pub(super) digests: Vec<RunDigest>,
    /// What is to be known of both.
    pub(super) notes: Vec<String>,
}

impl Past {
    /// Reads it. What cannot be read is in the notes: a night goes by what it has.
    pub(super) fn load(root: &Path, suite: &str, now: Timestamp) -> Self {
        let mut past = Self::read(root, suite);
        sort(&mut past.nights, now);
        past.notes.extend(past.unfinished());
        past
    }

    /// From the index, or where that does not answer from the files that it is made of: a cache stops no night.
    fn read(root: &Path, suite: &str) -> Self {
        Self::indexed(root, suite).unwrap_or_else(|error| {
            let mut past = Self::from_files(root, suite);
            past.notes.insert(0, format!("failed to {error}"));
            past
        })
    }

    fn indexed(root: &Path, suite: &str) -> Result<Self, IndexError> {
        let index = Index::open(root)?;
        let nights = index.nights(Some(suite))?;
        let of_suite = Query {
            suite: Some(suite.to_owned()),
            ..Query::default()
        };
        let digests = index.digests(&of_suite)?;
        Ok(Self {
            nights: nights.into_iter().map(|stored| stored.night).collect(),
            digests,
            notes: index.notes().to_vec(),
        })
    }

    fn from_files(root: &Path, suite: &str) -> Self {
        let mut past = Self::default();
        let kept = anechoic_record::nights(root).unwrap_or_else(|error| {
            past.notes.push(format!("failed to {error}"));
            Vec::new()
        });
        for kept in kept {
            match kept.content {
                Ok(night) if night.suite == suite => past.nights.push(night),
                Ok(_) => {}
                Err(error) => past.notes.push(format!("failed to {error}")),
            }
        }
        let runs = past.nights.iter().flat_map(Night::judged_by);
        let records = runs.filter_map(|run| RunRecord::load(&root.join(run)).ok());
        past.digests = records.map(|record| RunDigest::of(&record)).collect();
        past
    }

    /// As the choice of a baseline sees it.
    pub(super) fn seen(&self) -> nightly::Past<'_> {
        nightly::Past {
            nights: &self.nights,
            digests: &self.digests,
        }
    }

    /// The newest night, where it has not come to its end.
    fn unfinished(&self) -> Option<String> {
        let night = self.nights.last()?;
        if night.ended > night.started {
            return None;
        }
        let run = night.run.as_ref();
        let run = run.map_or_else(String::new, |run| format!("; its run `{run}` is kept"));
        let started = night.started.strftime("%Y-%m-%d %H:%M:%SZ");
        Some(format!(
            "the night of {started} has not come to its end: it is going on, or was killed{run}"
        ))
    }
}

/// The run that is named as the baseline, where one is.
pub(super) fn named(
    root: &Path,
    choice: &BaselineChoice,
) -> Result<Option<RunDigest>, CommandError> {
    let BaselineChoice::Run(name) = choice else {
        return Ok(None);
    };
    let path = find_run(root, name).map_err(CommandError::Record)?;
    let record = RunRecord::load(&path).map_err(CommandError::Record)?;
    match record.manifest.audit {
        Some(_) => Err(CommandError::AuditCompared(path)),
        None => Ok(Some(RunDigest::of(&record))),
    }
}

#[cfg(test)]
mod tests {
    use anechoic_record::{Recorder, write_night};

    use super::*;
    use crate::nightly::made::{manifest, night};

    #[test]
    fn the_files_tell_of_confirmations_as_the_index_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let make = || {
            let recorder = Recorder::create(root, manifest("oo"), "").unwrap();
            recorder.manifest().run.clone()
        };
        let mut made = night(1, "quiet", &[]);
        made.run = Some(make());
        made.confirmations = vec![make(), make()];
        made.left_out = vec![make()];
        write_night(root, &made).unwrap();
        let past = Past::from_files(root, "s");
        assert_eq!(past.notes, [] as [String; 0]);
        let runs: Vec<_> = past.digests.iter().map(|digest| &*digest.run).collect();
        assert_eq!(runs, made.judged_by().collect::<Vec<_>>());
    }
}
