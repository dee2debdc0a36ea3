//! Pictures of a run as SVG text. Pure: the same record and summary give the same pictures. Nothing is drawn that the run
//! has no data for, and what failed is seen as failed.

mod chart;
mod conditions;
mod extent;
mod frame;
mod history;
mod iterations;
mod layers;
mod mark;
mod over_tokens;
mod phases;
mod place;
mod roofline;
mod scale;
mod series;
mod style;
mod svg;
mod thin;
mod timeline;
mod trade_off;
mod unit;
mod values;
mod wall_time;

use anechoic_record::{RunRecord, cells};

pub(crate) use history::{HistoryChart, without_style};

use crate::Summary;
use crate::kv::tokens_of;
use crate::plain::plain;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// Usable as the name of a file and as an HTML id: `latency-t`. Unique among the plots of a run.
    pub id: String,
    /// What is seen, in a few words.
    pub title: String,
    /// What is seen, of how many, in which unit, and what intervals are; one sentence or a few. Plain text.
    pub caption: String,
    /// The picture: one self-contained SVG element that begins with `<svg`.
    pub svg: String,
}

/// Every picture that a run has data for, in the order in which a report shows them.
pub fn plots(record: &RunRecord, summary: &Summary) -> Vec<Plot> {
    let cells = cells(record);
    let mut plots = values::plots(record, summary, &cells);
    plots.extend(iterations::plots(record, &cells));
    if let Some(kv) = &summary.kv {
        plots.extend(over_tokens::latency(kv));
        plots.extend(over_tokens::memory(kv));
        plots.extend(phases::plot(kv));
        plots.extend(trade_off::plots(kv));
        plots.extend(roofline::plots(kv));
    }
    plots.extend(summary.capture.iter().flat_map(layers::plots));
    plots.extend(timeline::plot(record));
    plots.extend(conditions::plot(record));
    plots.into_iter().map(Plot::cleaned).collect()
}

impl Plot {
    /// Its words without what terminals obey and what turns text around; the drawing was written without.
    fn cleaned(self) -> Self {
        Self {
            title: plain(&self.title),
            caption: plain(&self.caption),
            ..self
        }
    }
}

/// Lower-case letters, digits and hyphens of a name from outside.
fn slug(name: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let text: String = name.chars().map(plain).collect();
    let words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The id of the plot at this place, from 1, of those that share a name.
fn numbered(base: &str, number: usize) -> String {
    match number {
        1 => base.to_owned(),
        _ => format!("{base}-{number}"),
    }
}
