//! Reports of made-up records of the KV-cache benchmarks: the figures are checked by hand, the text as a whole.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod compared;
mod exports;
mod made;
#[path = "../support/result.rs"]
mod result;
#[path = "../support/mod.rs"]
mod support;
mod times;

use anechoic_protocol::{AttentionPath, Benchmark, Dtype, ModelSource, Preset, Version};
use anechoic_record::{RunRecord, point_lines};
use anechoic_report::{
    KvSummary, Logs, Standing, Summary, TradeOffLine, csv, html, json, markdown, plots, terminal,
};
use anechoic_stats::Crossover;
use made::{capacity, everything, failed, latency, perplexity, roofline, vram};
use support::record;

use AttentionPath::Best;
use Version::{V0, V1, V2, V3, V4};

fn kv(record: &RunRecord) -> KvSummary {
    Summary::of(record).kv.unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn the_terminal_report() {
    insta::assert_snapshot!(terminal(&Summary::of(&everything())));
}

#[test]
fn the_markdown_report() {
    insta::assert_snapshot!(markdown(&Summary::of(&everything())));
}

#[test]
fn a_failed_attempt_has_no_line() {
    let kv = kv(&everything());
    assert!(kv.latency.iter().all(|line| line.point.version != V4));
    assert!(kv.trade_off.iter().all(|line| line.version != V4));
}

/// Quality of the model that is timed, in this type.
fn own_quality(version: Version, nats_per_token: f64, dtype: Dtype) -> made::Made {
    let (mut case, attempts) = perplexity(version, nats_per_token);
    let Benchmark::Perplexity(work) = &mut case.work else {
        unreachable!("it is a perplexity")
    };
    work.model.model = ModelSource::Preset { name: Preset::Gpt2 };
    work.model.dtype = dtype;
    case.id += ".own";
    (case, attempts)
}

#[test]
fn the_cache_pays_from_where_the_totals_cross() {
    let kv = kv(&everything());
    let [line] = kv.crossovers.as_slice() else {
        panic!("one setting has both v0 and v1")
    };
    assert_eq!(line.tokens, [32, 128]);
    let Crossover::From { at, after, until } = line.crossover else {
        panic!("{line:?}")
    };
    assert_eq!((after, until), (32.0, 128.0));
    // v1 is 10.5 ms slower at 32 and 503 ms faster at 128.
    close(at, 32.0 + 96.0 * 10.5 / 513.5);
}

#[test]
fn a_cache_that_always_or_never_pays() {
    let at = |version, [a, b]: [u64; 2]| latency(version, Best, &[32], &[&[&[a]], &[&[b]]]);
    let check = |v0, v1, expected: &str| {
        let record = record(vec![at(V0, v0), at(V1, v1)]);
        let text = terminal(&Summary::of(&record));
        assert!(text.contains(expected), "{text}");
    };
    check(
        [100, 101],
        [90, 91],
        "v1 is faster than v0 at every T measured (32)",
    );
    check(
        [100, 140],
        [90, 130],
        "v1 has the lower mean at every T measured (32), not told from chance at each",
    );
    check(
        [90, 91],
        [100, 101],
        "v1 was not faster than v0 at the largest T measured (32)",
    );
}

#[test]
fn a_crossover_that_may_be_chance_is_called_so() {
    let of = |wide: u64| {
        let record = record(vec![
            latency(
                V0,
                Best,
                &[32, 64],
                &[&[&[100], &[200]], &[&[101], &[200 + wide]]],
            ),
            latency(V1, Best, &[32, 64], &[&[&[110], &[150]], &[&[111], &[151]]]),
        ]);
        terminal(&Summary::of(&record))
    };
    let told = of(1);
    assert!(
        told.contains("v1 is faster than v0 from T ≈ 37 on"),
        "{told}"
    );
    let chance = of(200);
    assert!(
        chance.contains("v1 is faster than v0 from about T = ")
            && chance.contains("(interpolated between 32 and 64), not told from chance"),
        "{chance}"
    );
}

#[test]
fn a_cache_as_large_as_that_of_v1_is_not_called_smaller() {
    let (v1, mut v2) = (vram(V1), vram(V2));
    v2.1[0].1.samples = v1.1[0].1.samples.clone();
    let record = record(vec![v1, v2, vram(V3)]);
    let summary = Summary::of(&record);
    let page = html(
        &record,
        &summary,
        &plots(&record, &summary),
        &Logs::default(),
    );
    assert!(
        page.contains("Caches are not smaller than v1's (")
            && page.contains("T = 128): v2 1.00 × of its bytes.</li>"),
        "{page}"
    );
    let (_, smaller) = page.split_once("Caches are smaller than v1's (").unwrap();
    let (smaller, _) = smaller.split_once("</li>").unwrap();
    assert!(
        smaller.contains(": v3 ") && !smaller.contains("v2"),
        "{smaller}"
    );
}

#[test]
fn the_prediction_needs_ceilings_of_the_same_model() {
    let kv_of = |cases| kv(&record(cases));
    let both = || {
        vec![
            latency(V0, Best, &[128], &[&[&[905]]]),
            latency(V1, Best, &[128], &[&[&[402]]]),
        ]
    };
    assert!(kv_of(both()).predictions.is_empty());
    let mut with_roofline = both();
    with_roofline.push(roofline(&[128]));
    let kv = kv_of(with_roofline);
    let prediction = &kv.predictions[0];
    close(prediction.measured.value, 905.0 / 402.0 - 1.0);
    // v1 is bound by memory: 128 calls of 247 MB at 30 GB/s; v0 multiplies up to 159 tokens per call.
    assert!(prediction.predicted > 1.0, "{prediction:?}");
    close(
        prediction.predicted,
        prediction.predicted_v0_s / prediction.predicted_v1_s - 1.0,
    );
    assert!((1.0..1.2).contains(&(prediction.predicted_v1_s / (128.0 * 0.247 / 30.0))));
    let mut of_another_type = both();
    let (mut case, attempts) = roofline(&[128]);
    let Benchmark::Roofline(work) = &mut case.work else {
        unreachable!("it is a roofline")
    };
    work.model.dtype = Dtype::F32;
    of_another_type.push((case, attempts));
    assert!(kv_of(of_another_type).predictions.is_empty());
}

#[test]
fn memory_is_exact() {
    let kv = kv(&everything());
    let [v1, v2] = kv.memory.as_slice() else {
        panic!("two cases")
    };
    // 2 × 12 layers × 160 positions × 768 values × 2 bytes.
    assert_eq!(v1.cache.reserved.total(), 2 * 12 * 160 * 768 * 2);
    assert_eq!(
        v1.activation_bytes,
        (10 << 20) + v1.cache.reserved.total() + 2
    );
    close(v1.bits_per_element.unwrap(), 16.0);
    close(v2.bits_per_element.unwrap(), 8.5);
    close(v2.times_below_v1.unwrap(), 16.0 / 8.5);
}

#[test]
fn capacity_is_the_smallest_search_against_v1() {
    let kv = kv(&everything());
    assert_eq!((kv.capacity[0].batch, kv.capacity[0].largest), (30, 32));
    close(kv.capacity[1].times_v1.unwrap(), 57.0 / 30.0);
    let nothing_fits = record(vec![capacity(V1, &[0]), capacity(V2, &[4])]);
    let kv = Summary::of(&nothing_fits).kv.unwrap();
    assert_eq!((kv.capacity[0].batch, kv.capacity[1].times_v1), (0, None));
}

#[test]
fn the_fraction_of_the_ceiling_that_binds() {
    let kv = kv(&everything());
    let line = &kv.roofline[0];
    let (prefill, decode) = (
        line.prefill.as_ref().unwrap(),
        line.decode.as_ref().unwrap(),
    );
    assert_eq!(
        (prefill.bound.as_str(), decode.bound.as_str()),
        ("compute", "memory")
    );
    close(
        prefill.fraction_of_ceiling.unwrap().estimate.mean,
        5.6 / 200.0 / 0.040,
    );
    close(
        decode.fraction_of_ceiling.unwrap().estimate.mean,
        31.5 / 30.0 * f64::midpoint(1.0 / 1.251, 1.0 / 1.253),
    );
}

#[test]
fn no_speed_stands_without_quality() {
    let kv = kv(&everything());
    let standing = |version| {
        let mut lines = kv.trade_off.iter();
        lines
            .find(|line| line.version == version && line.setting.attention == Best)
            .unwrap()
    };
    assert_eq!(standing(V3).standing, Standing::QualityMissing);
    let Standing::Judged {
        per_step,
        cache,
        degradation,
        ..
    } = &standing(V2).standing
    else {
        panic!("v2 has a quality")
    };
    close(per_step.unwrap().value, 303.0 / 402.0 - 1.0);
    close(cache.unwrap(), 8.5 / 16.0);
    close(*degradation, 0.002_f64.exp_m1());
    let Standing::Judged { cache: None, .. } = &standing(V0).standing else {
        panic!("v0 has a quality and no cache")
    };
    let of_best = |line: &TradeOffLine| line.setting.attention == Best;
    assert!(
        kv.trade_off.iter().all(of_best),
        "other paths have a table of their own"
    );

    let text = terminal(&Summary::of(&everything()));
    let (_, table) = text
        .split_once("KV cache: speed, memory and quality")
        .unwrap();
    let row = table.lines().find(|line| line.contains(" v3 ")).unwrap();
    assert!(row.contains("not measured in this run"));
    let hint =
        "with the other options of this one: anechoic kv latency perplexity --version v1 v3\n";
    assert_eq!(text.matches(hint).count(), 1, "{text}");
    assert!(!row.contains('×') && !row.contains('%'), "{row}");
}

#[test]
fn without_v1_there_is_nothing_to_compare_with() {
    let alone = record(vec![
        latency(V2, Best, &[32], &[&[&[90]]]),
        perplexity(V2, 1.002),
    ]);
    let kv = kv(&alone);
    assert_eq!(kv.trade_off[0].standing, Standing::ReferenceMissing);
    let text = terminal(&Summary::of(&alone));
    assert!(
        text.contains("v1 was not measured in this run beside v2\n"),
        "{text}"
    );
    assert!(
        text.contains("kv latency perplexity --version v1 v2\n"),
        "{text}"
    );
    assert!(
        !text.contains("decode per step, × v1"),
        "no table without a row: {text}"
    );
}

#[test]
fn quality_of_the_very_model_goes_before_that_of_others() {
    let record = record(vec![
        latency(V1, Best, &[32], &[&[&[100]]]),
        latency(V2, Best, &[32], &[&[&[90]]]),
        perplexity(V1, 1.0),
        perplexity(V2, 1.002),
        own_quality(V2, 1.5, Dtype::F32),
    ]);
    let kv = kv(&record);
    let models: Vec<_> = kv
        .trade_off
        .iter()
        .map(|line| match &line.standing {
            Standing::Judged { model, .. } => (line.version, model.as_str()),
            Standing::QualityMissing | Standing::ReferenceMissing => (line.version, "none"),
        })
        .collect();
    assert_eq!(models, [(V1, "models/a|b"), (V2, "gpt2")]);
}

#[test]
fn two_cases_of_the_same_point_are_told_apart() {
    let (mut twin, attempts) = latency(V1, Best, &[32], &[&[&[100]]]);
    twin.id = "kv.twin".to_owned();
    let record = record(vec![
        latency(V1, Best, &[32], &[&[&[100]]]),
        (twin, attempts),
    ]);
    let text = terminal(&Summary::of(&record));
    assert!(text.contains("v1 (kv.twin)"), "{text}");
}

#[test]
fn a_run_in_which_nothing_was_measured() {
    let record = record(vec![failed(latency(V1, Best, &[32], &[&[&[100]]]))]);
    let summary = Summary::of(&record);
    assert_eq!(summary.kv.as_ref().unwrap().latency, []);
    let text = terminal(&summary);
    assert!(
        text.contains("out-of-memory") && !text.contains("KV cache:"),
        "{text}"
    );
    assert!(text.contains("threads: 2\n"), "{text}");
}

#[test]
fn the_summary_reads_back_and_so_does_one_from_before() {
    let summary = Summary::of(&everything());
    let text = json(&summary);
    let back: Summary = serde_json::from_str(&text).unwrap();
    assert_eq!(
        back.kv.as_ref().unwrap().latency.len(),
        summary.kv.as_ref().unwrap().latency.len()
    );
    assert_eq!(terminal(&back), terminal(&summary));
    let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
    old.as_object_mut().unwrap().remove("kv");
    let old: Summary = serde_json::from_value(old).unwrap();
    assert_eq!(old.kv, None);
}

#[test]
fn the_csv_has_a_row_per_point_and_the_columns_of_the_family() {
    let text = csv(&everything());
    let mut reader = csv_rows(&text);
    let header = reader.remove(0);
    assert_eq!(header.first().map(String::as_str), Some("run"));
    assert_eq!(header.last().map(String::as_str), Some("outcome"));
    assert!(!header.contains(&"captured_rows".to_owned()));
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    // Latency 2 + 2 + 1 + 1 + 1 + 1 + 1 points, most of them twice; the failed case 2 rows.
    let latency: Vec<_> = reader
        .iter()
        .filter(|row| row[at("benchmark")] == "latency")
        .collect();
    assert_eq!(latency.len(), 4 + 4 + 1 + 2 + 2 + 2 + 2 + 2);
    let failed: Vec<_> = reader
        .iter()
        .filter(|row| row[at("outcome")] == "worker-failed")
        .collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[1][at("T")], "128");
    assert_eq!(failed[1][at("time_total_ms_median")], "");
    let phase = reader
        .iter()
        .find(|row| row[at("benchmark")] == "phase")
        .unwrap();
    assert_eq!(phase[at("time_phase_decode_ms.total")], "283.5");
    assert_eq!(phase[at("model_config.n_head")], "12");
}

#[test]
fn every_flat_field_of_a_row_has_a_column() {
    let record = everything();
    let header = csv_rows(&csv(&record)).remove(0);
    // Lists, what is the same for all rows, and what a row tells in another column.
    let elsewhere = [
        "schema_version",
        "python_version",
        "samples",
        "probes",
        "model_config.kv_cache_quant",
        "model_config.cross_layer_sharing",
    ];
    for row in point_lines(&record) {
        for (key, value) in row.as_object().unwrap() {
            let names: Vec<String> = match value.as_object() {
                Some(nested) => nested
                    .keys()
                    .map(|inner| format!("{key}.{inner}"))
                    .collect(),
                None => vec![key.clone()],
            };
            for name in names {
                let has_place = header.contains(&name) || elsewhere.contains(&name.as_str());
                assert!(has_place, "the CSV lacks `{name}`");
            }
        }
    }
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| line.split(',').map(str::to_owned).collect();
    // Ids with commas are quoted; they are cut out, as no other field holds one.
    let plain = |line: &str| line.split('"').step_by(2).collect::<String>();
    text.lines().map(|line| row(&plain(line))).collect()
}
