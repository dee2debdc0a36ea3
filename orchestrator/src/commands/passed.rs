//! The environment that workers are passed: what of it is recorded, and what has changed of it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;

use anechoic_record::{Difference, PassedEnvironment, decisive};
use anechoic_suite::{Case, Isolation};

/// What the workers of these cases are passed now.
pub(super) fn passed<'a>(cases: impl Iterator<Item = &'a Case>) -> PassedEnvironment {
    let isolations: Vec<_> = cases.map(|case| &case.isolation).collect();
    read(&isolations, env::vars_os())
}

/// A variable that a suite asks for by name may be a secret: its value is not kept.
fn read(
    isolations: &[&Isolation],
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> PassedEnvironment {
    let every = Isolation::default();
    let mut passed = PassedEnvironment::new();
    for (name, value) in ours {
        let Some(name) = name.to_str() else { continue };
        if every.passes(name) {
            let value = value.to_string_lossy().into_owned();
            passed.insert(name.to_owned(), Some(value));
        } else if isolations.iter().any(|isolation| isolation.passes(name)) {
            passed.insert(name.to_owned(), None);
        }
    }
    passed
}

/// What decides results and is another now. An environment that was not recorded is not compared.
pub(super) fn changed(then: &PassedEnvironment, now: &PassedEnvironment) -> Vec<Difference> {
    if then.is_empty() {
        return Vec::new();
    }
    let (then, now) = (decisive(then), decisive(now));
    let names: std::collections::BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let text = |values: &BTreeMap<&str, &str>, name: &str| match values.get(name) {
        Some(value) => format!("`{value}`"),
        None => "not set".to_owned(),
    };
    let difference = |name: &&str| {
        let (then, now) = (text(&then, name), text(&now, name));
        (then != now).then(|| Difference {
            what: format!("variable `{name}`"),
            then,
            now,
        })
    };
    names.into_iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(isolation: &Isolation, ours: &[(&str, &str)]) -> PassedEnvironment {
        let ours = ours.iter().map(|(name, value)| (name.into(), value.into()));
        read(&[isolation], ours)
    }

    #[test]
    fn secrets_are_recorded_by_name_alone() {
        let isolation = Isolation {
            pass_environment: vec!["MY_*".to_owned()],
            ..Isolation::default()
        };
        let ours = [("MY_KEY", "secret"), ("HF_TOKEN", "x"), ("TZ", "UTC")];
        let expected = [("MY_KEY", None), ("TZ", Some("UTC"))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(of(&isolation, &ours), PassedEnvironment::from(expected));
    }

    #[test]
    fn only_variables_that_decide_results_are_compared() {
        let check = |then: &[(&str, &str)], now: &[(&str, &str)], expected: &[&str]| {
            let every = Isolation::default();
            let found = changed(&of(&every, then), &of(&every, now));
            let texts: Vec<_> = found.iter().map(Difference::text).collect();
            assert_eq!(texts, expected);
        };
        let home = ("HOME", "/home/a");
        let two = ("OMP_NUM_THREADS", "2");
        check(&[home, two], &[two, ("HOME", "/b"), ("TERM", "x")], &[]);
        check(&[home], &[("OMP_NUM_THREADS", "")], &[]);
        check(&[home], &[("CUDA_VISIBLE_DEVICES", "0")], &[]);
        check(&[], &[two], &[]);
        check(
            &[home],
            &[two],
            &["variable `OMP_NUM_THREADS` was not set and is `2`"],
        );
        check(
            &[two],
            &[("OMP_NUM_THREADS", "4")],
            &["variable `OMP_NUM_THREADS` was `2` and is `4`"],
        );
    }
}
