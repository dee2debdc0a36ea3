//! `anechoic kv`: the KV-cache benchmarks of a suite, for chosen versions and models.

use anechoic_protocol::{Benchmark, BenchmarkName, ModelSource};
use anechoic_suite::Plan;

use super::CommandError;
use super::execute::open_run;
use super::finish::{finish_run, lines};
use super::suite::{kv_suite, make_plan_at, read_suite};
use super::target::{Target, Writing, write_log};
use crate::cli::KvArgs;
use crate::exit_code::ExitCode;
use crate::reporter::say;

pub(super) fn kv(args: &KvArgs) -> Result<ExitCode, CommandError> {
    let suite = match &args.config {
        Some(config) => read_suite(config)?,
        None => kv_suite()?,
    };
    let plan = make_plan_at(&args.place, &suite, &args.options())?;
    if let Some(log) = &args.log {
        Target::Log.check(log)?;
    }
    if args.leaves_out_quality() {
        say(
            "note: `perplexity` is left out: a preset has random weights; `anechoic kv perplexity` measures quality on the \
             shipped models",
        );
    }
    note_random_weights(&plan);
    let run = open_run(plan, suite.text(), &args.place)?;
    if let Some(log) = args.log.as_ref().filter(|_| args.clear_log) {
        write_log(log, Writing::Replace, "")?;
    }
    let made = run.execute(args.place.format)?;
    let finished = finish_run(&made, args.place.format)?;
    if let Some(log) = &args.log {
        write_log(log, Writing::Append, &lines(&finished.record))?;
    }
    Ok(finished.exit_code())
}

/// The quality of random weights says nothing about a version.
fn note_random_weights(plan: &Plan) {
    let works = plan.cases.iter().map(|case| &case.work);
    let scored = works.filter(|work| work.name() == BenchmarkName::Perplexity);
    let is_random = |model: &&ModelSource| matches!(model, ModelSource::Preset { .. });
    if let Some(model) = scored.filter_map(Benchmark::model).find(is_random) {
        say(&format!(
            "note: the preset `{}` has random weights, whose perplexity says nothing about a version; `--model` takes \
             a checkpoint folder or a shipped model of `anechoic list models`",
            model.name()
        ));
    }
}
