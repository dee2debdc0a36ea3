//! Times of versions and attention paths against each other, and the quality that stands beside them.

use anechoic_protocol::{AttentionPath, Dtype, Sample, Version};
use anechoic_report::{PathLine, PointQuality, Spread, Standing, Summary, TradeOffLine, terminal};

use crate::made::{self, MS, everything, latency, perplexity};
use crate::support::record;
use crate::{close, kv, own_quality};

use AttentionPath::{Best, Dequantise, Stock};
use Version::{V0, V1, V2, V3};

#[test]
fn latency_is_over_processes_and_against_v1() {
    let kv = kv(&everything());
    let find = |version, tokens| {
        let mut lines = kv.latency.iter();
        lines
            .find(|line| {
                let point = &line.point;
                point.version == version
                    && point.tokens == tokens
                    && point.setting.attention == Best
            })
            .unwrap()
    };
    let v0 = find(V0, 128);
    assert_eq!((v0.point.processes, v0.point.runs), (2, 4));
    assert_eq!(v0.total_s.unwrap().spread, Spread::BetweenProcesses);
    close(v0.total_s.unwrap().estimate.mean, 0.905);
    close(v0.per_token_s.unwrap().estimate.mean, 0.905 / 128.0);
    close(v0.against_v1.unwrap().value, 0.905 / 0.402 - 1.0);
    assert!(v0.against_v1.unwrap().interval.is_some());
    let v1 = find(V1, 128);
    assert_eq!((v1.against_v1, v1.decode_against_v1), (None, None));
    let alone = find(V2, 32);
    assert_eq!(alone.total_s.unwrap().spread, Spread::BetweenRuns);
    assert_eq!(alone.against_v1.unwrap().interval, None, "one process");
    close(
        find(V3, 128).decode_tokens_per_s.unwrap().estimate.max,
        (127.0 / 0.2925 + 127.0 / 0.29325) / 2.0,
    );
}

#[test]
fn a_single_token_has_no_decode() {
    let kv = kv(&record(vec![
        latency(V1, Best, &[1], &[&[&[10, 12]]]),
        latency(V2, Best, &[1], &[&[&[22, 22]]]),
        latency(V2, Stock, &[1], &[&[&[22, 22]]]),
        perplexity(V1, 1.0),
        perplexity(V2, 1.002),
    ]));
    let [v1, v2, _] = kv.latency.as_slice() else {
        panic!("three cases")
    };
    assert_eq!((v1.decode_s, v1.decode_tokens_per_s), (None, None));
    close(v1.per_token_s.unwrap().estimate.mean, 0.011);
    close(v2.against_v1.unwrap().value, 1.0);
    assert_eq!(v2.decode_against_v1, None);
    let has_no_step = |line: &PathLine| (line.per_step_s, line.against_best) == (None, None);
    assert!(kv.paths.len() == 2 && kv.paths.iter().all(has_no_step));
    let judged = |line: &&TradeOffLine| matches!(line.standing, Standing::Judged { .. });
    assert_eq!(kv.trade_off.iter().filter(judged).count(), 2);
    let is_without_step = |line: &TradeOffLine| {
        !matches!(
            line.standing,
            Standing::Judged {
                per_step: Some(_),
                ..
            }
        )
    };
    assert!(kv.trade_off.iter().all(is_without_step));
}

/// The same runs with a prefill of this many more milliseconds.
fn with_prefill(mut made: made::Made, more_ms: u64) -> made::Made {
    let samples = made.1.iter_mut().flat_map(|(_, data)| &mut data.samples);
    for sample in samples {
        let Sample::Latency(sample) = sample else {
            unreachable!("all are timed generations")
        };
        sample.prefill_ns += more_ms * MS;
        sample.total_ns += more_ms * MS;
    }
    made
}

#[test]
fn a_long_prefill_hides_nothing() {
    let slow = |made| with_prefill(made, 10_000);
    let kv = kv(&record(vec![
        slow(latency(V1, Best, &[5], &[&[&[80]], &[&[80]]])),
        slow(latency(V2, Best, &[5], &[&[&[40]], &[&[40]]])),
        slow(latency(V2, Stock, &[5], &[&[&[120]], &[&[120]]])),
        perplexity(V2, 1.002),
    ]));
    let v2 = &kv.latency[1];
    close(v2.against_v1.unwrap().value, 10_040.0 / 10_080.0 - 1.0);
    close(v2.decode_against_v1.unwrap().value, -0.5);
    assert!(v2.decode_against_v1.unwrap().interval.is_some());
    let stock = &kv.paths[1];
    close(stock.per_step_s.unwrap().estimate.mean, 0.090 / 4.0);
    close(stock.against_best.unwrap().value, 2.0);
    let mut v2 = kv.trade_off.iter().filter(|line| line.version == V2);
    let Standing::Judged {
        per_step: Some(per_step),
        ..
    } = v2.next().unwrap().standing
    else {
        panic!("v2 has a quality")
    };
    close(per_step.value, -0.5);
}

#[test]
fn every_time_has_its_quality_beside_it() {
    let qualities = |cases: Vec<made::Made>| {
        let kv = kv(&record(cases));
        let lines = kv.latency.iter();
        lines
            .map(|line| (line.point.version, line.quality.clone()))
            .collect::<Vec<_>>()
    };
    let all = [V0, V1, V2, V3].map(|version| latency(version, Best, &[32], &[&[&[100]]]));
    let found = qualities(all.into_iter().chain([perplexity(V2, 1.002)]).collect());
    let [v0, v1, v2, v3] = found.as_slice() else {
        panic!("four cases")
    };
    assert_eq!(*v0, (V0, PointQuality::Exact));
    assert_eq!(*v1, (V1, PointQuality::Exact));
    assert_eq!(*v3, (V3, PointQuality::NotMeasured));
    let PointQuality::Measured { on } = &v2.1 else {
        panic!("it was measured: {v2:?}")
    };
    assert_eq!((on.len(), on[0].model.as_str()), (1, "models/a|b"));
    close(on[0].degradation, 0.002_f64.exp_m1());
}

#[test]
fn the_cell_of_quality_names_another_model_and_not_the_own() {
    let row = |quality: made::Made| {
        let text = terminal(&Summary::of(&record(vec![
            latency(V2, Best, &[32], &[&[&[100]]]),
            quality,
        ])));
        let is_row = |line: &&str| line.contains("│ v2 ") && line.contains("100.0 ms");
        let row = text.lines().find(is_row).unwrap().to_owned();
        row.rsplit('┆')
            .next()
            .unwrap()
            .replace('│', "")
            .trim()
            .to_owned()
    };
    assert_eq!(row(perplexity(V2, 1.002)), "+0.200 % (a|b)");
    assert_eq!(row(own_quality(V2, 1.002, Dtype::Bf16)), "+0.200 %");
    assert_eq!(row(own_quality(V2, 1.002, Dtype::F32)), "+0.200 % (f32)");
    assert_eq!(row(perplexity(V1, 1.0)), "not measured");
}

#[test]
fn paths_are_compared_at_the_same_version_and_work() {
    let kv = kv(&everything());
    let found: Vec<_> = kv
        .paths
        .iter()
        .map(|line| {
            (
                line.point.version,
                line.point.tokens,
                line.point.setting.attention,
            )
        })
        .collect();
    assert_eq!(
        found,
        [(V2, 128, Best), (V2, 128, Stock), (V2, 128, Dequantise)]
    );
    assert_eq!(kv.paths[0].against_best, None);
    close(kv.paths[1].against_best.unwrap().value, 604.0 / 303.0 - 1.0);
}
