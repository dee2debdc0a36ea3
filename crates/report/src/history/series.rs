//! What a history is made of.

use anechoic_protocol::Device;
use anechoic_record::{CellId, Difference, NightOutcome, RunState};
use anechoic_stats::Scale;
use jiff::Timestamp;

use super::{Level, Point, SeriesCreep, SeriesStep};

/// How the values of cells went over runs.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The runs, oldest first; audits and runs that are being made are none of them. Of runs that are gone, those of nights.
    pub runs: Vec<HistoryRun>,
    /// The nights since the first of these runs, oldest first.
    pub nights: Vec<HistoryNight>,
    /// The series, in the plan's order of the newest run; behind them those that it has no more.
    pub series: Vec<Series>,
}

/// A run of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRun {
    /// Its id.
    pub run: String,
    /// Its suite's name.
    pub suite: String,
    /// When it was started; of one that is gone, when its night began.
    pub started: Timestamp,
    /// Whether it is complete; none where it is gone, and its night alone has kept what it came to.
    pub state: Option<RunState>,
    /// Where it was made; none where it is gone.
    pub device: Option<Device>,
    /// Whether it was made under more than one set of conditions.
    pub is_mixed: bool,
    /// The night that it belongs to, by its place in [`History::nights`].
    pub night: Option<usize>,
}

/// A night of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryNight {
    /// The name of its file.
    pub file: String,
    /// Its suite's name.
    pub suite: String,
    /// When it began.
    pub started: Timestamp,
    /// The run that was made first, where one was.
    pub run: Option<String>,
    /// Whether that run is there no more.
    pub is_gone: bool,
    /// What it came to.
    pub outcome: NightOutcome,
    /// Cells that it found to be worse.
    pub worse: u32,
}

/// The values of one cell, measured with the same settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The suite's name.
    pub suite: String,
    /// Which cell.
    pub id: CellId,
    /// Identifies the settings.
    pub settings: String,
    /// Whether the cell has series with other settings, too.
    pub is_one_of_several: bool,
    /// Whether it has the newest value of its cell.
    pub is_current: bool,
    /// Its values, oldest first; never empty.
    pub points: Vec<Point>,
    /// What was measured on one machine, oldest first; never empty.
    pub stretches: Vec<Stretch>,
    /// Nights without a value, oldest first.
    pub gaps: Vec<Gap>,
}

/// Points in a row that were measured on one machine in one state: numbers are compared within it and never beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Its first point.
    pub first: usize,
    /// The point behind its last one.
    pub end: usize,
    /// What of the machine is another than in the stretch before; empty of the first one.
    pub changes: Vec<Difference>,
    /// In what steps and creep are told: fractions, or differences in the metric's unit.
    pub scale: Scale,
    /// What it was on between two steps, oldest first; one more than there are steps, but for a stretch of mixed runs alone.
    pub levels: Vec<Level>,
    /// Where the level changed, oldest first.
    pub steps: Vec<SeriesStep>,
    /// A slow course that reaches to the end.
    pub creep: Option<SeriesCreep>,
}

/// A night without a value of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The point that follows it, or the number of points.
    pub before: usize,
    /// The night, by its place in [`History::nights`].
    pub night: usize,
}

/// What has a place of its own along a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Point(usize),
    Gap(Gap),
}

impl Slot {
    /// Its point in the series that it belongs to.
    pub(crate) fn point(self, series: &Series) -> Option<&Point> {
        match self {
            Self::Point(index) => Some(&series.points[index]),
            Self::Gap(_) => None,
        }
    }
}

impl History {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The run of a point.
    pub fn run(&self, point: &Point) -> &HistoryRun {
        &self.runs[point.run]
    }

    /// The night of a point.
    pub fn night(&self, point: &Point) -> Option<&HistoryNight> {
        self.runs[point.run].night.map(|night| &self.nights[night])
    }

    /// The suites, in the order in which their series come.
    pub fn suites(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = Vec::new();
        for series in &self.series {
            if !suites.contains(&series.suite.as_str()) {
                suites.push(&series.suite);
            }
        }
        suites
    }
}

impl HistoryRun {
    /// Whether it is there no more.
    pub fn is_gone(&self) -> bool {
        self.state.is_none()
    }
}

impl HistoryNight {
    /// What it came to, with the reasons where there are some.
    pub(crate) fn said(&self) -> String {
        let name = self.outcome.name();
        match self.outcome.reasons() {
            [] => name.to_owned(),
            reasons => format!("{name}: {}", reasons.join("; ")),
        }
    }
}

impl Series {
    /// The newest point.
    pub fn newest(&self) -> &Point {
        self.points.last().expect("a series has a point")
    }

    /// The stretch that reaches to now.
    pub fn present(&self) -> &Stretch {
        self.stretches.last().expect("a series has a stretch")
    }

    /// The newest step, wherever it is.
    pub fn last_step(&self) -> Option<(&Stretch, &SeriesStep)> {
        let stretches = self.stretches.iter().rev();
        stretches
            .filter_map(|stretch| Some((stretch, stretch.steps.last()?)))
            .next()
    }

    /// The newest value against the first one on the same machine: a fraction, or a difference in the metric's unit.
    pub fn change(&self) -> Option<f64> {
        let present = self.present();
        let (first, newest) = (&self.points[present.first], self.newest());
        let (first, newest) = (first.average.value, newest.average.value);
        (present.end - present.first > 1).then(|| match present.scale {
            Scale::Ratio => newest / first - 1.0,
            Scale::Difference => newest - first,
        })
    }

    /// The name of its case, with T and, where there are several, what identifies the settings.
    pub fn name(&self) -> String {
        let mut name = self.id.case.clone();
        if let Some(tokens) = self.id.tokens {
            name += &format!(", T = {tokens}");
        }
        if self.is_one_of_several {
            name += &format!(
                ", settings {}",
                &self.settings[..self.settings.len().min(6)]
            );
        }
        name
    }

    /// Points and nights without one, in their order.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(self.points.len() + self.gaps.len());
        let mut gaps = self.gaps.iter().peekable();
        for index in 0..=self.points.len() {
            while let Some(gap) = gaps.next_if(|gap| gap.before <= index) {
                slots.push(Slot::Gap(*gap));
            }
            if index < self.points.len() {
                slots.push(Slot::Point(index));
            }
        }
        slots
    }
}
