//! Findings of the KV-cache benchmarks. No version's speed is told without its quality.

use anechoic_protocol::Version;
use maud::{Markup, html};

use super::{Finding, SENTENCES, Tone, ends};
use crate::page::plain::plain;
use crate::render::{caption, crossover, quality as quality_words};
use crate::{KvSummary, LatencyLine, MemoryLine, QualityLine, Setting, Standing, units};

pub(super) fn findings(kv: &KvSummary) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(
        kv.latency
            .chunk_by(same_setting)
            .filter_map(speed)
            .take(SENTENCES),
    );
    found.extend(trade_offs(kv));
    let crossovers = kv.crossovers.iter().take(SENTENCES);
    found.extend(crossovers.map(|line| {
        let text = format!("With {}: {}.", caption(&line.setting), crossover(line));
        Finding::words(Tone::Result, &text)
    }));
    found.extend(quality(kv));
    found.extend(memory(kv));
    found
}

fn same_setting(a: &LatencyLine, b: &LatencyLine) -> bool {
    a.point.setting == b.point.setting
}

/// The fastest and the slowest version at the largest T at which several were measured.
fn speed(lines: &[LatencyLine]) -> Option<Finding> {
    let mut tokens: Vec<u32> = lines.iter().map(|line| line.point.tokens).collect();
    tokens.sort_unstable_by(|a, b| b.cmp(a));
    let at = |tokens: u32| lines.iter().filter(move |line| line.point.tokens == tokens);
    let seconds = |line: &&LatencyLine| line.total_s.map_or(f64::NAN, |f| f.estimate.mean);
    let (fastest, slowest) = tokens.into_iter().find_map(|t| ends(at(t), seconds))?;
    let text = html! {
        (plain(&caption(&fastest.point.setting))) ", T = " (fastest.point.tokens) ": "
        (version(fastest)) " is the fastest of the versions, " (version(slowest)) " the slowest."
    };
    Some(Finding::new(Tone::Result, text))
}

fn version(line: &LatencyLine) -> Markup {
    let quality = quality_words(&line.quality, &line.point.setting);
    html! {
        strong { (line.point.version.as_str()) } " (" (units::time(line.per_token_s.as_ref()))
        " per token; quality: " (plain(&quality)) ")"
    }
}

/// Versions that have speed, memory and quality in this run.
fn trade_offs(kv: &KvSummary) -> Vec<Finding> {
    let others = kv
        .trade_off
        .iter()
        .filter(|line| line.version != Version::V1);
    let judged = others.filter_map(|line| match &line.standing {
        Standing::Judged {
            per_step,
            cache,
            model,
            degradation,
            ..
        } => {
            let told = per_step.as_ref().and_then(|r| r.interval);
            let doubt = match told {
                Some(interval) if interval.covers(0.0) => " (not to be told from v1's)",
                Some(_) => "",
                None => " (no interval)",
            };
            let cache = cache.map(|cache| format!(", {} the cache bytes", units::optional(Some(cache), 3, " ×")));
            let text = html! {
                strong { (line.version.as_str()) } " against v1 (" (plain(&caption(&line.setting))) ", T = "
                (line.tokens) "): a decode step takes " (units::times(per_step.as_ref())) " as long" (doubt)
                (cache.unwrap_or_default()) ", and perplexity is " (units::signed_percent(*degradation))
                " on " (plain(model)) "."
            };
            Some(Finding::new(Tone::Result, text))
        }
        Standing::QualityMissing | Standing::ReferenceMissing => None,
    });
    judged.take(SENTENCES).collect()
}

/// One sentence per model and text that quality was measured on.
fn quality(kv: &KvSummary) -> Vec<Finding> {
    let same = |a: &QualityLine, b: &QualityLine| (&a.setting, &a.text) == (&b.setting, &b.text);
    let sentence = |lines: &[QualityLine]| {
        let others = lines.iter().filter(|line| line.version != Version::V1);
        let words: Vec<String> = others
            .map(|line| {
                let percent = units::signed_percent(line.quality.degradation);
                format!("{} {percent}", line.version.as_str())
            })
            .collect();
        let first = &lines[0];
        let model = first.setting.model.name();
        let text = format!(
            "Perplexity against v1's on {model} ({}, {} text): {}.",
            first.setting.dtype.as_str(),
            first.text,
            words.join(", ")
        );
        (!words.is_empty()).then(|| Finding::words(Tone::Result, &text))
    };
    kv.quality
        .chunk_by(same)
        .filter_map(sentence)
        .take(SENTENCES)
        .collect()
}

/// How many times smaller the versions' caches are, where that was measured as memory.
fn memory(kv: &KvSummary) -> Vec<Finding> {
    let setting = |line: &MemoryLine| line.point.setting.clone();
    let lines = kv.memory.chunk_by(|a, b| setting(a) == setting(b));
    lines.filter_map(smaller).take(SENTENCES).collect()
}

fn smaller(lines: &[MemoryLine]) -> Option<Finding> {
    let compared =
        |line: &&MemoryLine| line.point.version != Version::V1 && line.times_below_v1.is_some();
    let tokens = lines
        .iter()
        .filter(compared)
        .map(|line| line.point.tokens)
        .max()?;
    let at = lines
        .iter()
        .filter(compared)
        .filter(|line| line.point.tokens == tokens);
    let words: Vec<String> = at
        .map(|line| {
            let times = units::optional(line.times_below_v1, 3, " ×");
            format!("{} {times}", line.point.version.as_str())
        })
        .collect();
    let setting: &Setting = &lines[0].point.setting;
    let text = format!(
        "Caches are smaller than v1's ({}, T = {tokens}): {}.",
        caption(setting),
        words.join(", ")
    );
    Some(Finding::words(Tone::Result, &text))
}
