//! What the command line may change about a suite.

use std::time::Duration;

use anechoic_protocol::BenchmarkName;

use crate::Order;
use crate::keys::Place;
use crate::pace::{Pace, PaceSetting};
use crate::problem::{Origin, Placed, Problem, shown};
use crate::setting::Setting;
use crate::settings::Entry;
use crate::suite::Draft;
use crate::value::Value;

/// Options of a plan. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Globs: only cases whose id matches one of them. Empty for all.
    pub only: Vec<String>,
    /// Globs: no case whose id matches one of them.
    pub skip: Vec<String>,
    /// Attempts per case.
    pub attempts: Option<u32>,
    /// Order of the attempts.
    pub order: Option<Order>,
    /// Pause before each attempt.
    pub cooldown: Option<Duration>,
    /// Time limit of every attempt.
    pub timeout: Option<Duration>,
    /// Settings over those of every case, as `--set key=value` gives them; a later one wins.
    pub set: Vec<(String, String)>,
    /// Only cases of these benchmarks. Empty for all.
    pub benchmarks: Vec<BenchmarkName>,
    /// Measures all `tokens` of a matrix one after the other in one process, in place of one process each.
    pub group_tokens: bool,
}

/// The options' values, checked by themselves.
pub(crate) struct Overrides {
    pub(crate) pace: Pace,
    pub(crate) entries: Vec<Entry>,
    pub(crate) timeout: Option<Placed<Duration>>,
}

impl Overrides {
    /// The options over a suite's pace. An option of its own wins over the same key in `--set`.
    pub(crate) fn new(options: &PlanOptions, suite: &Pace) -> Result<Self, Problem> {
        let mut pace = suite.clone();
        let mut entries = Vec::new();
        for (key, text) in &options.set {
            let key = Placed {
                value: key.clone(),
                origin: Origin::Option(shown(&format!("--set {key}={text}"))),
            };
            if let Some(setting) = PaceSetting::from_name(&key.value) {
                pace.put(setting, &Value::parse_option(text, &key.origin))?;
            } else {
                entries.push(entry(&key, text)?);
            }
        }
        let timeout = options
            .timeout
            .map(|value| duration_option("timeout", value));
        apply(options, &mut pace)?;
        Ok(Self {
            pace,
            entries,
            timeout,
        })
    }

    /// Refuses to make the cases of a matrix equal.
    pub(crate) fn check_against(&self, draft: &Draft) -> Result<(), Problem> {
        let taken = self
            .entries
            .iter()
            .find(|(setting, _)| draft.matrix.contains(setting));
        taken.map_or(Ok(()), |(setting, value)| {
            let message = format!(
                "`{}` is a matrix key of this case, so its id tells the value",
                setting.name()
            );
            let problem = Problem::at(&value.origin, message).in_case(&draft.id);
            Err(problem.accepted("`--only` and `--skip` to choose among a matrix's cases"))
        })
    }
}

fn apply(options: &PlanOptions, pace: &mut Pace) -> Result<(), Problem> {
    if let Some(cooldown) = options.cooldown {
        pace.put_cooldown(&duration_option("cooldown", cooldown))?;
    }
    if let Some(attempts) = options.attempts {
        let origin = Origin::Option(format!("--attempts {attempts}"));
        let value = Placed {
            value: Value::Whole(attempts.into()),
            origin,
        };
        pace.put(PaceSetting::Attempts, &value)?;
    }
    if let Some(order) = options.order {
        pace.order = order;
    }
    Ok(())
}

fn duration_option(name: &str, value: Duration) -> Placed<Duration> {
    let origin = Origin::Option(format!("--{name} {}", humantime::format_duration(value)));
    Placed { value, origin }
}

/// A setting of every case.
fn entry(key: &Placed<String>, text: &str) -> Result<Entry, Problem> {
    let setting = Setting::from_name(&key.value).filter(|setting| *setting != Setting::Benchmark);
    let Some(setting) = setting else {
        return Err(Place::SetOption.unknown(key));
    };
    let value = Value::parse_option(text, &key.origin);
    let literal = setting.takes_any_text() && !matches!(value.value, Value::Text(_));
    let value = if literal {
        key.with(Value::Text(text.to_owned()))
    } else {
        value
    };
    Ok((setting, value))
}
