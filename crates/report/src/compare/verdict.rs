//! What may be said about one cell. A closed list; the words depend on what the metric is about.

use anechoic_record::MetricKind;

/// What a comparison says of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has become better: faster, smaller.
    Better,
    /// It has become worse: slower, larger.
    Worse,
    /// It is higher, of a value of which nobody knows which way is better.
    Higher,
    /// It is lower, of such a value.
    Lower,
    /// No difference that matters.
    Same(Sameness),
    /// Nothing can be said.
    Undecided(Doubt),
}

/// Why two sides are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// Every iteration of both sides has the same value.
    Identical,
    /// The interval of the effect lies within the threshold.
    WithinThreshold,
    /// There is a difference, and its interval lies within the threshold.
    BelowThreshold,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The processes scatter too widely.
    Noise,
    /// There is a difference, and its interval reaches over the threshold: whether it matters is open.
    AtThreshold,
    /// The cell would be a difference if it were the only one; among as many, one such cell is to be expected.
    ManyCells,
    /// A side has fewer than two.
    TooFewProcesses,
    /// A side changes from iteration to iteration by as much as the sides differ.
    Drifting,
    /// The sides were measured on different machines or devices.
    DifferentMachine,
    /// The sides were measured under different settings.
    DifferentSettings,
}

impl Verdict {
    /// A difference that matters, of `effect`'s sign.
    pub(crate) fn changed(kind: MetricKind, effect: f64) -> Self {
        let grew = effect > 0.0;
        match (kind, grew) {
            (MetricKind::Time | MetricKind::Memory | MetricKind::Quality, true)
            | (MetricKind::Capacity, false) => Self::Worse,
            (MetricKind::Time | MetricKind::Memory | MetricKind::Quality, false)
            | (MetricKind::Capacity, true) => Self::Better,
            (MetricKind::Own, true) => Self::Higher,
            (MetricKind::Own, false) => Self::Lower,
        }
    }

    /// The word for it, for a metric of this kind.
    pub fn word(self, kind: MetricKind) -> &'static str {
        match (self, kind) {
            (Self::Better, MetricKind::Time) => "faster",
            (Self::Better, MetricKind::Memory) => "smaller",
            (Self::Better, MetricKind::Quality | MetricKind::Capacity | MetricKind::Own) => {
                "better"
            }
            (Self::Worse, MetricKind::Time) => "slower",
            (Self::Worse, MetricKind::Memory) => "larger",
            (Self::Worse, MetricKind::Quality | MetricKind::Capacity | MetricKind::Own) => "worse",
            (Self::Higher, _) => "higher",
            (Self::Lower, _) => "lower",
            (Self::Same(_), _) => "same",
            (Self::Undecided(_), _) => "undecided",
        }
    }

    /// Why, of those that need one.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Better | Self::Worse | Self::Higher | Self::Lower => None,
            Self::Same(why) => Some(why.as_str()),
            Self::Undecided(why) => Some(why.as_str()),
        }
    }

    /// Whether the numbers were not even looked at: there was nothing that could be compared.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Undecided(doubt) => doubt.is_refusal(),
            Self::Better | Self::Worse | Self::Higher | Self::Lower | Self::Same(_) => false,
        }
    }
}

impl Sameness {
    /// As JSON and tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::WithinThreshold => "within-threshold",
            Self::BelowThreshold => "below-threshold",
        }
    }
}

impl Doubt {
    /// As JSON and tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::AtThreshold => "at-threshold",
            Self::ManyCells => "many-cells",
            Self::TooFewProcesses => "too-few-processes",
            Self::Drifting => "drifting",
            Self::DifferentMachine => "different-machine",
            Self::DifferentSettings => "different-settings",
        }
    }

    /// Whether it kept the numbers from being compared.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::TooFewProcesses | Self::DifferentMachine | Self::DifferentSettings => true,
            Self::Noise | Self::AtThreshold | Self::ManyCells | Self::Drifting => false,
        }
    }
}

/// A reason as people read it: `too few processes`.
pub(crate) fn in_words(reason: &str) -> String {
    reason.replace('-', " ")
}
