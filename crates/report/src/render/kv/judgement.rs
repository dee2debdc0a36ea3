//! Quality, and speed and memory beside it. A version without quality has no number in the table of all three.

use std::collections::BTreeSet;

use anechoic_protocol::{AttentionPath, Version};

use super::{Frame, caption, version};
use crate::render::cell::{self, Cell};
use crate::render::section::{Item, Part, Section};
use crate::{KvSummary, QualityLine, Standing, TradeOffLine, units};

const TRADE_OFF: &str = "\
Against v1 under the same setting and T: decode time per step (prefill left out) with a 95 % interval over processes, and
cache bytes. Quality is that of the model named in the last column; speed without it is not shown.";

const QUALITY: &str = "\
Perplexity (PPL) through the cache and, beside it, of one pass per window without one.
KLD: Kullback-Leibler divergence from v1's next-token distribution, in nats.
First difference: the earliest token at which a greedy continuation differs from v1's, and how many of them do.";

pub(super) fn trade_off(kv: &KvSummary) -> Option<Section> {
    let frame = Frame {
        title: "KV cache: speed, memory and quality",
        note: TRADE_OFF,
        header: &[
            "version",
            "T",
            "decode per step, × v1",
            "cache bytes, × v1",
            "PPL against v1",
            "mean KLD, nats",
            "quality measured on",
        ],
    };
    let row = |line: &TradeOffLine| {
        let tokens = cell::keyed(line.tokens.to_string(), f64::from(line.tokens));
        let mut row = vec![version(line.version), tokens];
        row.extend(standing(line)?);
        Some(row)
    };
    let rows = |line: &TradeOffLine| row(line).into_iter().collect();
    let title = |line: &TradeOffLine| caption(&line.setting);
    let judged: Vec<_> = (kv.trade_off.iter())
        .filter(|line| standing(line).is_some())
        .cloned()
        .collect();
    let mut parts = frame.tables(&judged, title, rows);
    let note = if parts.is_empty() { "" } else { TRADE_OFF };
    parts.push(Part::List(
        lacking(kv).into_iter().chain(hint(kv)).collect(),
    ));
    Section::of(frame.title, note, parts)
}

/// One line per setting for versions that have no numbers here, in place of rows without any.
fn lacking(kv: &KvSummary) -> Vec<Item> {
    let mut items = Vec::new();
    let alike = |a: &TradeOffLine, b: &TradeOffLine| a.setting == b.setting;
    for lines in kv.trade_off.chunk_by(alike) {
        let names = |wanted: fn(&Standing) -> bool| {
            let lines = lines.iter().filter(|line| wanted(&line.standing));
            let names: Vec<_> = lines.map(|line| line.version.as_str()).collect();
            names.join(", ")
        };
        let of = caption(&lines[0].setting);
        let unjudged = names(|standing| matches!(standing, Standing::QualityMissing));
        if !unjudged.is_empty() {
            let line = format!("{of}: quality of {unjudged} was not measured in this run");
            items.push(Item::from(line));
        }
        let alone = names(|standing| matches!(standing, Standing::ReferenceMissing));
        if !alone.is_empty() {
            let line = format!("{of}: v1 was not measured in this run beside {alone}");
            items.push(Item::from(line));
        }
    }
    items
}

/// How to have in one run what lines lack: quality and speed are joined within a run, never across runs.
fn hint(kv: &KvSummary) -> Option<Item> {
    let is_lacking = |line: &&TradeOffLine| match &line.standing {
        Standing::Judged { .. } => false,
        Standing::QualityMissing | Standing::ReferenceMissing => true,
    };
    let lacking = kv.trade_off.iter().filter(is_lacking);
    let mut versions: BTreeSet<Version> = lacking.map(|line| line.version).collect();
    if versions.is_empty() {
        return None;
    }
    versions.insert(Version::V1);
    let names: Vec<&str> = versions.into_iter().map(Version::as_str).collect();
    let versions = names.join(" ");
    let command = format!("anechoic kv latency perplexity --version {versions}");
    let text =
        "Speed and quality of these versions in one run, with the other options of this one: ";
    Some(Item {
        text: text.to_owned(),
        code: Some(command),
    })
}

/// The numbers of a version, where it has any.
fn standing(line: &TradeOffLine) -> Option<Vec<Cell>> {
    match &line.standing {
        Standing::Judged {
            per_step,
            cache,
            model,
            dtype,
            attention,
            text,
            degradation,
            kld_mean,
        } => Some(vec![
            cell::times(per_step.as_ref()),
            cell::optional(*cache, 3, " ×"),
            cell::signed_percent(*degradation),
            cell::nats(*kld_mean),
            format!(
                "{model}, {}{}, {text} text",
                dtype.as_str(),
                other_path(*attention)
            )
            .into(),
        ]),
        Standing::QualityMissing | Standing::ReferenceMissing => None,
    }
}

fn other_path(attention: AttentionPath) -> String {
    match attention {
        AttentionPath::Best => String::new(),
        AttentionPath::Stock | AttentionPath::Dequantise => {
            format!(", attention {}", attention.as_str())
        }
    }
}

pub(super) fn quality(kv: &KvSummary) -> Option<Section> {
    let frame = Frame {
        title: "KV cache: quality",
        note: QUALITY,
        header: &[
            "version",
            "PPL",
            "against v1",
            "without cache",
            "KLD mean",
            "KLD 99 %",
            "KLD max",
            "same top token",
            "first difference",
        ],
    };
    let row = |line: &QualityLine| {
        let quality = &line.quality;
        let differing = format!("{} of {}", quality.diverged, quality.continuations);
        let first = match quality.first_divergence {
            Some(token) => format!("token {token} ({differing})"),
            None if quality.continuations == 0 => units::NONE.to_owned(),
            None => format!("none ({differing})"),
        };
        vec![vec![
            version(line.version),
            cell::significant(quality.perplexity, 5),
            cell::signed_percent(quality.degradation),
            cell::significant(quality.teacher_forced_perplexity, 5),
            cell::nats(quality.divergence.mean),
            cell::nats(quality.divergence.p99),
            cell::nats(quality.divergence.max),
            cell::keyed(
                format!("{} %", units::significant(quality.same_top * 100.0, 4)),
                quality.same_top,
            ),
            cell::keyed(first, quality.first_divergence.map(f64::from)),
        ]]
    };
    let mut parts = frame.tables(&kv.quality, quality_caption, row);
    parts.push(Part::List(disagreements(kv)));
    Section::of(frame.title, frame.note, parts)
}

/// The setting, the text, and what no model can be better than on it.
fn quality_caption(line: &QualityLine) -> String {
    let quality = &line.quality;
    let mut text = format!(
        "{}; {} text, {} windows of {}, fed by {}",
        caption(&line.setting),
        line.text,
        quality.windows,
        line.window,
        line.chunk
    );
    if let Some(bound) = quality.entropy_bound_perplexity {
        text += &format!(
            "; PPL of the source's entropy rate {}",
            units::significant(bound, 5)
        );
    }
    if let Some(source) = quality.source_perplexity {
        text += &format!(
            ", of the source on this text {}",
            units::significant(source, 5)
        );
    }
    text
}

/// The same text scored by the same code gives the same loss; where it did not, that is said.
fn disagreements(kv: &KvSummary) -> Vec<Item> {
    let lines = kv.quality.iter().filter(|line| line.loss_range > 0.0);
    let items = lines.map(|line| {
        let range = units::significant(line.loss_range, 2);
        Item::from(format!(
            "{}: mean losses of {} processes lie {range} nats apart; the first is shown",
            line.case, line.processes
        ))
    });
    items.collect()
}
