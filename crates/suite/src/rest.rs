//! How the machine comes to rest between attempts, and what becomes of an attempt that was disturbed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Ending;
use crate::plan::millis;

/// Waiting until the machine is back at its reference state, in place of a fixed pause alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The longest wait before one attempt.
    #[serde(with = "millis")]
    pub limit: Duration,
}

impl Default for Settle {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(5 * 60),
        }
    }
}

/// What becomes of an attempt for which the machine did not come to rest, or that was disturbed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenRestless {
    /// It counts, and carries its disturbances wherever it is shown.
    #[default]
    Label,
    /// It is made and kept, ends as contaminated and does not count.
    Discard,
    /// It is not made where the machine did not come to rest; one that was disturbed does not count.
    Refuse,
}

impl WhenRestless {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Label, Self::Discard, Self::Refuse];

    /// The name as suites write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Discard => "discard",
            Self::Refuse => "refuse",
        }
    }
}

/// Further attempts in place of some that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// At most so many per case.
    pub count: u32,
    /// After these endings only.
    pub on: Vec<Ending>,
}

impl Default for Retries {
    /// None; where a number alone is given, after endings that another attempt may not meet again.
    fn default() -> Self {
        Self {
            count: 0,
            on: vec![
                Ending::Signal,
                Ending::Timeout,
                Ending::SpawnFailed,
                Ending::Contaminated,
            ],
        }
    }
}
