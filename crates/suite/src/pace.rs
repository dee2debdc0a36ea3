//! Settings that hold for the whole plan: how often, in which order, with which pauses.

use std::time::Duration;

use crate::Order;
use crate::problem::{Placed, Problem, shown};
use crate::value::{Value, check_duration};

/// Attempts, and also cases, that a plan can have at most: enough for any night, and not enough to
/// fill memory with a slip of the finger.
pub(crate) const MOST: u32 = 1000;

/// Attempts, their order and the pauses between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) cooldown: Duration,
    pub(crate) attempts: u32,
    pub(crate) order: Order,
}

/// A setting of the whole plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaceSetting {
    Cooldown,
    Attempts,
    Order,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            cooldown: Duration::from_secs(5),
            attempts: 1,
            order: Order::Interleaved,
        }
    }
}

impl PaceSetting {
    pub(crate) const ALL: [Self; 3] = [Self::Cooldown, Self::Attempts, Self::Order];

    /// The key as suites write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::Attempts => "attempts",
            Self::Order => "order",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

impl Pace {
    pub(crate) fn put(
        &mut self,
        setting: PaceSetting,
        value: &Placed<Value>,
    ) -> Result<(), Problem> {
        let key = setting.name();
        match setting {
            PaceSetting::Cooldown => self.cooldown = value.duration(key, Duration::ZERO)?.value,
            PaceSetting::Attempts => {
                let attempts = value.whole(key, 1..=u64::from(MOST))?.value;
                self.attempts = u32::try_from(attempts).expect("the range ends below u32");
            }
            PaceSetting::Order => self.order = order(key, value)?,
        }
        Ok(())
    }

    /// Puts a pause that is already a duration.
    pub(crate) fn put_cooldown(&mut self, cooldown: &Placed<Duration>) -> Result<(), Problem> {
        self.cooldown =
            check_duration(cooldown, PaceSetting::Cooldown.name(), Duration::ZERO)?.value;
        Ok(())
    }
}

fn order(key: &str, value: &Placed<Value>) -> Result<Order, Problem> {
    let accepted = "`listed`, `interleaved`, `random`, `random:SEED`";
    let text = value.text(key, accepted)?;
    text.value.parse().map_err(|_| {
        let message = format!("`{}` is not a known order", shown(text.value));
        Problem::at(&value.origin, message).accepted(accepted)
    })
}
