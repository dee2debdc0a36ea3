//! What is said of cases that were measured once, and where nothing could be decided.

use super::*;

/// `custom.a` is measured, `custom.b` fails.
fn half() -> RunRecord {
    let failed = (Outcome::ExitCode { code: 3 }, AttemptData::default());
    record(vec![
        (case("custom.a", &[]), processes(&STEADY)),
        (case("custom.b", &[]), vec![failed; 2]),
    ])
}

fn headline(comparison: &Comparison) -> String {
    let json: serde_json::Value = serde_json::from_str(&compare_json(comparison)).unwrap();
    json["headline"].as_str().unwrap().to_owned()
}

#[test]
fn a_case_that_is_not_measured_any_more_is_no_pass() {
    let base = run(&[("custom.a", &STEADY), ("custom.b", &STEADY)]);
    let comparison = compare(&base, &half());
    assert_eq!(
        headline(&comparison),
        "no difference found in 1 cell: 1 same; 1 case not measured any more: custom.b"
    );
    let fails = |on: FailOn| match comparison.conclusion(&FailOns(vec![on])) {
        Conclusion::Failed { cells, missing } => {
            assert_eq!((cells.len(), missing[0].case.as_str()), (0, "custom.b"));
            true
        }
        Conclusion::Passed => false,
        Conclusion::NothingCompared(reasons) => panic!("{reasons:?}"),
    };
    assert_eq!(FailOn::ALL.map(fails), [false, false, false, true, true]);
    let junit = compare_junit(&comparison, &FailOns::default());
    assert!(
        junit.contains("failures=\"1\" errors=\"0\" skipped=\"0\""),
        "{junit}"
    );
    assert!(
        junit.contains("<failure type=\"missing\" message=\"new has no good"),
        "{junit}"
    );
    let junit = compare_junit(&comparison, &FailOns(vec![FailOn::Slower]));
    assert!(
        junit.contains("failures=\"0\" errors=\"0\" skipped=\"1\""),
        "{junit}"
    );
}

#[test]
fn a_case_that_the_base_never_measured_is_not_missing() {
    let any = FailOns(vec![FailOn::Any]);
    for base in [half(), run(&[("custom.a", &STEADY)])] {
        let comparison = compare(&base, &half());
        assert_eq!(comparison.missing().count(), 0);
        assert_eq!(comparison.conclusion(&any), Conclusion::Passed);
        assert!(!headline(&comparison).contains("measured"));
    }
    // Nor one that was not measured then, and is now.
    let comparison = compare(
        &half(),
        &run(&[("custom.a", &STEADY), ("custom.b", &STEADY)]),
    );
    assert_eq!(comparison.conclusion(&any), Conclusion::Passed);
}

#[test]
fn a_case_of_the_same_run_is_missing_where_its_base_is_measured() {
    let mut run = half();
    run.manifest.cases[1].case.work = work(&[("size", 2)]);
    run.manifest.cases[0].case.work = work(&[("size", 1)]);
    let missing =
        |base: &str| -> usize { within(&run, "size", Some(base)).unwrap().missing().count() };
    assert_eq!((missing("1"), missing("2")), (1, 0));
}

#[test]
fn where_nothing_was_decided_the_headline_says_so() {
    let noisy = [8_000, 12_000, 9_000, 11_000, 13_000, 7_500];
    let text = headline(&compare(&only(&STEADY), &only(&noisy)));
    assert_eq!(text, "nothing decided in 1 cell (1 noise)");
    let text = headline(&compare(
        &run(&[("custom.a", &STEADY), ("custom.b", &STEADY)]),
        &run(&[("custom.a", &noisy), ("custom.b", &STEADY)]),
    ));
    assert_eq!(
        text,
        "no difference found in 2 cells: 1 same, 1 undecided (1 noise)"
    );
}
