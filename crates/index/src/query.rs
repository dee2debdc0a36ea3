//! What is asked of an index.

use anechoic_record::Metric;
use globset::{Glob, GlobMatcher};

use crate::IndexError;

/// What is asked for; by default all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Only of this suite.
    pub suite: Option<String>,
    /// Only cases whose id matches.
    pub case: Option<String>,
    /// Only these metrics; all where none is named.
    pub metrics: Vec<Metric>,
    /// Only so many, the newest.
    pub last: Option<usize>,
}

/// Which cells are asked for.
pub(crate) struct Cells<'a> {
    case: Option<GlobMatcher>,
    metrics: &'a [Metric],
}

impl Query {
    /// Which cells it asks for.
    ///
    /// # Errors
    /// [`IndexError::Pattern`].
    pub(crate) fn cells(&self) -> Result<Cells<'_>, IndexError> {
        let matcher = |pattern: &String| match Glob::new(pattern) {
            Ok(glob) => Ok(glob.compile_matcher()),
            Err(error) => Err(IndexError::Pattern {
                pattern: pattern.clone(),
                why: error.kind().to_string(),
            }),
        };
        Ok(Cells {
            case: self.case.as_ref().map(matcher).transpose()?,
            metrics: &self.metrics,
        })
    }
}

impl Cells<'_> {
    /// Whether every cell fits.
    pub(crate) fn is_all(&self) -> bool {
        self.case.is_none() && self.metrics.is_empty()
    }

    /// Whether this one does.
    pub(crate) fn fit(&self, case: &str, metric: &Metric) -> bool {
        let is_case = self.case.as_ref().is_none_or(|glob| glob.is_match(case));
        is_case && (self.metrics.is_empty() || self.metrics.contains(metric))
    }
}
