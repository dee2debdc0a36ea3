//! How long things may take, in seconds that a test can make shorter.

use std::env;
use std::time::Duration;

/// Names how long such a second is, as `10ms`. For tests.
const VARIABLE: &str = "ANECHOIC_NOTIFY_SECOND";

/// How long a second of limits and pauses is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace(Duration);

impl Pace {
    /// A real one, unless a test says otherwise.
    pub(super) fn here() -> Self {
        let named = env::var(VARIABLE).ok();
        let named = named.and_then(|text| humantime::parse_duration(&text).ok());
        Self(named.unwrap_or(Duration::from_secs(1)))
    }

    #[cfg(test)]
    pub(super) fn of(second: Duration) -> Self {
        Self(second)
    }

    pub(super) fn seconds(self, count: u32) -> Duration {
        self.0.saturating_mul(count)
    }
}
