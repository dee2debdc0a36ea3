//! Runs of one plan, one after the other on one device: what a night and a certificate are made of. What they say is not decided here.

use std::path::Path;

use anechoic_record::RunRecord;
use anechoic_suite::{Plan, Suite};

use super::CommandError;
use super::execute::TakenPlace;
use super::finish::finish;
use crate::cli::Place;
use crate::exit_code::ExitCode;
use crate::reporter::Format;

/// What all of them have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) suite: &'a Suite,
    /// Where the suite was read from.
    pub(super) file: &'a Path,
    pub(super) plan: &'a Plan,
    pub(super) place: &'a Place,
}

/// One of them, made.
#[derive(Debug)]
pub(super) struct OneRun {
    pub(super) record: RunRecord,
    /// For the next one: nobody else measures between two of them.
    pub(super) taken: TakenPlace,
    /// Whether a stop left something out of it. One that is complete counts, whatever was wished meanwhile.
    pub(super) stopped: bool,
}

impl Series<'_> {
    /// Makes one, as `anechoic run` does. Its name is told before its first attempt.
    pub(super) fn make(
        &self,
        taken: TakenPlace,
        begun: impl FnOnce(&str) -> Result<(), CommandError>,
    ) -> Result<OneRun, CommandError> {
        let source = (self.suite.text(), Some(self.file));
        let run = taken.open(self.plan.clone(), None, source, self.place)?;
        begun(&run.recorder.manifest().run)?;
        let mut made = run.execute(Format::Text)?;
        let finished = finish(&made)?;
        let taken = made.place.take();
        Ok(OneRun {
            stopped: finished.exit_code() == ExitCode::Interrupted,
            taken: taken.expect("a run that was executed here gives its device back"),
            record: finished.record,
        })
    }
}
