//! What will run, in which order. Everything in here is decided; nothing is optional that was asked.

use std::time::Duration;

use anechoic_protocol::Benchmark;
use serde::{Deserialize, Serialize};

use crate::{Isolation, Retries, Settle, StopRule, WhenRestless, WorkerCommand};

/// One configuration, measured in processes of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// A readable, stable id such as `capture.all-layers`.
    pub id: String,
    /// Seed of weights and prompts.
    pub seed: u64,
    /// Compute threads; `None` leaves the number to the machine: one per physical core.
    pub threads: Option<u32>,
    /// Time after which an attempt is ended.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// What its worker processes are shielded from.
    #[serde(default)]
    pub isolation: Isolation,
    /// A worker of its own; `None` takes the run's.
    #[serde(default)]
    pub worker: Option<WorkerCommand>,
    /// What to measure.
    pub work: Benchmark,
}

/// The order of the attempts. Written `listed`, `interleaved` or `random[:SEED]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Order {
    /// All attempts of the first case, then all of the second …
    Listed,
    /// Round by round: the first attempt of every case, then the second …
    Interleaved,
    /// Round by round, each round in an order drawn from this seed.
    Random(u64),
}

/// One attempt to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Index into [`Plan::cases`].
    pub case: usize,
    /// From 1.
    pub attempt: u32,
}

/// A whole plan. `slots` holds every attempt in the order in which it will be made; a stop rule adds rounds behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The suite's name; result directories carry it.
    pub name: String,
    /// The question the suite answers.
    pub question: Option<String>,
    /// Pause before each attempt but the first.
    #[serde(with = "millis")]
    pub cooldown: Duration,
    /// Waiting for the machine to come to rest, after the pause.
    #[serde(default)]
    pub settle: Option<Settle>,
    /// What becomes of attempts that were disturbed.
    #[serde(default)]
    pub when_restless: WhenRestless,
    /// Further attempts in place of some that did not end well.
    #[serde(default)]
    pub retries: Retries,
    /// How `slots` was ordered.
    pub order: Order,
    /// Attempts per case; under a stop rule, the fewest.
    pub attempts: u32,
    /// Until when further attempts are added, one per case and round, behind `slots`. Builds that do not know it take the
    /// run for one with `attempts` attempts per case and go on with it as such, until the rule was looked at for the first
    /// time; a log that says so they call damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<StopRule>,
    /// The configurations.
    pub cases: Vec<Case>,
    /// The attempts in order.
    pub slots: Vec<Slot>,
}

/// Durations as whole milliseconds: the same integers on disk and on the wire.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// An order that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an order; accepted are `listed`, `interleaved`, `random` and `random:SEED`")]
pub struct OrderParseError(pub String);

impl std::str::FromStr for Order {
    type Err = OrderParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || OrderParseError(text.to_owned());
        match text {
            "listed" => Ok(Self::Listed),
            "interleaved" => Ok(Self::Interleaved),
            "random" => Ok(Self::Random(0)),
            other => {
                let seed = other.strip_prefix("random:").ok_or_else(unknown)?;
                seed.parse().map(Self::Random).map_err(|_| unknown())
            }
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listed => f.write_str("listed"),
            Self::Interleaved => f.write_str("interleaved"),
            Self::Random(seed) => write!(f, "random:{seed}"),
        }
    }
}

impl TryFrom<String> for Order {
    type Error = OrderParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Order> for String {
    fn from(order: Order) -> Self {
        order.to_string()
    }
}
