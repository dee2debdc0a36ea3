//! What `prune` found and did, for people: a line per run, why runs stay, and what to do next.

use std::collections::BTreeSet;

use super::{Fate, Line, Pruned};
use crate::commands::list::columns;
use crate::retention::{Reason, Rules};

/// What is lost, and what is not.
const SAMPLES: &str =
    "Samples of removed runs are gone for good; histories keep what nights found in them.\n";

impl Pruned {
    /// Of a root with at least one run, or what is left of one.
    pub(super) fn text(&self, rules: &Rules) -> String {
        let runs = self.runs.iter().map(|line| row(line, rules, ""));
        let left = ", left of a removal that was cut short";
        let remains = self.remains.iter().map(|line| row(line, rules, left));
        let rows: Vec<_> = runs.chain(remains).collect();
        let parts = [columns(&rows), self.why(rules), self.conclusion()];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("\n")
    }

    /// What the reasons stand for, each of those that are there once.
    fn why(&self, rules: &Rules) -> String {
        let reasons: BTreeSet<Reason> = self.lines().flat_map(reasons).copied().collect();
        let row = |reason: &Reason| {
            vec![
                format!("  {}", label(*reason, rules)),
                meaning(*reason, rules),
            ]
        };
        let rows: Vec<_> = reasons.iter().map(row).collect();
        match rows.is_empty() {
            true => String::new(),
            false => format!("Why runs stay:\n{}", columns(&rows)),
        }
    }

    /// How much, and how it is really done.
    fn conclusion(&self) -> String {
        let count = |lines: &[Line], is: fn(&Fate) -> bool| {
            lines.iter().filter(|line| is(&line.fate)).count()
        };
        let going = things(count(&self.runs, goes), count(&self.remains, goes));
        let stay = match count(&self.runs, stays) {
            1 => "1 run stays".to_owned(),
            several => format!("{} stay", runs(several)),
        };
        let failed = count(&self.runs, failed) + count(&self.remains, failed);
        let size = super::size(self.bytes());
        let samples = match self.runs.iter().any(|line| goes(&line.fate)) {
            true => SAMPLES,
            false => "",
        };
        let failed = match failed {
            0 => String::new(),
            failed => format!("{failed} could not be removed; "),
        };
        match (going, self.is_applied) {
            (None, _) if failed.is_empty() => {
                format!("Nothing to remove: {stay}.{}\n", self.smaller())
            }
            (None, _) => format!("{failed}{stay}.\n"),
            (Some(going), false) => format!(
                "Nothing was removed yet: the same command with `--apply` removes {going}, and frees {size}; {stay}.\n{samples}"
            ),
            (Some(gone), true) => format!("Removed {gone}: {size} freed; {failed}{stay}.\n"),
        }
    }

    /// Which options keep runs that nothing else keeps. A run that both keep goes where both are lowered.
    fn smaller(&self) -> String {
        let kept = |by: &[Reason]| self.runs.iter().filter(|run| reasons(run) == by).count();
        let one = "a smaller number lets more go";
        let both = "smaller numbers of both let more go";
        let sentences = [
            (kept(&[Reason::Recent]), "`--keep-days` keeps", one),
            (kept(&[Reason::Last]), "`--keep-last` keeps", one),
            (
                kept(&[Reason::Last, Reason::Recent]),
                "`--keep-days` and `--keep-last` keep",
                both,
            ),
        ];
        let sentences = sentences.into_iter().filter(|(count, ..)| *count > 0);
        sentences
            .map(|(count, keep, how)| format!(" Only {keep} {count} of them: {how}."))
            .collect()
    }
}

fn row(line: &Line, rules: &Rules, behind: &str) -> Vec<String> {
    let what = match &line.fate {
        Fate::Stays(reasons) => {
            let reasons = reasons.iter().map(|reason| label(*reason, rules));
            reasons.collect::<Vec<_>>().join(", ")
        }
        Fate::WouldGo | Fate::Removed => format!("{}{behind}", super::size(line.bytes)),
        Fate::Failed(error) => error.clone(),
    };
    let name = line.name.replace(char::is_control, "\u{fffd}");
    let fate = line.fate.name().replace('-', " ");
    vec![name, fate, what.replace(char::is_control, "\u{fffd}")]
}

fn reasons(line: &Line) -> &[Reason] {
    match &line.fate {
        Fate::Stays(reasons) => reasons,
        Fate::WouldGo | Fate::Removed | Fate::Failed(_) => &[],
    }
}

fn goes(fate: &Fate) -> bool {
    matches!(fate, Fate::WouldGo | Fate::Removed)
}

fn stays(fate: &Fate) -> bool {
    matches!(fate, Fate::Stays(_))
}

fn failed(fate: &Fate) -> bool {
    matches!(fate, Fate::Failed(_))
}

fn runs(count: usize) -> String {
    match count {
        1 => "1 run".to_owned(),
        several => format!("{several} runs"),
    }
}

/// Runs, and what is left of others; nothing where there is neither.
fn things(count: usize, remains: usize) -> Option<String> {
    let rest = |remains| match remains {
        1 => "the rest of 1 removal that was cut short".to_owned(),
        several => format!("the rest of {several} removals that were cut short"),
    };
    match (count, remains) {
        (0, 0) => None,
        (count, 0) => Some(runs(count)),
        (0, remains) => Some(rest(remains)),
        (count, remains) => Some(format!("{} and {}", runs(count), rest(remains))),
    }
}

/// The reason's name; of an option, the option.
fn label(reason: Reason, rules: &Rules) -> String {
    match reason {
        Reason::Last => format!("--keep-last {}", rules.keep_last),
        Reason::Recent => format!("--keep-days {}", rules.keep_days),
        Reason::Written
        | Reason::Unreadable
        | Reason::Link
        | Reason::Future
        | Reason::Newest
        | Reason::Latest
        | Reason::InUse
        | Reason::Baseline
        | Reason::Accepted
        | Reason::Certificate
        | Reason::Regression
        | Reason::ComparedWithRegression
        | Reason::Unsure => reason.name().to_owned(),
    }
}

fn meaning(reason: Reason, rules: &Rules) -> String {
    let text = match reason {
        Reason::Written => "it is being made",
        Reason::Unreadable => "it cannot be read: damaged, or made by a newer `anechoic`",
        Reason::Link => "it is a link to a folder elsewhere",
        Reason::Future => "it was started later than now: the clock was changed",
        Reason::Newest => "it is the newest run of its suite",
        Reason::Latest => "the link `latest` names it",
        Reason::InUse => {
            "it is of the last 24 hours or of a night in progress: a night or a certificate may need it yet"
        }
        Reason::Baseline => {
            "the next night of its suite may be compared with it, or the last one was"
        }
        Reason::Accepted => "somebody has accepted its level, by `anechoic nightly --accept`",
        Reason::Certificate => "the newest certificate of its suite is made from it",
        Reason::Regression => "a regression was found in it, and --keep-regressions is given",
        Reason::ComparedWithRegression => {
            "a regression was found against it, and --keep-regressions is given"
        }
        Reason::Unsure => "a night or certificate of its suite cannot be read, and may need it",
        Reason::Last => match rules.keep_last {
            1 => "it is the newest run of its suite",
            several => return format!("it is one of the newest {several} runs of its suite"),
        },
        Reason::Recent => match rules.keep_days {
            1 => "it was started in the last 24 hours",
            several => return format!("it was started in the last {several} days"),
        },
    };
    text.to_owned()
}
