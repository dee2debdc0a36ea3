//! What the command line may change about a suite.

use std::time::Duration;

use anechoic_protocol::BenchmarkName;

use crate::custom;
use crate::draft::{Changes, Draft};
use crate::entry::Entry;
use crate::keys::Place;
use crate::matrix::text_of;
use crate::pace::{Cooldown, Pace, PaceSetting};
use crate::problem::{Origin, Placed, Problem, shown};
use crate::setting::Setting;
use crate::settings::Settings;
use crate::until::{self, Until};
use crate::usage::{check_shared, distinct};
use crate::value::Value;
use crate::{HalfWidth, Order, WhenRestless};

/// Options of a plan. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Globs: only cases whose id matches one of them. Empty for all.
    pub only: Vec<String>,
    /// Globs: no case whose id matches one of them.
    pub skip: Vec<String>,
    /// Attempts per case, in place of the suite's number or stop rule. With `until` or `max_attempts`, the fewest of that rule.
    pub attempts: Option<u32>,
    /// A stop rule over the suite's; what else the suite's rule says stays.
    pub until: Option<HalfWidth>,
    /// The most attempts per case of a stop rule.
    pub max_attempts: Option<u32>,
    /// Order of the attempts.
    pub order: Option<Order>,
    /// What lies between two attempts. A pause alone also sets the suite's `settle-limit` aside.
    pub cooldown: Option<Cooldown>,
    /// The longest wait for the machine to come to rest, which turns that wait on.
    pub settle_limit: Option<Duration>,
    /// What becomes of attempts that were disturbed.
    pub when_restless: Option<WhenRestless>,
    /// Further attempts per case, in place of some that did not end well.
    pub retries: Option<u32>,
    /// Time limit of every attempt.
    pub timeout: Option<Duration>,
    /// Compute threads of every case, over `threads` of `set`.
    pub threads: Option<u32>,
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
        let (paced, others) = split(&options.set);
        let pace = paced_by(options, &paced, suite)?;
        let others = others.iter().map(|(key, text)| entry(key, text));
        let threads = options.threads.map(|number| Ok(threads(number)));
        let set = others.chain(threads);
        let set = set.collect::<Result<_, _>>()?;
        let timeout = options
            .timeout
            .map(|value| duration_option("timeout", value));
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

    /// Refuses a stop rule that cases of these benchmarks cannot meet.
    pub(crate) fn check_until(&self, drafts: &[&Draft]) -> Result<(), Problem> {
        let benchmarks = distinct(drafts.iter().map(|draft| draft.benchmark()));
        let until = self.pace.until.as_ref();
        until.map_or(Ok(()), |until| until.check_metric(&benchmarks))
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

/// A key of `--set` with its text.
type Given<'a> = (Placed<String>, &'a str);

/// Pairs of `--set` that change the pace, and those that are settings of cases.
fn split(set: &[(String, String)]) -> (Vec<Given<'_>>, Vec<Given<'_>>) {
    let placed = |(key, text): &'_ (String, String)| Placed {
        value: key.clone(),
        origin: Origin::Option(shown(&format!("--set {key}={text}"))),
    };
    let given = set.iter().map(|pair| (placed(pair), pair.1.as_str()));
    given.partition(|(key, _)| PaceSetting::from_name(&key.value).is_some())
}

/// The suite's pace with the options over it. An option of its own wins over the same key in `--set`.
fn paced_by(options: &PlanOptions, set: &[Given<'_>], suite: &Pace) -> Result<Pace, Problem> {
    let mut pace = suite.clone();
    // The suite's limit belongs to the suite's cooldown.
    pace.settle_limit = None;
    for (key, text) in set {
        if let Some(setting) = PaceSetting::from_name(&key.value) {
            pace.put(setting, &Value::parse_option(text, &key.origin))?;
        }
    }
    apply(options, &mut pace)?;
    let is_given = options.cooldown.is_some()
        || set
            .iter()
            .any(|(key, _)| key.value == PaceSetting::Cooldown.name());
    if pace.settle_limit.is_none() && !(is_given && matches!(pace.cooldown, Cooldown::Pause(_))) {
        pace.settle_limit = suite.settle_limit;
    }
    Ok(pace)
}

fn apply(options: &PlanOptions, pace: &mut Pace) -> Result<(), Problem> {
    if let Some(cooldown) = options.cooldown {
        let origin = Origin::Option(format!("--cooldown {cooldown}"));
        pace.put_cooldown(&Placed {
            value: cooldown,
            origin,
        })?;
    }
    if let Some(limit) = options.settle_limit {
        pace.put_settle_limit(&duration_option("settle-limit", limit))?;
    }
    apply_attempts(options, pace)?;
    if let Some(retries) = options.retries {
        let setting = PaceSetting::Retries;
        pace.put(setting, &number_option(setting.name(), retries))?;
    }
    pace.order = options.order.unwrap_or(pace.order);
    pace.when_restless = options.when_restless.unwrap_or(pace.when_restless);
    Ok(())
}

/// `--attempts` alone is a number in place of a rule; beside the options of a rule it is that rule's fewest.
fn apply_attempts(options: &PlanOptions, pace: &mut Pace) -> Result<(), Problem> {
    let (key, max_key) = (PaceSetting::Attempts.name(), "max-attempts");
    let max = options.max_attempts.map(|max| number_option(max_key, max));
    if options.until.is_none() && max.is_none() {
        return options.attempts.map_or(Ok(()), |attempts| {
            pace.put(PaceSetting::Attempts, &number_option(key, attempts))
        });
    }
    let until = match (options.until, pace.until.take()) {
        (Some(half_width), Some(suite)) => Some(Until {
            half_width,
            ..suite
        }),
        (Some(half_width), None) => Some(Until::new(half_width)),
        (None, suite) => suite,
    };
    let Some(mut until) = until else {
        let origin = max.map_or(Origin::Default, |max| max.origin);
        let problem = Problem::at(&origin, "the suite has no stop rule that this would be of");
        return Err(problem.accepted("`--until \"ci 2%\"` beside it"));
    };
    if let Some(min) = options.attempts {
        until.min = until::processes(key, &number_option(key, min))?;
    }
    if let Some(max) = max {
        until.max = until::processes(max_key, &max)?;
    }
    until.check_range()?;
    pace.until = Some(until);
    Ok(())
}

fn number_option(name: &str, number: u32) -> Placed<Value> {
    Placed {
        value: Value::Whole(number.into()),
        origin: Origin::Option(format!("--{name} {number}")),
    }
}

fn duration_option(name: &str, value: Duration) -> Placed<Duration> {
    let origin = Origin::Option(format!("--{name} {}", humantime::format_duration(value)));
    Placed { value, origin }
}

fn threads(number: u32) -> Entry {
    let key = Placed {
        value: Setting::Threads.name().to_owned(),
        origin: Origin::Option(format!("--threads {number}")),
    };
    Entry::new(
        Setting::Threads,
        &key,
        &key.with(Value::Whole(number.into())),
    )
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
