//! What must hold in the samples of workers of one's own.

use anechoic_protocol::{CUSTOM_NAME, CustomSample, is_custom_name};

use super::Findings;

/// Names of values become columns; what the values mean is not ours to judge.
pub(super) fn findings(sample: &CustomSample) -> Findings {
    let bad = sample.values.keys().find(|name| !is_custom_name(name));
    bad.map_or_else(Findings::default, |name| {
        Findings::impossible(format!(
            "`{name}` is no name of a value; accepted are {CUSTOM_NAME}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_values_are_checked() {
        let named = |name: &str| CustomSample {
            iteration: 1,
            time_ns: 1,
            values: [(name.to_owned(), 1.0)].into(),
        };
        assert_eq!(findings(&named("tokens_per_second")), Findings::default());
        let found = findings(&named("tokens per second"));
        assert!(found.impossible[0].contains("no name of a value"));
    }
}
