//! Is a series at rest, and if not, what does it do?

use serde::{Deserialize, Serialize};

/// What a series does over its iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steadiness {
    /// Nothing that noise would not do.
    Flat,
    /// It falls: its early part is higher.
    WarmingUp,
    /// It rises.
    SlowingDown,
    /// It changes once, between two plateaus.
    LevelShift,
    /// It goes back and forth between two separate levels.
    Bimodal,
    /// Fewer than six values: nothing can be told.
    TooShort,
}

impl Steadiness {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::WarmingUp => "warming-up",
            Self::SlowingDown => "slowing-down",
            Self::LevelShift => "level-shift",
            Self::Bimodal => "bimodal",
            Self::TooShort => "too-short",
        }
    }
}

/// What `series` does.
pub fn steadiness(series: &[f64]) -> Steadiness {
    use crate::trend::Slopes;
    let Some(slopes) = Slopes::of(series).filter(|_| series.len() >= 6) else {
        return Steadiness::TooShort;
    };
    match slopes.p() {
        Some(p) if p < 0.01 && slopes.median() < 0.0 => Steadiness::WarmingUp,
        Some(p) if p < 0.01 => Steadiness::SlowingDown,
        Some(_) | None => Steadiness::Flat,
    }
}
