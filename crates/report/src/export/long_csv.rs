//! A tidy table for pandas and DuckDB: one row per value, whatever was measured.

use std::collections::BTreeSet;
use std::io::Write;

use anechoic_record::{AttemptRecord, CaseRecord, Metric, MetricKind, RunRecord, cells_of_case};

/// The columns. Within a version further ones may come behind them.
const COLUMNS: [&str; 15] = [
    "run",
    "suite",
    "case",
    "benchmark",
    "tokens",
    "metric",
    "unit",
    "attempt",
    "iteration",
    "value",
    "outcome",
    "disturbed",
    "device",
    "threads",
    "started",
];

/// Writes one row per value of every attempt that ended well, and one row without a value for every attempt that did
/// not. Times are in seconds, memory is in bytes.
///
/// # Errors
/// Those of the writer.
pub fn long_csv(record: &RunRecord, out: impl Write) -> std::io::Result<()> {
    let mut samples = Samples::new(out, Chosen::default())?;
    samples.add(record)?;
    samples.finish()
}

/// Which rows are written; by default all.
#[derive(Debug, Default)]
pub struct Chosen<'a> {
    /// These cases.
    pub cases: Option<&'a BTreeSet<String>>,
    /// These metrics; all where none is named. Attempts that ended badly have no metric and stay.
    pub metrics: &'a [Metric],
}

/// The rows of several runs below one header, written as they come.
#[derive(Debug)]
pub struct Samples<'a, W: Write> {
    writer: csv::Writer<W>,
    chosen: Chosen<'a>,
}

impl<'a, W: Write> Samples<'a, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, chosen: Chosen<'a>) -> std::io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS).map_err(written)?;
        Ok(Self { writer, chosen })
    }

    /// Writes the rows of a run.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn add(&mut self, record: &RunRecord) -> std::io::Result<()> {
        for case in &record.manifest.cases {
            if self
                .chosen
                .cases
                .is_some_and(|cases| !cases.contains(&case.case.id))
            {
                continue;
            }
            for attempt in &case.attempts {
                let mut rows = Rows::of(record, case, attempt);
                let done = rows.write(record, self.chosen.metrics, &mut self.writer);
                done.map_err(written)?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

fn written(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        // Every row has as many fields as the first; no other kind comes from writing.
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// The rows of one attempt, and what they have in common.
struct Rows<'a> {
    case: &'a CaseRecord,
    attempt: &'a AttemptRecord,
    number: String,
    disturbed: String,
    device: String,
    threads: String,
    started: String,
}

/// What a row has of its own; empty where the attempt measured nothing that counts.
#[derive(Default)]
struct Row {
    tokens: String,
    metric: String,
    unit: &'static str,
    iteration: String,
    value: String,
}

impl<'a> Rows<'a> {
    fn of(record: &RunRecord, case: &'a CaseRecord, attempt: &'a AttemptRecord) -> Self {
        let settings = &record.manifest.settings;
        Self {
            case,
            attempt,
            number: attempt.attempt.to_string(),
            disturbed: attempt.disturbances().join(" "),
            device: settings.device.to_string(),
            threads: case.case.threads.unwrap_or(settings.threads).to_string(),
            started: attempt.started.to_string(),
        }
    }

    fn write(
        &mut self,
        record: &RunRecord,
        metrics: &[Metric],
        to: &mut csv::Writer<impl Write>,
    ) -> csv::Result<()> {
        if !self.attempt.outcome.is_ok() {
            return self.write_row(record, &Row::default(), to);
        }
        let data = record.attempt_data(&self.case.case.id, self.attempt.attempt);
        let alone = [(self.attempt.attempt, data)].into_iter();
        for cell in cells_of_case(self.case, alone) {
            if !metrics.is_empty() && !metrics.contains(&cell.id.metric) {
                continue;
            }
            let mut row = Row {
                tokens: cell.id.tokens.map(|t| t.to_string()).unwrap_or_default(),
                metric: cell.id.metric.name(),
                unit: unit(cell.id.metric.kind()),
                ..Row::default()
            };
            let values = cell.processes.iter().flat_map(|process| &process.values);
            for (iteration, value) in (1..).zip(values) {
                row.iteration = match cell.id.metric.is_of_process() {
                    true => String::new(),
                    false => u32::to_string(&iteration),
                };
                row.value = value.to_string();
                self.write_row(record, &row, to)?;
            }
        }
        Ok(())
    }

    fn write_row(
        &self,
        record: &RunRecord,
        row: &Row,
        to: &mut csv::Writer<impl Write>,
    ) -> csv::Result<()> {
        to.write_record([
            record.manifest.run.as_str(),
            &record.manifest.plan.name,
            &self.case.case.id,
            self.case.case.work.name().as_str(),
            &row.tokens,
            &row.metric,
            row.unit,
            &self.number,
            &row.iteration,
            &row.value,
            self.attempt.outcome.name(),
            &self.disturbed,
            &self.device,
            &self.threads,
            &self.started,
        ])
    }
}

/// Empty for pure numbers and for what a worker of one's own does not tell.
fn unit(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Time => "s",
        MetricKind::Memory => "bytes",
        MetricKind::Capacity => "requests",
        MetricKind::Quality | MetricKind::Own => "",
    }
}
