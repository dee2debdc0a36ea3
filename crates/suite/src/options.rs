//! What the command line may change about a suite.

use std::time::Duration;

use anechoic_protocol::BenchmarkName;

use crate::Order;
use crate::custom;
use crate::draft::{Changes, Draft};
use crate::entry::Entry;
use crate::keys::Place;
use crate::matrix::text_of;
use crate::pace::{Pace, PaceSetting};
use crate::problem::{Origin, Placed, Problem, shown};
use crate::setting::Setting;
use crate::settings::Settings;
use crate::usage::{check_shared, distinct};
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
    /// Settings over those of every case that uses them, as `--set key=value` gives them; a later one wins. Where a case
    /// has the key in its matrix, the values of the matrix are replaced: several by a list.
    pub set: Vec<(String, String)>,
    /// Only cases of these benchmarks. Empty for all.
    pub benchmarks: Vec<BenchmarkName>,
    /// Measures all `tokens` of a matrix one after the other in one process, in place of one process each.
    pub group_tokens: bool,
}

/// The options' values, checked by themselves.
pub(crate) struct Overrides {
    pub(crate) pace: Pace,
    pub(crate) changes: Changes,
    pub(crate) timeout: Option<Placed<Duration>>,
}

impl Overrides {
    /// The options over a suite's pace. An option of its own wins over the same key in `--set`.
    pub(crate) fn new(options: &PlanOptions, suite: &Pace) -> Result<Self, Problem> {
        let mut pace = suite.clone();
        let mut set = Vec::new();
        for (key, text) in &options.set {
            let key = Placed {
                value: key.clone(),
                origin: Origin::Option(shown(&format!("--set {key}={text}"))),
            };
            if let Some(setting) = PaceSetting::from_name(&key.value) {
                pace.put(setting, &Value::parse_option(text, &key.origin))?;
            } else {
                set.push(entry(&key, text)?);
            }
        }
        let timeout = options
            .timeout
            .map(|value| duration_option("timeout", value));
        apply(options, &mut pace)?;
        Ok(Self {
            pace,
            changes: Changes {
                set,
                group_tokens: options.group_tokens,
            },
            timeout,
        })
    }

    /// Refuses a setting that none of the cases uses.
    pub(crate) fn check_used(&self, drafts: &[&Draft]) -> Result<(), Problem> {
        let benchmarks = distinct(drafts.iter().map(|draft| draft.benchmark()));
        check_shared(&self.changes.set, &benchmarks, "no case that is left")
    }

    /// A case's settings with the options over them; those of its matrix have been replaced already.
    pub(crate) fn over(&self, draft: &Draft) -> Result<Settings, Problem> {
        self.check_ids_hold(draft)?;
        let is_plain = |entry: &&Entry| {
            entry.setting.is_used_by(draft.benchmark()) && !draft.matrix.contains(&entry.name())
        };
        let plain: Vec<_> = self.changes.set.iter().filter(is_plain).collect();
        let check = |entry: &&Entry| {
            check_one_value(entry)?;
            custom::check_against_matrix(entry, &draft.matrix)
        };
        plain
            .iter()
            .try_for_each(check)
            .map_err(|problem| problem.in_case(&draft.id))?;
        let mut settings = draft.settings.under(plain)?;
        if let Some(timeout) = &self.timeout {
            settings.put_timeout(timeout)?;
        }
        Ok(settings)
    }

    /// Refuses a T of `phase` that goes over the other key's, which a matrix has written into the id.
    fn check_ids_hold(&self, draft: &Draft) -> Result<(), Problem> {
        let pairs = [
            (Setting::Tokens, Setting::PhaseTokens),
            (Setting::PhaseTokens, Setting::Tokens),
        ];
        for (matrix, set) in pairs.into_iter().filter(|_| draft.is_phase()) {
            let entry = self.changes.set.iter().find(|entry| entry.setting == set);
            if let Some(entry) =
                entry.filter(|_| draft.matrix.iter().any(|name| name.setting == matrix))
            {
                return Err(against_id(entry, matrix).in_case(&draft.id));
            }
        }
        Ok(())
    }
}

/// Several values are for a matrix, or for a setting that is a list.
fn check_one_value(entry: &Entry) -> Result<(), Problem> {
    let is_list = matches!(entry.value.value, Value::List(_));
    if !is_list || entry.setting.takes_list() {
        return Ok(());
    }
    let key = &entry.key.value;
    let message =
        format!("`{key}` takes one value here: this case has no matrix that goes over it");
    let accepted = format!("one value, or a case with `{key}` in its `matrix`");
    Err(Problem::at(&entry.key.origin, message).accepted(accepted))
}

fn against_id(entry: &Entry, matrix: Setting) -> Problem {
    let matrix = matrix.name();
    let message = format!(
        "`{}` would go over `{matrix}` of this case's matrix, which its id tells",
        entry.key.value
    );
    Problem::at(&entry.key.origin, message).accepted(format!("`--set {matrix}=…`"))
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
    let value = if setting.takes_any_text() {
        literal(&value, text)
    } else {
        value
    };
    Ok(Entry::new(setting, key, &value))
}

/// Free text stays as it was typed, also where TOML would read a number; so do the words of a list.
fn literal(value: &Placed<Value>, text: &str) -> Placed<Value> {
    value.with(match &value.value {
        Value::Text(text) => Value::Text(text.clone()),
        Value::List(items) => Value::List(items.iter().map(as_text).collect()),
        Value::Whole(_)
        | Value::Decimal(_)
        | Value::Flag(_)
        | Value::Table(_)
        | Value::Other(_) => Value::Text(text.to_owned()),
    })
}

fn as_text(item: &Placed<Value>) -> Placed<Value> {
    item.with(Value::Text(text_of(&item.value)))
}
