//! Tables of the KV-cache benchmarks.

mod cost;
mod judgement;
mod times;

use anechoic_protocol::Version;

pub(crate) use times::{crossover, is_crossover_told};

use super::cell::{self, Cell};
use super::section::{Part, Section, Table};
use crate::{Degradation, KvPoint, KvSummary, PointQuality, Setting, units};

/// All tables that have rows.
pub(super) fn sections(kv: &KvSummary) -> Vec<Section> {
    let sections = [
        times::latency(kv),
        times::crossovers(kv),
        times::predictions(kv),
        times::paths(kv),
        times::phases(kv),
        cost::memory(kv),
        cost::capacity(kv),
        cost::roofline(kv),
        judgement::quality(kv),
        judgement::trade_off(kv),
    ];
    sections.into_iter().flatten().collect()
}

/// What a section with one table per setting has in common.
struct Frame<'a> {
    title: &'a str,
    note: &'a str,
    header: &'a [&'a str],
}

impl Frame<'_> {
    /// Nothing where there are no lines.
    fn section<L>(
        &self,
        lines: &[L],
        caption: impl Fn(&L) -> String,
        rows: impl Fn(&L) -> Vec<Vec<Cell>>,
    ) -> Option<Section> {
        Section::of(self.title, self.note, self.tables(lines, caption, rows))
    }

    fn tables<L>(
        &self,
        lines: &[L],
        caption: impl Fn(&L) -> String,
        rows: impl Fn(&L) -> Vec<Vec<Cell>>,
    ) -> Vec<Part> {
        let parts = lines.chunk_by(|a, b| caption(a) == caption(b));
        let table = |part: &[L]| {
            Part::Table(Table {
                caption: Some(caption(&part[0])),
                ..Table::of(self.header, part.iter().flat_map(&rows).collect())
            })
        };
        parts.map(table).collect()
    }
}

/// The setting in words; parts that the benchmark does not have are left out.
pub(crate) fn caption(setting: &Setting) -> String {
    let attention = format!("attention {}", setting.attention.as_str());
    words(setting, Some(attention))
}

/// The setting in words, for a table that has the attention path in its rows.
pub(crate) fn caption_of_paths(setting: &Setting) -> String {
    words(setting, None)
}

fn words(setting: &Setting, attention: Option<String>) -> String {
    let batch = setting.batch_size.map(|batch| format!("batch {batch}"));
    let prompt = setting
        .prompt_length
        .map(|length| format!("prompt {length}"));
    let threads = match setting.threads {
        1 => "1 thread".to_owned(),
        several => format!("{several} threads"),
    };
    let parts = [
        Some(setting.model.name().to_owned()),
        Some(setting.dtype.as_str().to_owned()),
        batch,
        prompt,
        attention,
        Some(format!("seed {}", setting.seed)),
        Some(threads),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The version; with the case's id where another point of the table could be mistaken for this one.
fn name<'a>(point: &KvPoint, all: impl IntoIterator<Item = &'a KvPoint>) -> Cell {
    let is_twin = |other: &&KvPoint| {
        other.case != point.case
            && other.version == point.version
            && other.tokens == point.tokens
            && other.setting == point.setting
    };
    match all.into_iter().find(is_twin) {
        Some(_) => format!("{} ({})", point.version.as_str(), point.case).into(),
        None => version(point.version),
    }
}

/// `processes × runs`, as far as each process made as many.
fn count(point: &KvPoint) -> Cell {
    cell::runs(point.processes, point.runs)
}

/// T, marked where other T were measured in the same processes.
fn tokens(point: &KvPoint) -> Cell {
    let mark = if point.grouped { " g" } else { "" };
    cell::keyed(format!("{}{mark}", point.tokens), f64::from(point.tokens))
}

/// A note with what the mark of [`tokens`] means, where a point has it.
fn note<'a>(note: &str, points: impl IntoIterator<Item = &'a KvPoint>) -> String {
    match points.into_iter().any(|point| point.grouped) {
        true => format!("{note} g: other T were measured in the same processes."),
        false => note.to_owned(),
    }
}

fn version(version: Version) -> Cell {
    version.as_str().into()
}

/// What stands beside a version's times: what it does to quality under this setting.
fn quality_cell(found: &PointQuality, setting: &Setting) -> Cell {
    let key = match found {
        PointQuality::Exact => Some(0.0),
        PointQuality::Measured { on } => on.first().map(|found| found.degradation),
        PointQuality::NotMeasured => None,
    };
    cell::keyed(quality(found, setting), key)
}

/// The same in words.
pub(crate) fn quality(quality: &PointQuality, setting: &Setting) -> String {
    match quality {
        PointQuality::Exact => "exact".to_owned(),
        PointQuality::NotMeasured => "not measured".to_owned(),
        PointQuality::Measured { on } => {
            let cells: Vec<String> = on.iter().map(|found| degradation(found, setting)).collect();
            cells.join(", ")
        }
    }
}

/// Names the model where it is another one, without the folders above it, and the type of the same model where that differs.
fn degradation(found: &Degradation, setting: &Setting) -> String {
    let percent = units::signed_percent(found.degradation);
    if found.model != setting.model.name() {
        let name = found.model.rsplit('/').next().unwrap_or(&found.model);
        return format!("{percent} ({name})");
    }
    match found.dtype == setting.dtype {
        true => percent,
        false => format!("{percent} ({})", found.dtype.as_str()),
    }
}
