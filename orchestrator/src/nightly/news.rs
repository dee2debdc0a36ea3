//! What people are told: an event once, and not once a night. What they know follows from the nights before, so that nothing has to be
//! remembered elsewhere.

use std::collections::BTreeMap;

use anechoic_record::{CellId, News, Night, NightOutcome};

/// After so many measured nights in a row on which a cell is not worse, its becoming worse is another event, also where other cells are
/// worse all the time and nobody was told of its recovery.
const OVER: u32 = 2;

/// What people know of a suite.
#[derive(Debug, Default)]
struct Known {
    /// That these cells are worse; of each, how many measured nights in a row it is not any more.
    worse: BTreeMap<CellId, u32>,
    /// That something became worse.
    regressed: bool,
    /// That the job or cases of it fail.
    failing: bool,
    /// That nothing is measured.
    unmeasured: bool,
    /// Nights in a row without a measurement, whether they know or not.
    nights: u32,
}

/// What people are to be told tonight, after these nights, oldest first. Nothing measured is worth telling from `limit` nights in a row on.
pub(crate) fn news(past: &[Night], tonight: &Night, limit: u32) -> Option<News> {
    let mut known = Known::default();
    past.iter().for_each(|night| known.pass(night));
    known.news(tonight, limit)
}

impl Known {
    fn pass(&mut self, night: &Night) {
        let told = night.news.filter(|_| is_told(night));
        match &night.outcome {
            NightOutcome::Accepted => *self = Self::default(),
            NightOutcome::NoBaseline | NightOutcome::Quiet => {
                self.nights = 0;
                // A recovery that reached nobody is told again, and a cell that was not judged has not recovered.
                if self.is_over(night) && (night.news.is_none() || told.is_some()) {
                    *self = Self::default();
                } else if night.news.is_none() {
                    (self.unmeasured, self.failing) = (false, false);
                    self.forget(night);
                }
            }
            NightOutcome::Regression => {
                (self.nights, self.unmeasured, self.failing) = (0, false, false);
                self.forget(night);
                if told.is_some() {
                    self.regressed = true;
                    self.worse.extend(worse(night).map(|cell| (cell, 0)));
                }
            }
            NightOutcome::Failed { .. } => self.failing |= told.is_some(),
            NightOutcome::NotMeasured { .. } => {
                self.nights = self.nights.saturating_add(1);
                self.unmeasured |= told.is_some();
            }
        }
    }

    /// Counts the nights on which known cells are not worse, and drops those of which it is over.
    fn forget(&mut self, night: &Night) {
        let is_worse = |id: &CellId| {
            let mut cells = night.cells.iter();
            let cell = cells.find(|cell| cell.id == *id)?;
            Some(cell.finding.is_worse())
        };
        self.worse.retain(|id, nights| {
            *nights = match is_worse(id) {
                Some(true) => 0,
                Some(false) => *nights + 1,
                None => *nights,
            };
            *nights < OVER
        });
    }

    fn news(&self, tonight: &Night, limit: u32) -> Option<News> {
        match &tonight.outcome {
            NightOutcome::Accepted => None,
            NightOutcome::NoBaseline | NightOutcome::Quiet => {
                let is_over = self.is_uneasy() && self.is_over(tonight);
                is_over.then_some(News::Recovery)
            }
            NightOutcome::Regression => {
                let is_new = worse(tonight).any(|cell| !self.worse.contains_key(&cell));
                is_new.then_some(News::Regression)
            }
            NightOutcome::Failed { .. } => (!self.failing).then_some(News::Failure),
            NightOutcome::NotMeasured { .. } => {
                let is_long = self.nights.saturating_add(1) >= limit;
                (is_long && !self.unmeasured).then_some(News::NothingMeasured)
            }
        }
    }

    /// Whether all that is known to be worse was judged on this night.
    fn is_over(&self, night: &Night) -> bool {
        let is_judged = |id: &CellId| {
            let mut cells = night.cells.iter();
            cells.any(|cell| cell.id == *id && cell.finding.is_judged())
        };
        self.worse.keys().all(is_judged)
    }

    fn is_uneasy(&self) -> bool {
        self.regressed || self.failing || self.unmeasured
    }
}

/// Whether its news has reached anybody. Where no way was named, as in a night that is made by hand, it has not.
fn is_told(night: &Night) -> bool {
    night.notices.iter().any(|notice| notice.error.is_none())
}

/// Its cells that are worse.
fn worse(night: &Night) -> impl Iterator<Item = CellId> {
    let cells = night.cells.iter().filter(|cell| cell.finding.is_worse());
    cells.map(|cell| cell.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::made::night;
    use anechoic_record::Notice;

    /// Nights as `outcome[:cells][!?]`, `!` where telling fails on all ways and `?` where there is none; the news of each, `-` for none. Each night's own news is
    /// stored before the next one begins.
    fn check(course: &[(&str, &str)]) {
        let mut past: Vec<Night> = Vec::new();
        for (n, (word, expected)) in course.iter().enumerate() {
            let fails = word.ends_with('!');
            let has_way = !word.ends_with('?');
            let word = word.trim_end_matches(['!', '?']);
            let (outcome, cells) = match word.split_once(':') {
                Some((outcome, cells)) => (outcome, cells.split(',').collect()),
                None => (word, Vec::new()),
            };
            let mut tonight = night(n, outcome, &cells);
            tonight.news = news(&past, &tonight, 3);
            let found = match tonight.news {
                None => "-",
                Some(News::Regression) => "regression",
                Some(News::Recovery) => "recovery",
                Some(News::Failure) => "failure",
                Some(News::NothingMeasured) => "nothing",
            };
            assert_eq!(found, *expected, "night {n} of {course:?}");
            if tonight.news.is_some() && has_way {
                tonight.notices.push(Notice {
                    way: "webhook".to_owned(),
                    tries: 1,
                    error: fails.then(|| "unreachable".to_owned()),
                });
            }
            past.push(tonight);
        }
    }

    #[test]
    fn an_event_is_told_once() {
        check(&[("no-baseline", "-"), ("quiet", "-"), ("quiet", "-")]);
        check(&[
            ("quiet", "-"),
            ("regression:a", "regression"),
            ("regression:a", "-"),
            ("not-measured", "-"),
            ("regression:a", "-"),
            ("quiet:=a", "recovery"),
            ("quiet:=a", "-"),
            ("regression:a", "regression"),
        ]);
        check(&[
            ("failed", "failure"),
            ("failed", "-"),
            ("not-measured", "-"),
            ("failed", "-"),
            ("quiet", "recovery"),
            ("failed", "failure"),
        ]);
    }

    #[test]
    fn another_cell_is_another_event_and_fewer_are_none() {
        check(&[
            ("regression:a", "regression"),
            ("regression:a,b", "regression"),
            ("regression:b", "-"),
            ("regression:a", "-"),
            ("quiet:=a,=b", "recovery"),
        ]);
    }

    #[test]
    fn a_cell_that_was_over_for_two_nights_is_told_again() {
        check(&[
            ("regression:a,b", "regression"),
            ("regression:=a,b", "-"),
            ("regression:a,b", "-"),
            ("regression:=a,b", "-"),
            ("not-measured", "-"),
            ("regression:=a,b", "-"),
            ("regression:a,b", "regression"),
            ("regression:a,b", "-"),
            ("quiet:=a,=b", "recovery"),
        ]);
        // A case that is not measured is not over.
        check(&[
            ("regression:a,b", "regression"),
            ("regression:b", "-"),
            ("regression:b", "-"),
            ("regression:a,b", "-"),
        ]);
        check(&[
            ("regression:a", "regression"),
            ("regression:=a,b!", "regression"),
            ("regression:=a,b!", "regression"),
            ("quiet:=a,=b", "recovery"),
        ]);
    }

    #[test]
    fn nothing_measured_is_told_once_after_so_many_nights() {
        check(&[
            ("not-measured", "-"),
            ("not-measured", "-"),
            ("not-measured", "nothing"),
            ("not-measured", "-"),
            ("quiet", "recovery"),
            ("not-measured", "-"),
            ("quiet", "-"),
        ]);
        check(&[
            ("not-measured", "-"),
            ("regression:a", "regression"),
            ("not-measured", "-"),
            ("not-measured", "-"),
            ("not-measured", "nothing"),
        ]);
    }

    #[test]
    fn what_a_night_without_ways_found_is_told_by_the_first_that_has_one() {
        check(&[
            ("regression:a?", "regression"),
            ("regression:a", "regression"),
            ("regression:a", "-"),
            ("quiet:=a", "recovery"),
        ]);
        check(&[("failed?", "failure"), ("quiet", "-")]);
        check(&[
            ("failed", "failure"),
            ("quiet?", "recovery"),
            ("quiet", "recovery"),
            ("quiet", "-"),
        ]);
    }

    #[test]
    fn what_reached_nobody_is_told_again_as_long_as_it_holds() {
        check(&[
            ("regression:a!", "regression"),
            ("regression:a", "regression"),
            ("regression:a", "-"),
        ]);
        check(&[("regression:a!", "regression"), ("quiet:=a", "-")]);
        check(&[
            ("regression:a", "regression"),
            ("quiet:=a!", "recovery"),
            ("quiet:=a", "recovery"),
            ("quiet:=a", "-"),
        ]);
        check(&[
            ("not-measured", "-"),
            ("not-measured", "-"),
            ("not-measured!", "nothing"),
            ("not-measured", "nothing"),
            ("not-measured", "-"),
        ]);
        check(&[
            ("failed!", "failure"),
            ("failed", "failure"),
            ("failed", "-"),
        ]);
    }

    #[test]
    fn nights_of_the_future_mute_nothing() {
        let check = |past: &[(usize, &str)], tonight: &str, expected: Option<News>| {
            let of = |(n, outcome): &(usize, &str)| night(*n, outcome, &[]);
            let mut past: Vec<_> = past.iter().map(of).collect();
            let tonight = night(4, tonight, &[]);
            crate::nightly::sort(&mut past, tonight.started);
            assert_eq!(news(&past, &tonight, 3), expected, "{past:?}");
        };
        let lost = |n| (n, "not-measured");
        let nothing = Some(News::NothingMeasured);
        check(&[lost(2), lost(3), (9, "quiet")], "not-measured", nothing);
        check(&[(2, "quiet"), lost(3), lost(9)], "not-measured", None);
        let mut regressed = night(9, "regression", &["a"]);
        regressed.news = Some(News::Regression);
        let mut past = [night(3, "quiet", &[]), regressed];
        let tonight = night(4, "quiet", &[]);
        crate::nightly::sort(&mut past, tonight.started);
        assert_eq!(
            news(&past, &tonight, 3),
            None,
            "it has recovered long since"
        );
    }

    #[test]
    fn what_was_not_measured_has_not_recovered() {
        check(&[
            ("regression:a", "regression"),
            ("quiet:=b", "-"),
            ("regression:a", "-"),
            ("quiet", "-"),
            ("quiet:=a,=b", "recovery"),
            ("quiet:=a", "-"),
            ("regression:a", "regression"),
        ]);
        check(&[
            ("regression:a", "regression"),
            ("not-measured", "-"),
            ("quiet:=b", "-"),
            ("not-measured", "-"),
            ("not-measured", "-"),
            ("not-measured", "nothing"),
            ("quiet:=a", "recovery"),
        ]);
    }

    #[test]
    fn whoever_accepts_a_level_needs_not_be_told() {
        check(&[
            ("regression:a", "regression"),
            ("accepted", "-"),
            ("quiet:=a", "-"),
            ("regression:a", "regression"),
        ]);
    }
}
