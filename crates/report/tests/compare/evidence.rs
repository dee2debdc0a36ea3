//! How much evidence a verdict needs: thresholds, many cells, values that do not scatter, and drift.

use super::*;

#[test]
fn a_difference_whose_interval_reaches_over_the_threshold_is_undecided() {
    let options = CompareOptions {
        threshold: "2%".parse().unwrap(),
        ..CompareOptions::default()
    };
    let new = [10_000, 10_120, 10_250, 10_180, 10_310, 10_230];
    let found = Comparison::of_runs(&only(&STEADY), &only(&new), &options);
    let (cell, change) = (&found.cells[0], found.cells[0].change.unwrap());
    assert!(change.effect < 0.02 && change.p.unwrap() < 0.05);
    assert!(change.interval.unwrap().high > 0.02, "{change:?}");
    assert_eq!(cell.verdict, Verdict::Undecided(Doubt::AtThreshold));
    assert!(compare_json(&found).contains("\"reason\": \"at-threshold\""));
    assert!(compare_terminal(&found).contains("at threshold"));
}

#[test]
fn a_difference_that_only_stands_alone_says_so_among_many() {
    let scattered: &[u64] = &[9_990, 10_000, 10_015, 9_985, 10_010, 10_000];
    let names: Vec<String> = (0..20).map(|i| format!("custom.c{i}")).collect();
    let of = |first, rest| {
        let cases = names.iter().enumerate();
        let cases = cases.map(|(at, name)| (name.as_str(), if at == 0 { first } else { rest }));
        run(&cases.collect::<Vec<_>>())
    };
    let weak: &[u64] = &[10_080, 10_220, 10_010, 10_180, 10_310, 10_130];
    assert_eq!(one(&only(&STEADY), &only(weak)).verdict, Verdict::Worse);
    let found = compare(&of(&STEADY, &STEADY), &of(weak, scattered));
    let cell = &found.cells[0];
    assert_eq!(
        cell.verdict,
        Verdict::Undecided(Doubt::ManyCells),
        "{cell:#?}"
    );
    let text = compare_terminal(&found);
    assert!(
        text.contains("for this cell alone, and above it as one of 20"),
        "{text}"
    );
    assert!(!text.contains("detectable from"), "{text}");
}

#[test]
fn all_metrics_are_one_family() {
    let with_peaks = |times: [u64; 6], peaks: [u64; 6]| {
        let made = times
            .iter()
            .zip(peaks)
            .map(|(us, peak)| valued(&[*us; 3], None, peak << 20));
        record(vec![(case("custom.c", &[]), made.collect())])
    };
    let base = with_peaks(STEADY, [100, 101, 99, 100, 102, 98]);
    let new = with_peaks(times(1.002), [101, 102, 100, 101, 103, 99]);
    let found = compare(&base, &new);
    let mut p: Vec<(f64, f64)> = found
        .cells
        .iter()
        .map(|cell| (cell.change.unwrap().p.unwrap(), cell.p_adjusted.unwrap()))
        .collect();
    p.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!((p[0].1 - 2.0 * p[0].0).abs() < 1e-12, "{p:?}");
}

#[test]
fn processes_that_do_not_differ_are_no_proof_by_themselves() {
    let check = |n: usize, new: u64, expected: Verdict| {
        let cell = one(&only(&vec![10_000; n]), &only(&vec![new; n]));
        assert_eq!(cell.verdict, expected, "{n}: {cell:#?}");
        cell
    };
    // Two of six arrangements of two and two, two of 70 of four and four.
    let noise = Verdict::Undecided(Doubt::Noise);
    let cell = check(2, 10_200, noise);
    let p = cell.p_adjusted.unwrap();
    assert!((p - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(cell.change.unwrap().interval, None);
    assert_eq!(cell.change.unwrap().minimum_detectable, None);
    check(3, 10_050, noise);
    let cell = check(4, 10_200, Verdict::Worse);
    assert!((cell.p_adjusted.unwrap() - 2.0 / 70.0).abs() < 1e-12);
    assert!(cell.notes[0].contains("exact test"), "{:?}", cell.notes);
    check(4, 10_050, Verdict::Same(Sameness::BelowThreshold));
    // The iterations may: it is the values of processes that do not.
    let of = |times: &[u64]| {
        record(vec![(
            case("custom.c", &[]),
            vec![valued(times, None, 0); 2],
        )])
    };
    let cell = one(&of(&[64, 64, 64, 65]), &of(&[66, 66, 66, 65]));
    assert!(cell.p_adjusted.unwrap() > 0.3, "{cell:#?}");
    assert_eq!(cell.verdict, noise);
}

#[test]
fn a_value_that_is_one_of_two_does_not_alarm_two_processes() {
    // Of 16 ways in which two and two processes take one of two values, two would tell them apart.
    let value = |bit: u32| if bit == 0 { 10_000 } else { 12_000 };
    for bits in 0..16_u32 {
        let at = |i: u32| value(bits >> i & 1);
        let cell = one(&only(&[at(0), at(1)]), &only(&[at(2), at(3)]));
        assert_ne!(cell.verdict, Verdict::Worse, "{bits:b}");
        assert_ne!(cell.verdict, Verdict::Better, "{bits:b}");
    }
}

fn drifting(level: u64, slope: u64, iterations: u64) -> RunRecord {
    let process = |at: u64| {
        let start = level + at * 3;
        let times: Vec<u64> = (0..iterations)
            .map(|i| start + i * (slope + at % 3))
            .collect();
        valued(&times, None, 0)
    };
    record(vec![(case("custom.c", &[]), (0..6).map(process).collect())])
}

#[test]
fn drift_that_both_sides_share_does_not_stand_against_a_verdict() {
    let base = drifting(10_000, 2_000, 5);
    // 10 % slower, and 40 % slower at the end than at the beginning on both sides.
    assert_eq!(
        one(&base, &drifting(11_000, 2_200, 5)).verdict,
        Verdict::Worse
    );
    let same = one(&base, &drifting(10_001, 2_000, 5)).verdict;
    assert_eq!(same, Verdict::Same(Sameness::WithinThreshold));
    // Other counts of iterations, another slope, and no slope are no common drift.
    let drifts = Verdict::Undecided(Doubt::Drifting);
    assert_eq!(one(&base, &drifting(11_000, 2_200, 6)).verdict, drifts);
    assert_eq!(one(&base, &drifting(10_000, 3_000, 5)).verdict, drifts);
    assert_eq!(one(&base, &drifting(14_500, 0, 5)).verdict, drifts);
}
