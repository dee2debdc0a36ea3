//! Tables of the KV-cache benchmarks.

mod cost;
mod judgement;
mod times;

use anechoic_protocol::Version;

use super::dressing::Dressing;
use crate::{Degradation, KvPoint, KvSummary, PointQuality, Setting, units};

/// All tables that have rows.
pub(super) fn tables(kv: &KvSummary, dressing: Dressing) -> String {
    times::latency(kv, dressing)
        + &times::crossovers(kv, dressing)
        + &times::predictions(kv, dressing)
        + &times::paths(kv, dressing)
        + &times::phases(kv, dressing)
        + &cost::memory(kv, dressing)
        + &cost::capacity(kv, dressing)
        + &cost::roofline(kv, dressing)
        + &judgement::quality(kv, dressing)
        + &judgement::trade_off(kv, dressing)
}

/// A section with one table per setting; nothing where there are no lines.
struct Section<'a> {
    title: &'a str,
    note: &'a str,
    header: &'a [&'a str],
}

impl Section<'_> {
    fn render<L>(
        &self,
        dressing: Dressing,
        lines: &[L],
        caption: impl Fn(&L) -> String,
        rows: impl Fn(&L) -> Vec<Vec<String>>,
    ) -> String {
        if lines.is_empty() {
            return String::new();
        }
        let mut text = dressing.heading(2, self.title) + self.note + "\n";
        for part in lines.chunk_by(|a, b| caption(a) == caption(b)) {
            text += &dressing.heading(3, &dressing.cell(&caption(&part[0])));
            text += &dressing.table(self.header, part.iter().flat_map(&rows).collect());
        }
        text
    }
}

/// The setting in words; parts that the benchmark does not have are left out.
fn caption(setting: &Setting) -> String {
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
fn name<'a>(point: &KvPoint, all: impl IntoIterator<Item = &'a KvPoint>) -> String {
    let is_twin = |other: &&KvPoint| {
        other.case != point.case
            && other.version == point.version
            && other.tokens == point.tokens
            && other.setting == point.setting
    };
    match all.into_iter().find(is_twin) {
        Some(_) => format!("{} ({})", point.version.as_str(), point.case),
        None => point.version.as_str().to_owned(),
    }
}

/// `processes × runs`, as far as each process made as many.
fn count(point: &KvPoint) -> String {
    let each = point.runs.checked_div(point.processes).unwrap_or(0);
    format!("{} × {each}", point.processes)
}

/// T, marked where other T were measured in the same processes.
fn tokens(point: &KvPoint) -> String {
    let mark = if point.grouped { " g" } else { "" };
    format!("{}{mark}", point.tokens)
}

/// A note with what the mark of [`tokens`] means, where a point has it.
fn note<'a>(note: &str, points: impl IntoIterator<Item = &'a KvPoint>) -> String {
    match points.into_iter().any(|point| point.grouped) {
        true => format!("{note} g: other T were measured in the same processes."),
        false => note.to_owned(),
    }
}

fn version(version: Version) -> String {
    version.as_str().to_owned()
}

/// What stands beside a version's times: what it does to quality under this setting.
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
