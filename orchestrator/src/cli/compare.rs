//! The options of `anechoic compare`.

use anechoic_record::Metric;
use anechoic_report::{CompareOptions, FailOn, FailOns, MetricChoice, Threshold, Within};
use clap::{Args, ValueEnum};

use super::Results;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// What it was: directory of a run, its id, or `latest`; with `--by` the run whose cases are compared.
    #[arg(value_name = "BASE")]
    pub(crate) first: String,
    /// What it is: directory of a run, its id, or `latest`.
    #[arg(
        value_name = "NEW",
        required_unless_present = "by",
        conflicts_with = "by"
    )]
    pub(crate) new: Option<String>,
    /// Compare cases of one run that agree in everything but this setting, e.g. `mode`, `version`, `threads`,
    /// `parameters.NAME`.
    #[arg(long, value_name = "KEY")]
    pub(crate) by: Option<String>,
    /// With `--by`: the value that the others are compared with [default: the first of the plan].
    #[arg(long, value_name = "VALUE", requires = "by", conflicts_with = "new")]
    pub(crate) base: Option<String>,
    /// A metric, e.g. `decode-time`, or `all`; may be given several times [default: what each case is about, and
    /// `peak-resident`].
    #[arg(long, value_name = "NAME", value_parser = metric)]
    pub(crate) metric: Vec<MetricName>,
    /// The smallest difference that matters, as `2%` or `0.02`.
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    pub(crate) threshold: Threshold,
    /// Compare although machine or settings differ; such verdicts are labelled.
    #[arg(long)]
    pub(crate) force: bool,
    /// End with 11 where a cell is `slower`, `larger` or `worse`, where a case is `missing`, or for `any` of these and own
    /// values that are higher or lower; may be given several times, or with commas.
    #[arg(long, value_name = "VERDICT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    #[command(flatten)]
    pub(crate) results: Results,
    /// The comparison's form.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub(crate) format: CompareFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    /// A table for a terminal.
    Text,
    /// Markdown, e.g. for the summary of a step in CI.
    Md,
    /// Everything, with all digits.
    Json,
    /// JUnit XML: a test per cell.
    Junit,
}

/// What `--metric` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetricName {
    All,
    One(Metric),
}

pub(super) fn metric(text: &str) -> Result<MetricName, String> {
    match text {
        "all" => Ok(MetricName::All),
        name => {
            let metric = name.parse().map(MetricName::One);
            metric.map_err(|error: anechoic_record::UnknownMetric| format!("{error}, or `all`"))
        }
    }
}

/// What several of them choose.
pub(super) fn metrics(names: &[MetricName]) -> MetricChoice {
    let mut named = Vec::new();
    for name in names {
        match name {
            MetricName::All => return MetricChoice::All,
            MetricName::One(metric) => named.push(metric.clone()),
        }
    }
    match named.is_empty() {
        true => MetricChoice::Primary,
        false => MetricChoice::Named(named),
    }
}

impl CompareArgs {
    /// How to compare.
    pub(crate) fn options(&self) -> CompareOptions {
        CompareOptions {
            metrics: metrics(&self.metric),
            threshold: self.threshold,
            force: self.force,
        }
    }

    /// The setting by which cases of one run are told apart, where there is one.
    pub(crate) fn within(&self) -> Option<Within> {
        let (key, base) = (self.by.clone()?, self.base.clone());
        Some(Within { key, base })
    }

    /// Which verdicts make the comparison fail.
    pub(crate) fn fail_on(&self) -> FailOns {
        FailOns(self.fail_on.clone())
    }
}
