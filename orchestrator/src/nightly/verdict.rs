//! From what a night found to its outcome and the exit code.

use anechoic_record::NightOutcome;
use anechoic_report::{Gate, GateDecision};

use crate::exit_code::ExitCode;

/// What a night found.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// Something stands against measuring.
    Unfit(Vec<String>),
    /// The user, or whoever ends services, stopped it.
    Stopped,
    /// The job itself cannot be done.
    Broken {
        /// The error.
        why: String,
        /// Its code.
        exit: ExitCode,
    },
    /// There is a run.
    Measured(Measured<'a>),
}

/// A night with a run.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    /// Cases that lack good attempts, each with its cause.
    pub(crate) failed: Vec<String>,
    /// Why its values may not be believed; none where they may.
    pub(crate) restless: Vec<String>,
    /// What its values say; nothing is asked of them where they are accepted as they are.
    pub(crate) gate: Option<&'a GateDecision>,
}

/// What a night came to.
pub(crate) fn conclude(found: Found<'_>) -> (NightOutcome, ExitCode) {
    match found {
        Found::Unfit(reasons) => not_measured(reasons),
        Found::Stopped => (
            NightOutcome::NotMeasured {
                reasons: vec!["it was interrupted".to_owned()],
            },
            ExitCode::Interrupted,
        ),
        Found::Broken { why, exit } => (NightOutcome::Failed { reasons: vec![why] }, exit),
        Found::Measured(measured) => measured.conclude(),
    }
}

/// Whether a further run of the same night would tell.
pub(crate) fn wants_another(gate: &Gate, left: u32) -> bool {
    gate.is_doubtful && left > 0
}

/// Why nothing may be said of a night that ends with a doubt, where further runs could not be believed: what they would have told is not known.
pub(crate) fn unconfirmed(decision: &GateDecision, restless: Vec<String>) -> Option<Vec<String>> {
    if *decision != GateDecision::Suspicious || restless.is_empty() {
        return None;
    }
    let doubt = "what was measured leaves a doubt, and not enough further runs could be believed";
    Some(std::iter::once(doubt.to_owned()).chain(restless).collect())
}

impl Measured<'_> {
    /// What failed is told before what may not be believed, and what became worse before both.
    fn conclude(self) -> (NightOutcome, ExitCode) {
        if !self.restless.is_empty() {
            return or_failed(self.failed, not_measured(self.restless));
        }
        let good = |outcome| (outcome, ExitCode::Done);
        match self.gate {
            Some(GateDecision::Regression) => (NightOutcome::Regression, ExitCode::Regression),
            Some(GateDecision::NotComparable { reasons }) => {
                or_failed(self.failed, not_measured(reasons.clone()))
            }
            Some(GateDecision::NoBaseline) => {
                or_failed(self.failed, good(NightOutcome::NoBaseline))
            }
            Some(GateDecision::Quiet | GateDecision::Suspicious) => {
                or_failed(self.failed, good(NightOutcome::Quiet))
            }
            None => or_failed(self.failed, good(NightOutcome::Accepted)),
        }
    }
}

fn not_measured(reasons: Vec<String>) -> (NightOutcome, ExitCode) {
    (NightOutcome::NotMeasured { reasons }, ExitCode::Nothing)
}

fn or_failed(
    reasons: Vec<String>,
    otherwise: (NightOutcome, ExitCode),
) -> (NightOutcome, ExitCode) {
    match reasons.is_empty() {
        true => otherwise,
        false => (NightOutcome::Failed { reasons }, ExitCode::CasesFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Found<'_>, name: &str, code: u8) {
        let text = format!("{found:?}");
        let (outcome, exit) = conclude(found);
        assert_eq!((outcome.name(), exit.number()), (name, code), "{text}");
    }

    #[test]
    fn nights_without_a_run() {
        let reasons = || vec!["the device cpu is held".to_owned()];
        check(Found::Unfit(reasons()), "not-measured", 12);
        check(Found::Stopped, "not-measured", 130);
        for exit in [ExitCode::BadSuite, ExitCode::Usage, ExitCode::Internal] {
            let why = "it is gone".to_owned();
            check(Found::Broken { why, exit }, "failed", exit.number());
        }
    }

    #[test]
    fn nights_with_a_run() {
        let of = |failed: &str, restless: &str, gate: Option<&GateDecision>, name: &str, code| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let measured = Measured {
                failed: list(failed),
                restless: list(restless),
                gate,
            };
            check(Found::Measured(measured), name, code);
        };
        let reasons = vec!["kernel".to_owned()];
        let (first, quiet, doubt, worse, other) = (
            Some(&GateDecision::NoBaseline),
            Some(&GateDecision::Quiet),
            Some(&GateDecision::Suspicious),
            Some(&GateDecision::Regression),
            Some(&GateDecision::NotComparable { reasons }),
        );
        of("", "", first, "no-baseline", 0);
        of("", "", quiet, "quiet", 0);
        of("", "", doubt, "quiet", 0);
        of("", "", worse, "regression", 11);
        of("", "", other, "not-measured", 12);
        of("", "", None, "accepted", 0);
        for gate in [first, quiet, doubt, other, None] {
            of("a", "", gate, "failed", 10);
            of("a", "hot", gate, "failed", 10);
            of("", "hot", gate, "not-measured", 12);
        }
        of("a", "", worse, "regression", 11);
        of("", "hot", worse, "not-measured", 12);
        of("a", "hot", worse, "failed", 10);
    }

    #[test]
    fn a_doubt_stays_one_where_the_machine_was_not_at_rest() {
        let check = |decision: GateDecision, restless: &[&str], reasons: Option<usize>| {
            let restless = restless.iter().map(|text| (*text).to_owned()).collect();
            let found = unconfirmed(&decision, restless);
            assert_eq!(found.map(|found| found.len()), reasons, "{decision:?}");
        };
        check(GateDecision::Suspicious, &[], None);
        check(GateDecision::Suspicious, &["hot"], Some(2));
        check(GateDecision::Suspicious, &["hot", "busy"], Some(3));
        check(GateDecision::Quiet, &["hot"], None);
        check(GateDecision::Regression, &["hot"], None);
    }

    #[test]
    fn only_doubt_is_worth_another_run() {
        let check = |is_doubtful: bool, left: u32, expected: bool| {
            let gate = Gate {
                decision: GateDecision::Regression,
                is_doubtful,
                noise: None,
                cells: Vec::new(),
                notes: Vec::new(),
            };
            assert_eq!(wants_another(&gate, left), expected);
        };
        check(true, 1, true);
        check(true, 0, false);
        check(false, 1, false);
    }
}
