//! Writes a results root with many small made-up runs of one suite, one a night, and the files of their nights: for demonstrations, and
//! for looking at how long histories take. Equal settings give equal files. What a night says follows from the settings; nobody has
//! judged its numbers.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use anechoic_record::{
    CellFinding, News, Night, NightCell, NightOutcome, NoiseSource, RunRecord, SCHEMA_VERSION,
    write_night,
};
use anechoic_report::{CellDigest, RunDigest};
use jiff::{SignedDuration, Timestamp};

use crate::kills::Draw;
use crate::large_run::LargeRun;

/// What is made up.
#[derive(Debug, Clone)]
pub struct MadeHistory {
    /// Nights, each with a run.
    pub runs: u32,
    /// Nights on which nothing is measured, from 1.
    pub missed: Vec<u32>,
    /// Name of the suite.
    pub suite: String,
    /// Cases.
    pub cases: u32,
    /// Attempts per case.
    pub attempts: u32,
    /// Measured iterations per attempt.
    pub iterations: u32,
    /// What the noise follows from.
    pub seed: u64,
    /// Deviation between processes of a run, as a share of their times.
    pub noise: f64,
    /// Deviation between runs, as a share of their times.
    pub run_noise: f64,
    /// By how much all is slower, as a share, from which night on.
    pub step: Option<(f64, u32)>,
    /// By how much each night is slower than the one before, as a share.
    pub creep: f64,
    /// The only case that step and creep slow down; all where none is named.
    pub case: Option<String>,
    /// The night from which on the kernel is another.
    pub kernel: Option<u32>,
    /// Whether the files of nights are written.
    pub nights: bool,
}

impl Default for MadeHistory {
    /// Sixty quiet nights.
    fn default() -> Self {
        Self {
            runs: 60,
            missed: Vec::new(),
            suite: "nightly".to_owned(),
            cases: 3,
            attempts: 3,
            iterations: 5,
            seed: 1,
            noise: 0.01,
            run_noise: 0.005,
            step: None,
            creep: 0.0,
            case: None,
            kernel: None,
            nights: true,
        }
    }
}

/// 2026-01-01T02:30:00Z, in seconds.
const FIRST: i64 = 1_767_234_600;

impl MadeHistory {
    /// The ids of its cases.
    pub fn case_ids(&self) -> Vec<String> {
        self.run(1).case_ids()
    }

    /// Writes the history below `root`; its runs, oldest first.
    ///
    /// # Errors
    /// What the system refuses; runs of these names must not be there yet.
    pub fn write(&self, root: &Path) -> io::Result<Vec<RunDigest>> {
        fs::create_dir_all(root)?;
        let measured: Vec<u32> = (1..=self.runs)
            .filter(|night| !self.missed.contains(night))
            .collect();
        let digests = self.write_runs(root, &measured)?;
        if let Some(newest) = digests.last() {
            let latest = root.join("latest");
            let _ = fs::remove_file(&latest);
            std::os::unix::fs::symlink(&newest.run, latest)?;
        }
        if self.nights {
            self.write_nights(root, &measured, &digests)?;
        }
        Ok(digests)
    }

    /// One part of the nights per thread.
    fn write_runs(&self, root: &Path, measured: &[u32]) -> io::Result<Vec<RunDigest>> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let part = measured.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let parts: Vec<_> = measured
                .chunks(part)
                .map(|nights| {
                    scope.spawn(move || {
                        let runs = nights.iter().map(|night| self.write_run(root, *night));
                        runs.collect::<io::Result<Vec<_>>>()
                    })
                })
                .collect();
            let mut digests = Vec::new();
            for part in parts {
                let part = part.join();
                digests.extend(part.map_err(|_| io::Error::other("a thread has failed"))??);
            }
            Ok(digests)
        })
    }

    fn write_run(&self, root: &Path, night: u32) -> io::Result<RunDigest> {
        let folder = self.run(night).write(root)?;
        let record = RunRecord::load(&folder).map_err(io::Error::other)?;
        Ok(RunDigest::of(&record))
    }

    fn run(&self, night: u32) -> LargeRun {
        let seed = self.seed.wrapping_mul(1_000_003) + u64::from(night);
        let level = 1.0 + self.run_noise * Draw(!seed).normal();
        let run = LargeRun {
            cases: self.cases,
            attempts: self.attempts,
            iterations: self.iterations,
            seconds: 2,
            noise: self.noise,
            factor: level,
            seed,
            name: Some(self.suite.clone()),
            started: start(night),
            kernel: match self.kernel {
                Some(from) if night >= from => "Linux 6.12".to_owned(),
                Some(_) | None => "Linux 6.1".to_owned(),
            },
            slower: None,
        };
        let slower = self.slower(night);
        match &self.case {
            Some(case) => LargeRun {
                slower: Some((case.clone(), slower)),
                ..run
            },
            None => LargeRun {
                factor: level * slower,
                ..run
            },
        }
    }

    /// The level of a night, against that of the first without noise.
    fn slower(&self, night: u32) -> f64 {
        let step = self.step.filter(|(_, from)| night >= *from);
        let creep = (1.0 + self.creep).powf(f64::from(night - 1));
        creep * (1.0 + step.map_or(0.0, |(by, _)| by))
    }

    fn write_nights(&self, root: &Path, measured: &[u32], runs: &[RunDigest]) -> io::Result<()> {
        let mut good: Option<&RunDigest> = None;
        for number in 1..=self.runs {
            let run = measured.binary_search(&number).ok().map(|at| &runs[at]);
            let night = match run {
                Some(run) => self.night(number, run, good),
                None => self.missed_night(number),
            };
            if night.outcome.is_good() {
                good = run;
            }
            write_night(root, &night).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn night(&self, number: u32, run: &RunDigest, good: Option<&RunDigest>) -> Night {
        let from = self.step.map(|(_, from)| from);
        let is_slower = good.is_some() && from.is_some_and(|from| number >= from);
        let is_first = from == Some(number);
        let judged = run.cells.iter().filter(|cell| cell.primary);
        Night {
            run: Some(run.run.clone()),
            ended: run.started + SignedDuration::from_secs(60),
            against: good.map(|good| good.run.clone()).into_iter().collect(),
            noise: good.map(|_| NoiseSource::Nights {
                nights: number - 1,
                why: "there is no certificate".to_owned(),
            }),
            outcome: match (good, is_slower) {
                (None, _) => NightOutcome::NoBaseline,
                (Some(_), false) => NightOutcome::Quiet,
                (Some(_), true) => NightOutcome::Regression,
            },
            cells: judged
                .map(|cell| self.cell(cell, good, is_slower))
                .collect(),
            news: (is_slower && is_first).then_some(News::Regression),
            ..self.blank(number)
        }
    }

    fn cell(&self, cell: &CellDigest, good: Option<&RunDigest>, is_slower: bool) -> NightCell {
        let value = cell.average.value;
        let mut then = good.iter().flat_map(|good| &good.cells);
        let reference = then
            .find(|then| then.id == cell.id)
            .map(|then| then.average.value);
        let is_time = cell.id.metric.name().ends_with("time");
        let is_meant = self.case.as_ref().is_none_or(|case| *case == cell.id.case);
        NightCell {
            id: cell.id.clone(),
            value,
            reference,
            effect: reference.map(|reference| value / reference - 1.0),
            interval: None,
            p_adjusted: None,
            threshold: None,
            finding: match reference {
                None => CellFinding::New,
                Some(_) if is_slower && is_time && is_meant => CellFinding::Worse,
                Some(_) => CellFinding::Same,
            },
        }
    }

    fn missed_night(&self, number: u32) -> Night {
        let reasons = vec!["the device is held by another process, as made up".to_owned()];
        Night {
            outcome: NightOutcome::NotMeasured { reasons },
            ..self.blank(number)
        }
    }

    fn blank(&self, number: u32) -> Night {
        Night {
            schema_version: SCHEMA_VERSION,
            suite: self.suite.clone(),
            started: start(number),
            ended: start(number) + SignedDuration::from_secs(1),
            run: None,
            confirmations: Vec::new(),
            left_out: Vec::new(),
            baseline: "last-good".to_owned(),
            against: Vec::new(),
            noise: None,
            outcome: NightOutcome::Quiet,
            cells: Vec::new(),
            news: None,
            notices: Vec::new(),
        }
    }
}

/// When a night begins.
fn start(night: u32) -> Timestamp {
    let days = i64::from(night) - 1;
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(FIRST + days * 24 * 60 * 60)
}
