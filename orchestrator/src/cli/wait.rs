//! How long the user wants to wait for what somebody else has.

use std::str::FromStr;
use std::time::Duration;

/// The value of `--wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until it is free; written `forever`, or nothing at all.
    Forever,
    /// At most so long.
    AtMost(Duration),
}

impl Wait {
    /// The longest wait, where there is one.
    pub(crate) fn limit(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::AtMost(limit) => Some(limit),
        }
    }
}

impl FromStr for Wait {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "forever" => Ok(Self::Forever),
            duration => humantime::parse_duration(duration).map(Self::AtMost),
        }
    }
}
