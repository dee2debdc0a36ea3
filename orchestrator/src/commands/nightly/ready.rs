//! What has to be right of the command and its suite before a night begins. Only reads.

use anechoic_report::RunDigest;
use anechoic_suite::{Plan, Suite};

use super::past::named;
use crate::cli::NightlyArgs;
use crate::commands::CommandError;
use crate::commands::suite::make_plan;
use crate::notify::NotifyError;

/// What a night is made of.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) suite: Suite,
    pub(super) plan: Plan,
    /// The run that is named as the baseline, where one is.
    pub(super) named: Option<RunDigest>,
}

impl Ready {
    /// Finds the first thing that is wrong: a way to tell people, the suite's file, the baseline, the plan.
    pub(super) fn make(
        args: &NightlyArgs,
        suite: Result<Suite, CommandError>,
        broken: Option<NotifyError>,
    ) -> Result<Self, CommandError> {
        if let Some(error) = broken {
            return Err(error.into());
        }
        let suite = suite?;
        let named = named(&args.place.results.root, &args.baseline)?;
        let plan = make_plan(&suite, &args.selection.options(args.place.threads))?;
        Ok(Self { suite, plan, named })
    }
}
