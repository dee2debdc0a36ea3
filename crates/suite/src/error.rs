//! What a caller is told about a suite that cannot be planned.

use std::fmt;

use anechoic_protocol::BenchmarkName;

use crate::problem::quoted;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// The suite or an option is wrong.
    #[error("{0}")]
    Invalid(Box<Invalid>),
    /// The suite is right, and the filters leave no case of it.
    #[error("nothing to run: {}", nothing(suite, *cases, benchmarks))]
    NothingToRun {
        /// The suite's name.
        suite: String,
        /// How many cases it has of the benchmarks that were asked for.
        cases: usize,
        /// The benchmarks; empty for all.
        benchmarks: Vec<BenchmarkName>,
    },
}

fn nothing(suite: &str, cases: usize, benchmarks: &[BenchmarkName]) -> String {
    let names = quoted(benchmarks.iter().map(|benchmark| benchmark.as_str()));
    match (benchmarks.is_empty(), cases) {
        (true, _) => {
            format!("`--only` and `--skip` leave no case of suite `{suite}` ({cases} in all)")
        }
        (false, 0) => format!("suite `{suite}` has no case of {names}"),
        (false, _) => format!(
            "`--only` and `--skip` leave no case of {names} in suite `{suite}` ({cases} in all)"
        ),
    }
}

/// What is wrong, where, and what would be accepted. Its text is one to five lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// `file:line:column`, or the option as given.
    pub place: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The line of the file with a mark under the value.
    pub excerpt: Option<String>,
    /// The case, where the value is good by itself and not for this case.
    pub case: Option<String>,
    /// What would be accepted.
    pub accepted: Option<String>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(case) = &self.case {
            write!(f, "\n  case: {case}")?;
        }
        if let Some(accepted) = &self.accepted {
            write!(f, "\n  accepted: {accepted}")?;
        }
        Ok(())
    }
}
