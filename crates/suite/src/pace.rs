//! Settings that hold for the whole plan: how often, in which order, with which pauses.

use std::time::Duration;

use crate::problem::{Placed, Problem, quoted, shown};
use crate::readers::one_of;
use crate::until::Until;
use crate::value::{Value, check_duration};
use crate::{Ending, Order, Retries, Settle, WhenRestless};

/// Attempts, and also cases, that a plan can have at most: enough for any night, and not enough to
/// fill memory with a slip of the finger.
pub(crate) const MOST: u32 = 1000;

/// The machine is looked at about once a second.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);

/// Attempts, their order, what lies between them, and what becomes of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) cooldown: Cooldown,
    /// Turns settling on, also behind a fixed pause.
    pub(crate) settle_limit: Option<Duration>,
    pub(crate) when_restless: WhenRestless,
    pub(crate) retries: Retries,
    /// A number alone; a rule has its own.
    pub(crate) attempts: u32,
    pub(crate) until: Option<Until>,
    pub(crate) order: Order,
}

/// What lies between two attempts. Written as a duration, or `until-settled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cooldown {
    /// A pause of this length.
    Pause(Duration),
    /// As long as the machine takes to come to rest.
    UntilSettled,
}

/// A setting of the whole plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaceSetting {
    Cooldown,
    SettleLimit,
    WhenRestless,
    Attempts,
    Retries,
    RetryOn,
    Order,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            cooldown: Cooldown::Pause(Duration::from_secs(5)),
            settle_limit: None,
            when_restless: WhenRestless::default(),
            retries: Retries::default(),
            attempts: 1,
            until: None,
            order: Order::Interleaved,
        }
    }
}

impl PaceSetting {
    pub(crate) const ALL: [Self; 7] = [
        Self::Cooldown,
        Self::SettleLimit,
        Self::WhenRestless,
        Self::Attempts,
        Self::Retries,
        Self::RetryOn,
        Self::Order,
    ];

    /// The key as suites write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::SettleLimit => "settle-limit",
            Self::WhenRestless => "when-restless",
            Self::Attempts => "attempts",
            Self::Retries => "retries",
            Self::RetryOn => "retry-on",
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
            PaceSetting::Cooldown => self.cooldown = cooldown(key, value)?,
            PaceSetting::SettleLimit => {
                self.settle_limit = Some(value.duration(key, SHORTEST_LIMIT)?.value);
            }
            PaceSetting::WhenRestless => {
                let all = WhenRestless::ALL.map(|policy| (policy.as_str(), policy));
                self.when_restless = one_of("policy", key, value, &all)?;
            }
            PaceSetting::Attempts => self.put_attempts(key, value)?,
            PaceSetting::Retries => self.retries.count = number(key, value, 0)?,
            PaceSetting::RetryOn => self.retries.on = retry_on(key, value)?,
            PaceSetting::Order => self.order = order(key, value)?,
        }
        Ok(())
    }

    /// A number of attempts, or a stop rule; each takes the place of the other.
    fn put_attempts(&mut self, key: &str, value: &Placed<Value>) -> Result<(), Problem> {
        if let Value::Table(table) = &value.value {
            self.until = Some(Until::read(&value.with(table))?);
            return Ok(());
        }
        let attempts = number(key, value, 1);
        self.attempts = attempts.map_err(|problem| problem.or_accepted(UNTIL))?;
        self.until = None;
        Ok(())
    }

    /// Attempts per case; the fewest under a stop rule.
    pub(crate) fn attempts(&self) -> u32 {
        self.until
            .as_ref()
            .map_or(self.attempts, |until| until.min.value)
    }

    /// Puts a cooldown that is already read.
    pub(crate) fn put_cooldown(&mut self, cooldown: &Placed<Cooldown>) -> Result<(), Problem> {
        let key = PaceSetting::Cooldown.name();
        self.cooldown = match cooldown.value {
            Cooldown::Pause(pause) => {
                let pause = check_duration(&cooldown.with(pause), key, Duration::ZERO);
                Cooldown::Pause(pause.map_err(or_until_settled)?.value)
            }
            Cooldown::UntilSettled => Cooldown::UntilSettled,
        };
        Ok(())
    }

    /// Puts a limit that is already a duration.
    pub(crate) fn put_settle_limit(&mut self, limit: &Placed<Duration>) -> Result<(), Problem> {
        let limit = check_duration(limit, PaceSetting::SettleLimit.name(), SHORTEST_LIMIT)?;
        self.settle_limit = Some(limit.value);
        Ok(())
    }

    /// The fixed pause.
    pub(crate) fn pause(&self) -> Duration {
        match self.cooldown {
            Cooldown::Pause(pause) => pause,
            Cooldown::UntilSettled => Duration::ZERO,
        }
    }

    /// What is waited for after the pause.
    pub(crate) fn settle(&self) -> Option<Settle> {
        match (self.cooldown, self.settle_limit) {
            (_, Some(limit)) => Some(Settle { limit }),
            (Cooldown::UntilSettled, None) => Some(Settle::default()),
            (Cooldown::Pause(_), None) => None,
        }
    }
}

/// What `attempts` takes beside a number.
const UNTIL: &str = "a stop rule such as `{ until = \"ci 2%\" }`";

/// The word for [`Cooldown::UntilSettled`].
const UNTIL_SETTLED: &str = "until-settled";

fn cooldown(key: &str, value: &Placed<Value>) -> Result<Cooldown, Problem> {
    match &value.value {
        Value::Text(text) if text == UNTIL_SETTLED => Ok(Cooldown::UntilSettled),
        _ => {
            let pause = value.duration(key, Duration::ZERO);
            Ok(Cooldown::Pause(pause.map_err(or_until_settled)?.value))
        }
    }
}

fn or_until_settled(problem: Problem) -> Problem {
    problem.or_accepted(&format!("`{UNTIL_SETTLED}`"))
}

/// A number up to [`MOST`].
fn number(key: &str, value: &Placed<Value>, least: u32) -> Result<u32, Problem> {
    let number = value.whole(key, u64::from(least)..=u64::from(MOST))?.value;
    Ok(u32::try_from(number).expect("the range ends below u32"))
}

/// Endings after which another attempt can make sense.
fn retry_on(key: &str, value: &Placed<Value>) -> Result<Vec<Ending>, Problem> {
    let all = Ending::ALL.map(|ending| (ending.as_str(), ending));
    let able: Vec<_> = all
        .into_iter()
        .filter(|(_, ending)| ending.can_be_retried())
        .collect();
    let accepted = format!(
        "an array with one or more of {}, each once",
        quoted(able.iter().map(|(name, _)| *name))
    );
    let list = value.list(key, &accepted)?;
    let mut endings = Vec::new();
    for item in list {
        let ending = one_of("ending to retry on", key, item, &able)?;
        if endings.contains(&ending) {
            let message = format!("`{key}` has the value `{}` twice", ending.as_str());
            return Err(Problem::at(&item.origin, message).accepted("every value once"));
        }
        endings.push(ending);
    }
    if endings.is_empty() {
        return Err(Problem::at(&value.origin, format!("`{key}` has no value")).accepted(accepted));
    }
    Ok(endings)
}

impl std::str::FromStr for Cooldown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            UNTIL_SETTLED => Ok(Self::UntilSettled),
            _ => humantime::parse_duration(text)
                .map(Self::Pause)
                .map_err(|error| {
                    format!("{error}; accepted are `5s`, `1m 30s` … and `{UNTIL_SETTLED}`")
                }),
        }
    }
}

impl std::fmt::Display for Cooldown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pause(pause) => humantime::format_duration(*pause).fmt(f),
            Self::UntilSettled => f.write_str(UNTIL_SETTLED),
        }
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
