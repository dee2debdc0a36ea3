//! What `anechoic` tells the shell. A closed list that scripts depend on; `docs/failures.md` explains it.

use std::process::{ExitCode as Status, Termination};

/// The code that the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// All was done.
    Done,
    /// A defect of `anechoic`, or the results could not be written.
    Internal,
    /// The command line is wrong.
    Usage,
    /// The suite or a setting in it is wrong.
    BadSuite,
    /// The machine lacks something: a device, one that is free, the worker, weights, a writable results folder.
    Unfit,
    /// Some cases have fewer good attempts than planned.
    CasesFailed,
    /// Something became slower.
    Regression,
    /// Nothing was there to run, or nothing was measured.
    Nothing,
    /// The user stopped it; what was measured until then is kept.
    Interrupted,
}

impl ExitCode {
    pub(crate) const ALL: [Self; 9] = [
        Self::Done,
        Self::Internal,
        Self::Usage,
        Self::BadSuite,
        Self::Unfit,
        Self::CasesFailed,
        Self::Regression,
        Self::Nothing,
        Self::Interrupted,
    ];

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::BadSuite => 3,
            Self::Unfit => 4,
            Self::CasesFailed => 10,
            Self::Regression => 11,
            Self::Nothing => 12,
            Self::Interrupted => 130,
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal error, or the results could not be written",
            Self::Usage => "usage",
            Self::BadSuite => "bad suite",
            Self::Unfit => {
                "unfit environment: no device, device in use, no worker, no weights, no writable results folder"
            }
            Self::CasesFailed => "some cases failed",
            Self::Regression => "regression found",
            Self::Nothing => "nothing to run or nothing measured",
            Self::Interrupted => "interrupted, partial results kept",
        }
    }

    /// The list for `--help`.
    pub(crate) fn help() -> String {
        let line = |code: &Self| format!("  {:>3}  {}\n", code.number(), code.meaning());
        let lines: String = Self::ALL.iter().map(line).collect();
        format!("Exit codes:\n{lines}")
    }
}

impl Termination for ExitCode {
    fn report(self) -> Status {
        Status::from(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_scripts_depend_on() {
        let numbers = ExitCode::ALL.map(ExitCode::number);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 10, 11, 12, 130]);
    }

    #[test]
    fn both_pages_list_every_code() {
        for page in [
            include_str!("../../docs/failures.md"),
            include_str!("../../docs/cli.md"),
        ] {
            for code in ExitCode::ALL {
                let row = format!("| {} | {} |", code.number(), code.meaning());
                assert!(page.contains(&row), "missing: {row}");
            }
        }
    }
}
