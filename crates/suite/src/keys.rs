//! Which keys may stand where, and what to say about one that may not.

use crate::pace::PaceSetting;
use crate::problem::{Placed, Problem, shown};
use crate::requires::Requirement;
use crate::setting::Setting;
use crate::until;

/// A place where keys stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Top,
    Requires,
    Worker,
    Attempts,
    Defaults,
    Case,
    Matrix,
    SetOption,
}

/// Keys of the file itself.
const FILE_KEYS: [&str; 6] = [
    "schema-version",
    "name",
    "question",
    "requires",
    "defaults",
    "case",
];
/// Keys of a case that are no settings.
const CASE_KEYS: [&str; 2] = ["id", "matrix"];
/// Settings of a case that the file can also give at its top.
pub(crate) const TOP_SETTINGS: [Setting; 3] = [Setting::Timeout, Setting::Seed, Setting::Threads];

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Top => "at the top of a suite",
            Self::Requires => "in [requires]",
            Self::Worker => "in `worker`",
            Self::Attempts => "in `attempts`",
            Self::Defaults => "in [defaults]",
            Self::Case => "in a case",
            Self::Matrix => "in a matrix",
            Self::SetOption => "for `--set`",
        }
    }

    /// The keys that may stand here, in the order in which messages list them.
    pub(crate) fn keys(self) -> Vec<&'static str> {
        let settings = Setting::ALL.map(Setting::names).concat();
        let pace = PaceSetting::ALL.map(PaceSetting::name);
        match self {
            Self::Top => [&FILE_KEYS[..], &pace, &TOP_SETTINGS.map(Setting::name)].concat(),
            Self::Requires => Requirement::ALL.map(Requirement::name).to_vec(),
            Self::Worker => vec!["command"],
            Self::Attempts => until::KEYS.to_vec(),
            Self::Defaults => settings,
            // A value has to have a place in an id.
            Self::Matrix => settings
                .into_iter()
                .filter(|name| !Setting::from_name(name).is_some_and(Setting::takes_table))
                .collect(),
            Self::Case => [&CASE_KEYS[..], &settings].concat(),
            // The benchmark is part of the ids, so it stays as the suite has it.
            Self::SetOption => {
                let settings = settings.into_iter().chain(pace);
                settings
                    .filter(|&name| name != Setting::Benchmark.name())
                    .collect()
            }
        }
    }

    /// The problem of a key that may not stand here.
    pub(crate) fn unknown(self, key: &Placed<String>) -> Problem {
        let keys = self.keys();
        let hint = match (belongs(&key.value), nearest(&key.value, &keys)) {
            (Some(place), _) => format!("; it belongs {place}"),
            (None, Some(near)) => format!("; did you mean `{near}`?"),
            (None, None) => String::new(),
        };
        let message = format!("unknown key `{}` {}{hint}", shown(&key.value), self.name());
        Problem::at(&key.origin, message).accepted(keys.join(", "))
    }
}

/// Where in a file a key that exists may stand.
fn belongs(key: &str) -> Option<&'static str> {
    if Setting::from_name(key).is_some() {
        Some("in [defaults] or in a case")
    } else if CASE_KEYS.contains(&key) {
        Some(Place::Case.name())
    } else if Place::Top.keys().contains(&key) {
        Some(Place::Top.name())
    } else if Place::Requires.keys().contains(&key) {
        Some(Place::Requires.name())
    } else {
        None
    }
}

fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known
        .iter()
        .map(|&name| (strsim::jaro_winkler(key, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.85).then_some(best.1)
}
