//! Where time is shown: latency, the crossover, the prediction, paths of attention, phases.

use anechoic_protocol::Version;
use anechoic_stats::{Crossover, Ratio};

use super::{Frame, caption, caption_of_paths, count, name, note, quality_cell, tokens, version};
use crate::render::cell;
use crate::render::section::Section;
use crate::{
    CrossoverLine, KvSummary, LatencyLine, PathLine, PhaseLine, PhaseMeans, Prediction, units,
};

const SPREAD: &str = "\
n = processes × runs. Means over processes of each one's mean (the trust table takes medians) ± standard deviation between them;
of a single process between its runs, marked r, which says nothing about the next process.";

const LATENCY: &str = "\
Per token is total / T; T counts the token that prefill yields. × v1: against v1's at the same T, with a 95 % interval over
processes; decode, all tokens but the first, is where versions differ, and at T = 1 there is none.";

const QUALITY: &str = "\
Quality: perplexity against v1's as this run measured it, of this model or of the one named; exact: nothing is rounded or shared.";

const PATHS: &str = "\
The same version and work on several attention paths: decode time / (T − 1), and × best: decode time against the path `best`.
Quality is the version's, as for times.";

const PREDICTION: &str = "\
Predicted from counted bytes and operations: each forward call takes as long as its bytes at the measured
bandwidth or its operations at the measured matrix rate, whichever is longer.";

pub(super) fn latency(kv: &KvSummary) -> Option<Section> {
    let points = || kv.latency.iter().map(|line| &line.point);
    let text = format!("{SPREAD}\n{QUALITY}\n{LATENCY}");
    let frame = Frame {
        title: "KV cache: time to generate T tokens",
        note: &note(&text, points()),
        header: &[
            "version",
            "T",
            "n",
            "per token",
            "total",
            "prefill",
            "decode",
            "decode tok/s",
            "total × v1",
            "decode × v1",
            "quality",
        ],
    };
    let row = |line: &LatencyLine| {
        vec![vec![
            name(&line.point, points()),
            tokens(&line.point),
            count(&line.point),
            cell::time(line.per_token_s.as_ref()),
            cell::time(line.total_s.as_ref()),
            cell::time(line.prefill_s.as_ref()),
            cell::time(line.decode_s.as_ref()),
            cell::scaled(line.decode_tokens_per_s.as_ref(), 1.0),
            cell::times(line.against_v1.as_ref()),
            cell::times(line.decode_against_v1.as_ref()),
            quality_cell(&line.quality, &line.point.setting),
        ]]
    };
    let title = |line: &LatencyLine| caption(&line.point.setting);
    frame.section(&kv.latency, title, row)
}

pub(super) fn crossovers(kv: &KvSummary) -> Option<Section> {
    let lines = kv.crossovers.iter();
    let lines = lines.map(|line| format!("{}: {}", caption(&line.setting), crossover(line, kv)));
    Section::list(
        "KV cache: from which T on it pays (v1 against v0)",
        "",
        lines,
    )
}

/// From which T on v1 is faster than v0, with what may be chance called so.
pub(crate) fn crossover(line: &CrossoverLine, kv: &KvSummary) -> String {
    let tokens: Vec<String> = line.tokens.iter().map(u32::to_string).collect();
    let measured = tokens.join(", ");
    let is_told = is_crossover_told(line, kv);
    match line.crossover {
        Crossover::Everywhere if is_told => {
            format!("v1 is faster than v0 at every T measured ({measured})")
        }
        Crossover::Everywhere => format!(
            "v1 has the lower mean at every T measured ({measured}), not told from chance at each"
        ),
        Crossover::Never => {
            let largest = line.tokens.iter().max().copied().unwrap_or(0);
            format!("v1 was not faster than v0 at the largest T measured ({largest})")
        }
        Crossover::From { at, after, until } if is_told => format!(
            "v1 is faster than v0 from T ≈ {} on (interpolated between {after} and {until})",
            at.round()
        ),
        Crossover::From { at, after, until } => format!(
            "v1 is faster than v0 from about T = {} on (interpolated between {after} and {until}), not told from chance",
            at.round()
        ),
    }
}

/// Whether the order of v0 and v1 is told from chance where the crossover rests on it: at both sides of it, or at every T
/// where v1 is faster everywhere. That v1 was not faster is said of the measurement alone.
pub(crate) fn is_crossover_told(line: &CrossoverLine, kv: &KvSummary) -> bool {
    let is_told = |tokens: u32| {
        let is_v0 = |it: &&LatencyLine| {
            it.point.version == Version::V0
                && it.point.setting == line.setting
                && it.point.tokens == tokens
        };
        let v0 = kv.latency.iter().find(is_v0);
        let interval = v0.and_then(|v0| v0.against_v1?.interval);
        interval.is_some_and(|interval| !interval.covers(0.0))
    };
    match line.crossover {
        Crossover::Never => true,
        Crossover::Everywhere => line.tokens.iter().all(|tokens| is_told(*tokens)),
        Crossover::From { after, until, .. } => {
            let sides = [after, until];
            let is_side = |tokens: &&u32| sides.contains(&f64::from(**tokens));
            line.tokens
                .iter()
                .filter(is_side)
                .all(|tokens| is_told(*tokens))
        }
    }
}

pub(super) fn predictions(kv: &KvSummary) -> Option<Section> {
    let frame = Frame {
        title: "KV cache: v0 against v1, measured and predicted",
        note: PREDICTION,
        header: &[
            "T",
            "measured v0 / v1",
            "predicted v0 / v1",
            "predicted v0",
            "predicted v1",
            "GB/s",
            "GFLOP/s",
        ],
    };
    let row = |line: &Prediction| {
        let predicted = Ratio {
            value: line.predicted,
            interval: None,
        };
        vec![vec![
            cell::keyed(line.tokens.to_string(), f64::from(line.tokens)),
            cell::times(Some(&line.measured)),
            cell::times(Some(&predicted)),
            cell::duration(line.predicted_v0_s),
            cell::duration(line.predicted_v1_s),
            cell::significant(line.ceilings.bytes_per_s / 1e9, 3),
            cell::significant(line.ceilings.flops_per_s / 1e9, 3),
        ]]
    };
    frame.section(&kv.predictions, |line| caption(&line.setting), row)
}

pub(super) fn paths(kv: &KvSummary) -> Option<Section> {
    let frame = Frame {
        title: "KV cache: ways to read it",
        note: &note(PATHS, kv.paths.iter().map(|line| &line.point)),
        header: &[
            "version",
            "T",
            "path asked for",
            "path taken",
            "n",
            "decode per step",
            "× best",
            "quality",
        ],
    };
    let row = |line: &PathLine| {
        vec![vec![
            version(line.point.version),
            tokens(&line.point),
            line.point.setting.attention.as_str().into(),
            line.attention_path.as_deref().unwrap_or(units::NONE).into(),
            count(&line.point),
            cell::time(line.per_step_s.as_ref()),
            cell::times(line.against_best.as_ref()),
            quality_cell(&line.quality, &line.point.setting),
        ]]
    };
    let title = |line: &PathLine| caption_of_paths(&line.point.setting);
    frame.section(&kv.paths, title, row)
}

pub(super) fn phases(kv: &KvSummary) -> Option<Section> {
    let points = || kv.phases.iter().map(|line| &line.point);
    let text = format!("{SPREAD}\n{QUALITY}\nSpread is shown of totals.");
    let frame = Frame {
        title: "KV cache: where the time goes",
        note: &note(&text, points()),
        header: &[
            "version",
            "T",
            "part",
            "n",
            "embedding",
            "attention",
            "mlp",
            "head",
            "other",
            "total",
            "quality",
        ],
    };
    let rows = |line: &PhaseLine| {
        let parts = [
            ("prefill", &line.prefill),
            ("decode", &line.decode),
            ("both", &line.both),
        ];
        let row = |(part, means): (&str, &PhaseMeans)| {
            let mean = |figure: Option<crate::Figure>| {
                figure.map_or_else(|| units::NONE.into(), |f| cell::duration(f.estimate.mean))
            };
            vec![
                name(&line.point, points()),
                tokens(&line.point),
                part.into(),
                count(&line.point),
                mean(means.embedding_s),
                mean(means.attention_s),
                mean(means.mlp_s),
                mean(means.head_s),
                mean(means.other_s),
                cell::time(means.total_s.as_ref()),
                quality_cell(&line.quality, &line.point.setting),
            ]
        };
        parts.into_iter().map(row).collect()
    };
    frame.section(&kv.phases, |line| caption(&line.point.setting), rows)
}
