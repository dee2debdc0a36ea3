//! Cases of one run that differ in T.

use anechoic_protocol::{AttentionPath::Best, Version::V1};
use anechoic_record::Metric;
use anechoic_report::{CompareOptions, ComparedCell, Comparison, Verdict, Within};

use crate::made::{Made, latency};
use crate::support::record;

/// Three processes whose runs take about so many milliseconds at each of these T.
fn case(tokens: &[u32], ms: &[u64]) -> Made {
    let process = |more: u64| -> Vec<Vec<u64>> {
        ms.iter()
            .map(|ms| vec![ms * 1_000 + more, ms * 1_000])
            .collect()
    };
    let made = [0, 3, 5].map(process);
    let lists: Vec<Vec<&[u64]>> = made
        .iter()
        .map(|at| at.iter().map(Vec::as_slice).collect())
        .collect();
    let processes: Vec<&[&[u64]]> = lists.iter().map(Vec::as_slice).collect();
    latency(V1, Best, tokens, &processes)
}

fn times(cases: Vec<Made>) -> Vec<ComparedCell> {
    let by = Within {
        key: "tokens".to_owned(),
        base: None,
    };
    let found = Comparison::within(&record(cases), &by, &CompareOptions::default()).unwrap();
    let cells = found.cells.into_iter();
    cells
        .filter(|cell| cell.metric == Metric::TotalTime)
        .collect()
}

#[test]
fn times_at_one_number_of_tokens_each_are_compared() {
    let [cell] = &times(vec![case(&[64], &[10]), case(&[128], &[20])])[..] else {
        panic!("one cell");
    };
    assert_eq!((cell.tokens, cell.verdict), (None, Verdict::Worse));
    assert_eq!(cell.by, Some(("[64]".to_owned(), "[128]".to_owned())));
    assert!((cell.change.unwrap().effect - 1.0).abs() < 0.01);
}

#[test]
fn of_several_numbers_of_tokens_those_in_common_are_compared() {
    let cells = times(vec![case(&[64, 128], &[10, 20]), case(&[64], &[10])]);
    assert_eq!(
        cells.iter().map(|cell| cell.tokens).collect::<Vec<_>>(),
        [Some(64)]
    );
    assert!(matches!(cells[0].verdict, Verdict::Same(_)), "{cells:#?}");
}
