//! Which earlier runs a night is compared with, and which nights are the history that it is the newest of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anechoic_record::{CellId, Night, NightCell, NightOutcome};
use anechoic_report::{RunDigest, WorseCell};
use jiff::Timestamp;

/// What a night is to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BaselineChoice {
    /// The newest good night.
    LastGood,
    /// The newest good nights, so many.
    Rolling(usize),
    /// A run: directory, id, or `latest`.
    Run(String),
}

/// The most nights of a rolling baseline.
const MOST: usize = 1000;

/// What is known of earlier nights of a suite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    /// Its nights, oldest first.
    pub(crate) nights: &'a [Night],
    /// The runs of the results root, as far as they can still be read.
    pub(crate) digests: &'a [RunDigest],
}

/// What a night is compared with.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Baseline {
    /// The nights of the baseline, oldest first: of each its run, then its confirmations. None where there is nothing to compare with.
    pub(crate) nights: Vec<Vec<RunDigest>>,
    /// Measured nights since the last accepted level, also in part, oldest first: of each its run, then its confirmations.
    pub(crate) history: Vec<Vec<RunDigest>>,
    /// Cells that were worse when they were measured the last time, since the last accepted level.
    pub(crate) worse: Vec<WorseCell>,
    /// What is to be known of it.
    pub(crate) notes: Vec<String>,
}

impl Baseline {
    /// For a night that begins now with these cases. `named` is the run of [`BaselineChoice::Run`].
    pub(crate) fn choose(
        choice: &BaselineChoice,
        past: Past<'_>,
        cases: &[&str],
        named: Option<RunDigest>,
        now: Timestamp,
    ) -> Self {
        let mut notes = Vec::new();
        let nights = match choice {
            // Several nights make up for each other's cases.
            BaselineChoice::LastGood => past.newest(1, cases, &mut notes),
            BaselineChoice::Rolling(nights) => past.newest(*nights, &[], &mut notes),
            BaselineChoice::Run(_) => named.into_iter().map(|run| vec![run]).collect(),
        };
        let runs = || nights.iter().flatten();
        let mixed = runs().filter(|run| run.is_mixed);
        notes.extend(mixed.map(|run| {
            format!(
                "the run `{}` of the baseline is mixed: conditions changed while it was made",
                run.run
            )
        }));
        let later = runs().filter(|run| run.started > now);
        notes.extend(later.map(|run| {
            format!(
                "the run `{}` of the baseline was started later than now, at {}: the clock was set back",
                run.run, run.started
            )
        }));
        Self {
            nights,
            history: past.history(),
            worse: past.worse(),
            notes,
        }
    }

    /// All runs of it, oldest night first.
    pub(crate) fn runs(&self) -> impl DoubleEndedIterator<Item = &RunDigest> {
        self.nights.iter().flatten()
    }
}

/// Puts nights into their order, the oldest first, as it is seen now. One of the future was made while the clock was ahead: when it
/// was is not known, and as the newest it would hide every night to come, so that it counts among the oldest.
pub(crate) fn sort(nights: &mut [Night], now: Timestamp) {
    nights.sort_by_key(|night| (night.started <= now, night.started));
}

impl Past<'_> {
    /// Nights since the last accepted level, that one included.
    fn level(&self) -> &[Night] {
        let is_accepted = |night: &Night| night.outcome == NightOutcome::Accepted;
        let since = self.nights.iter().rposition(is_accepted);
        &self.nights[since.unwrap_or(0)..]
    }

    /// A run whose values are those of one set of conditions.
    fn digest(&self, run: &str) -> Option<&RunDigest> {
        self.known(run).filter(|digest| !digest.is_mixed)
    }

    fn known(&self, run: &str) -> Option<&RunDigest> {
        let mut digests = self.digests.iter();
        digests.find(|digest| digest.run == run && !digest.is_audit)
    }

    /// The newest good nights of those that have most of these cases; where there are none, the newest on which cases failed and none became worse: a case that fails every
    /// night does not keep the others from being judged.
    fn newest(
        &self,
        wanted: usize,
        cases: &[&str],
        notes: &mut Vec<String>,
    ) -> Vec<Vec<RunDigest>> {
        let good = self.newest_of(wanted, |night| night.outcome.is_good(), cases, notes);
        if !good.is_empty() {
            return good;
        }
        let failed = self.newest_of(wanted, is_judged_in_part, cases, notes);
        if !failed.is_empty() {
            let text = "there is no good night: what was measured on nights on which other cases failed is the baseline; \
                        `--skip` leaves a case out that fails every night";
            notes.push(text.to_owned());
        }
        failed
    }

    fn newest_of(
        &self,
        wanted: usize,
        is_of: impl Fn(&Night) -> bool,
        cases: &[&str],
        notes: &mut Vec<String>,
    ) -> Vec<Vec<RunDigest>> {
        let nights = || self.level().iter().filter(|night| is_of(night));
        let most = nights()
            .filter_map(|night| self.covered(night, cases))
            .max();
        let mut found = Vec::new();
        for night in nights().rev() {
            if found.len() == wanted {
                break;
            }
            match self.runs(night) {
                Some(_) if self.covered(night, cases) < most => {
                    let text = "has fewer of tonight's cases than others, and is no baseline";
                    notes.push(format!("the night of {} {text}", date(night)));
                }
                Some(runs) => found.push(runs),
                None => notes.push(self.lost(night)),
            }
        }
        found.reverse();
        found
    }

    /// How many of these cases the run of a night has; `None` where it cannot be used.
    fn covered(&self, night: &Night, cases: &[&str]) -> Option<usize> {
        let run = self.digest(night.run.as_ref()?)?;
        let has = |case: &&&str| run.cells.iter().any(|cell| cell.id.case == ***case);
        Some(cases.iter().filter(has).count())
    }

    fn worse(&self) -> Vec<WorseCell> {
        let mut found: BTreeMap<&CellId, &NightCell> = BTreeMap::new();
        // The newest night counts.
        for night in self.level() {
            let judged = night.cells.iter().filter(|cell| cell.finding.is_judged());
            found.extend(judged.map(|cell| (&cell.id, cell)));
        }
        let worse = found
            .into_iter()
            .filter(|(_, cell)| cell.finding.is_worse());
        let worse = worse.filter_map(|(id, cell)| {
            let id = id.clone();
            cell.effect.map(|effect| WorseCell { id, effect })
        });
        worse.collect()
    }

    fn history(&self) -> Vec<Vec<RunDigest>> {
        let nights = self.level().iter();
        let measured =
            nights.filter(|night| night.outcome.is_measured() || is_judged_in_part(night));
        measured.filter_map(|night| self.runs(night)).collect()
    }

    /// The run of a night, and those of its confirmations that can be used; nothing where the run cannot.
    fn runs(&self, night: &Night) -> Option<Vec<RunDigest>> {
        let mut runs = vec![self.digest(night.run.as_ref()?)?.clone()];
        let confirmations = night.confirmations.iter();
        runs.extend(confirmations.filter_map(|run| self.digest(run).cloned()));
        Some(runs)
    }

    /// Why the run of a night is no baseline.
    fn lost(&self, night: &Night) -> String {
        let run = night.run.as_deref().unwrap_or("of no name");
        let why = match self.known(run) {
            Some(_) => "is mixed, and no baseline",
            None => "is gone or cannot be read, and no baseline any more",
        };
        format!("the run `{run}` of the night of {} {why}", date(night))
    }
}

fn date(night: &Night) -> impl fmt::Display {
    night.started.strftime("%Y-%m-%d")
}

/// Whether cases failed, and the machine was at rest, so that the values of the others may be believed. None of them became worse.
fn is_judged_in_part(night: &Night) -> bool {
    matches!(night.outcome, NightOutcome::Failed { .. }) && !night.cells.is_empty()
}

impl fmt::Display for BaselineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastGood => f.write_str("last-good"),
            Self::Rolling(nights) => write!(f, "rolling:{nights}"),
            Self::Run(run) => f.write_str(run),
        }
    }
}

impl FromStr for BaselineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("rolling")) {
            ("", _) => Err("write `last-good`, `rolling:N` or a run".to_owned()),
            ("last-good", _) => Ok(Self::LastGood),
            (_, Some(rest)) if rest.is_empty() || rest.starts_with(':') => {
                let nights = rest.strip_prefix(':').and_then(|text| text.parse().ok());
                let nights = nights.filter(|nights| (1..=MOST).contains(nights));
                nights.map(Self::Rolling).ok_or_else(|| {
                    format!("write the number of nights as in `rolling:14`, from 1 to {MOST}")
                })
            }
            (run, _) => Ok(Self::Run(run.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::made::{digest, measured, night};

    #[test]
    fn choices_are_read_as_they_are_written() {
        let check = |text: &str, expected: Option<BaselineChoice>| {
            let found: Option<BaselineChoice> = text.parse().ok();
            assert_eq!(found, expected, "{text}");
            if let Some(found) = found {
                assert_eq!(found.to_string(), text);
            }
        };
        check("last-good", Some(BaselineChoice::LastGood));
        check("rolling:14", Some(BaselineChoice::Rolling(14)));
        check("latest", Some(BaselineChoice::Run("latest".to_owned())));
        check(
            "rolling_1",
            Some(BaselineChoice::Run("rolling_1".to_owned())),
        );
        for wrong in [
            "",
            "rolling",
            "rolling:",
            "rolling:0",
            "rolling:x",
            "rolling:1001",
        ] {
            check(wrong, None);
        }
    }

    /// Nights by their outcomes, `-` for one whose run is gone, `+` for one whose cells are judged; night N has run `rN`.
    fn check(choice: &str, course: &str, baseline: &[&str], history: &[&str], notes: usize) {
        let outcomes = course.split_whitespace().enumerate();
        let (mut nights, mut digests) = (Vec::new(), Vec::new());
        for (n, word) in outcomes {
            let run = format!("r{n}");
            let cells: &[&str] = if word.contains('+') { &["=a"] } else { &[] };
            nights.push(night(n, word.trim_end_matches(['+', '-']), cells));
            if !word.ends_with('-') {
                digests.push(digest(n, &run));
            }
        }
        let past = Past {
            nights: &nights,
            digests: &digests,
        };
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let found = Baseline::choose(&choice.parse().unwrap(), past, &[], None, now);
        let names: Vec<_> = found.nights.iter().map(|runs| &runs[0].run).collect();
        assert_eq!(names, baseline, "{course}");
        let nights: Vec<_> = found.history.iter().map(|runs| &runs[0].run).collect();
        assert_eq!(nights, history, "{course}");
        assert_eq!(found.notes.len(), notes, "{course}: {:?}", found.notes);
    }

    #[test]
    fn good_nights_are_the_baseline_and_measured_ones_the_history() {
        check("last-good", "", &[], &[], 0);
        check("last-good", "not-measured failed", &[], &[], 0);
        check(
            "last-good",
            "no-baseline quiet regression not-measured",
            &["r1"],
            &["r0", "r1", "r2"],
            0,
        );
        check(
            "rolling:2",
            "quiet quiet failed quiet",
            &["r1", "r3"],
            &["r0", "r1", "r3"],
            0,
        );
        check("rolling:9", "quiet", &["r0"], &["r0"], 0);
    }

    #[test]
    fn nights_on_which_cases_failed_stand_in_for_good_ones() {
        let check_last = |course: &str, baseline: &[&str], history: &[&str], notes: usize| {
            check("last-good", course, baseline, history, notes);
        };
        check_last("failed+", &["r0"], &["r0"], 1);
        check_last("failed+ failed+", &["r1"], &["r0", "r1"], 1);
        check_last("failed+ failed", &["r0"], &["r0"], 1);
        check_last("quiet failed+", &["r0"], &["r0", "r1"], 0);
        check_last("quiet- failed+", &["r1"], &["r1"], 2);
        check_last("failed+ accepted", &["r1"], &["r1"], 0);
        check(
            "rolling:2",
            "failed+ failed+ failed+",
            &["r1", "r2"],
            &["r0", "r1", "r2"],
            1,
        );
    }

    #[test]
    fn what_was_before_an_accepted_level_does_not_count() {
        check(
            "rolling:9",
            "quiet regression accepted",
            &["r2"],
            &["r2"],
            0,
        );
        check(
            "rolling:9",
            "quiet accepted quiet",
            &["r1", "r2"],
            &["r1", "r2"],
            0,
        );
        check("last-good", "quiet accepted- regression", &[], &["r2"], 1);
    }

    #[test]
    fn an_older_good_night_stands_in_for_one_whose_run_is_gone() {
        check(
            "last-good",
            "quiet quiet- regression",
            &["r0"],
            &["r0", "r2"],
            1,
        );
        check("last-good", "quiet- quiet", &["r1"], &["r1"], 0);
        check(
            "rolling:2",
            "quiet quiet- quiet",
            &["r0", "r2"],
            &["r0", "r2"],
            1,
        );
    }

    #[test]
    fn a_night_that_lacks_cases_of_tonight_is_no_last_good_one() {
        let of = |n: usize, cases: &[&str]| {
            let mut found = digest(n, &format!("r{n}"));
            found.cells = night(n, "quiet", cases)
                .cells
                .iter()
                .map(measured)
                .collect();
            found
        };
        let check = |courses: &[&[&str]], tonight: &[&str], expected: &str, notes: usize| {
            let nights: Vec<_> = (0..courses.len()).map(|n| night(n, "quiet", &[])).collect();
            let digests: Vec<_> = (0..).zip(courses).map(|(n, cases)| of(n, cases)).collect();
            let past = Past {
                nights: &nights,
                digests: &digests,
            };
            let now = Timestamp::from_second(1_000_000_000).unwrap();
            let choice = BaselineChoice::LastGood;
            let found = Baseline::choose(&choice, past, tonight, None, now);
            assert_eq!(found.nights[0][0].run, expected, "{courses:?}");
            assert_eq!(found.notes.len(), notes, "{:?}", found.notes);
        };
        let both: &[&str] = &["a", "b"];
        check(&[both, &["b"]], both, "r0", 1);
        check(&[both, &["b"]], &["b"], "r1", 0);
        // A case that no night has.
        check(&[both, both], &["a", "b", "c"], "r1", 0);
        check(&[&["a"], &["b"]], both, "r1", 0);
    }

    #[test]
    fn cells_are_worse_as_they_were_measured_the_last_time() {
        let check = |course: &[(&str, &[&str])], expected: &[&str]| {
            let nights = (0..).zip(course);
            let nights: Vec<_> = nights.map(|(n, (o, cells))| night(n, o, cells)).collect();
            let past = Past {
                nights: &nights,
                digests: &[],
            };
            let found = past.worse();
            let names: Vec<_> = found.iter().map(|worse| &worse.id.case).collect();
            assert_eq!(names, expected, "{course:?}");
        };
        check(&[("regression", &["a", "=b"])], &["a"]);
        check(&[("regression", &["a"]), ("quiet", &["=a"])], &[]);
        check(&[("regression", &["a", "b"]), ("quiet", &["=b"])], &["a"]);
        check(&[("regression", &["a"]), ("not-measured", &[])], &["a"]);
        check(&[("regression", &["a"]), ("accepted", &[])], &[]);
    }

    #[test]
    fn mixed_runs_are_neither_baseline_nor_history() {
        let nights = [
            night(0, "quiet", &[]),
            night(1, "quiet", &[]),
            night(2, "regression", &[]),
        ];
        let mixed = |n, run: &str| RunDigest {
            is_mixed: true,
            ..digest(n, run)
        };
        let digests = [digest(0, "r0"), mixed(1, "r1"), mixed(2, "r2")];
        let past = Past {
            nights: &nights,
            digests: &digests,
        };
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let found = Baseline::choose(&BaselineChoice::LastGood, past, &[], None, now);
        assert_eq!(found.nights, [[digest(0, "r0")]]);
        assert_eq!(found.history, [[digest(0, "r0")]]);
        assert!(found.notes[0].contains("`r1`"), "{:?}", found.notes);
        assert!(found.notes[0].contains("is mixed"), "{:?}", found.notes);
        // One that is asked for by name is taken.
        let run = BaselineChoice::Run("r1".to_owned());
        let found = Baseline::choose(&run, past, &[], Some(mixed(1, "r1")), now);
        assert_eq!((found.nights.len(), found.notes.len()), (1, 1));
    }

    #[test]
    fn confirmations_belong_to_their_night() {
        let mut confirmed = night(0, "quiet", &[]);
        confirmed.confirmations = vec!["c1".to_owned(), "c2".to_owned()];
        let nights = [confirmed, night(1, "quiet", &[])];
        let digests = [digest(0, "r0"), digest(1, "r1"), digest(0, "c2")];
        let past = Past {
            nights: &nights,
            digests: &digests,
        };
        let history = past.history();
        let names = |runs: &Vec<RunDigest>| runs.iter().map(|run| run.run.clone()).collect();
        let names: Vec<Vec<String>> = history.iter().map(names).collect();
        assert_eq!(names, [vec!["r0", "c2"], vec!["r1"]]);
        // What they came to counts in the baseline as well.
        let found = past.newest(2, &[], &mut Vec::new());
        assert_eq!(found, history);
    }

    #[test]
    fn nights_of_the_future_count_among_the_oldest() {
        let check = |nights: &[(usize, &str)], now: usize, baseline: &[&str]| {
            let of = |(n, outcome): &(usize, &str)| night(*n, outcome, &[]);
            let mut nights: Vec<_> = nights.iter().map(of).collect();
            let now = night(now, "quiet", &[]).started;
            sort(&mut nights, now);
            let digests = [1, 2, 3, 8, 9].map(|n| digest(n, &format!("r{n}")));
            let past = Past {
                nights: &nights,
                digests: &digests,
            };
            let found = Baseline::choose(&"rolling:2".parse().unwrap(), past, &[], None, now);
            let names: Vec<_> = found.runs().map(|run| &run.run).collect();
            assert_eq!(names, baseline, "{nights:?}");
        };
        let quiet = |n| (n, "quiet");
        check(&[quiet(1), quiet(2), quiet(3)], 3, &["r2", "r3"]);
        check(&[quiet(1), quiet(2), quiet(9)], 3, &["r1", "r2"]);
        check(&[quiet(9), quiet(8)], 3, &["r8", "r9"]);
        check(&[quiet(9), quiet(3), quiet(8)], 3, &["r9", "r3"]);
        check(&[quiet(1), (9, "accepted"), quiet(2)], 3, &["r1", "r2"]);
        check(&[quiet(1), (2, "accepted"), quiet(9)], 3, &["r2"]);
        check(&[quiet(1), (8, "accepted"), quiet(9)], 9, &["r8", "r9"]);
    }

    #[test]
    fn a_baseline_of_the_future_is_used_and_noted() {
        let (nights, digests) = ([night(5, "quiet", &[])], [digest(5, "r5")]);
        let past = Past {
            nights: &nights,
            digests: &digests,
        };
        let found = Baseline::choose(
            &BaselineChoice::LastGood,
            past,
            &[],
            None,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(found.runs().count(), 1);
        assert!(found.notes[0].contains("set back"), "{:?}", found.notes);
        let named = Some(digest(3, "r3"));
        let run = BaselineChoice::Run("r3".to_owned());
        let now = digests[0].started;
        let found = Baseline::choose(&run, past, &[], named, now);
        assert_eq!(found.runs().next().unwrap().run, "r3");
        assert_eq!(found.history.len(), 1);
    }
}
