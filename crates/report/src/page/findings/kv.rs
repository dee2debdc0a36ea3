//! Findings of the KV-cache benchmarks. No version's speed is told without its quality.

use anechoic_protocol::Version;
use anechoic_record::Cell;
use maud::{Markup, html};

use super::{Apart, Finding, Tone, capped, ends};
use crate::plain::plain;
use crate::render::{caption, crossover, is_crossover_told, quality as quality_words};
use crate::{CrossoverLine, KvSummary, LatencyLine, MemoryLine, QualityLine, Standing, units};

pub(super) fn findings(kv: &KvSummary, cells: &[Cell]) -> Vec<Finding> {
    let settings = kv.latency.chunk_by(same_setting);
    let speeds = settings.filter_map(|lines| speed(lines, cells));
    let mut found = capped(speeds.collect(), "setting");
    found.extend(capped(trade_offs(kv), "version"));
    let crossovers = kv.crossovers.iter().map(|line| crosses(line, kv));
    found.extend(capped(crossovers.collect(), "crossover"));
    found.extend(capped(quality(kv), "model"));
    found.extend(capped(memory(kv), "setting"));
    found
}

fn crosses(line: &CrossoverLine, kv: &KvSummary) -> Finding {
    let text = format!("With {}: {}.", caption(&line.setting), crossover(line, kv));
    let tone = match is_crossover_told(line, kv) {
        true => Tone::Result,
        false => Tone::Doubt,
    };
    Finding::words(tone, &text)
}

fn same_setting(a: &LatencyLine, b: &LatencyLine) -> bool {
    a.point.setting == b.point.setting
}

/// The fastest and the slowest version at the largest T at which several were measured.
fn speed(lines: &[LatencyLine], cells: &[Cell]) -> Option<Finding> {
    let mut tokens: Vec<u32> = lines.iter().map(|line| line.point.tokens).collect();
    tokens.sort_unstable_by(|a, b| b.cmp(a));
    let at = |tokens: u32| lines.iter().filter(move |line| line.point.tokens == tokens);
    let seconds = |line: &&LatencyLine| line.total_s.map_or(f64::NAN, |f| f.estimate.mean);
    let (fastest, slowest) = tokens.into_iter().find_map(|t| ends(at(t), seconds))?;
    let point = |line: &'_ LatencyLine| (line.point.case.clone(), Some(line.point.tokens));
    let (a, b) = (point(fastest), point(slowest));
    let apart = Apart::of(cells, (&a.0, a.1), (&b.0, b.1));
    let where_ =
        html! { (plain(&caption(&fastest.point.setting))) ", T = " (fastest.point.tokens) ": " };
    let text = match apart {
        Apart::Told => html! {
            (where_) (version(fastest)) " is the fastest of the versions, " (version(slowest)) " the slowest."
        },
        Apart::Untold | Apart::Unknown => html! {
            (where_) (version(fastest)) " has the lowest mean of the versions, " (version(slowest)) " the highest; "
            (apart.doubt()) "."
        },
    };
    Some(Finding::new(apart.tone(), text))
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
    judged.collect()
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
    kv.quality.chunk_by(same).filter_map(sentence).collect()
}

/// How many times smaller the versions' caches are, where that was measured as memory.
fn memory(kv: &KvSummary) -> Vec<Finding> {
    let setting = |line: &MemoryLine| line.point.setting.clone();
    let lines = kv.memory.chunk_by(|a, b| setting(a) == setting(b));
    lines.flat_map(sizes).collect()
}

fn sizes(lines: &[MemoryLine]) -> Vec<Finding> {
    let compared =
        |line: &&MemoryLine| line.point.version != Version::V1 && line.times_below_v1.is_some();
    let tokens = lines.iter().filter(compared).map(|line| line.point.tokens);
    let Some(tokens) = tokens.max() else {
        return Vec::new();
    };
    let at = lines
        .iter()
        .filter(compared)
        .filter(|line| line.point.tokens == tokens);
    let is_smaller = |line: &&MemoryLine| line.times_below_v1.is_some_and(|times| times > 1.0);
    let (smaller, others): (Vec<&MemoryLine>, Vec<&MemoryLine>) = at.partition(is_smaller);
    let setting = format!("{}, T = {tokens}", caption(&lines[0].point.setting));
    let below = |line: &MemoryLine| units::optional(line.times_below_v1, 3, " ×");
    let above = |line: &MemoryLine| {
        let share = line.times_below_v1.map(f64::recip);
        format!("{} of its bytes", units::optional(share, 3, " ×"))
    };
    let sentences = [
        ("Caches are smaller than v1's", words(&smaller, below)),
        ("Caches are not smaller than v1's", words(&others, above)),
    ];
    let written = sentences.into_iter().filter(|(_, words)| !words.is_empty());
    written
        .map(|(what, words)| Finding::words(Tone::Result, &format!("{what} ({setting}): {words}.")))
        .collect()
}

fn words(lines: &[&MemoryLine], size: impl Fn(&MemoryLine) -> String) -> String {
    let each = lines.iter();
    let words: Vec<String> = each
        .map(|line| format!("{} {}", line.point.version.as_str(), size(line)))
        .collect();
    words.join(", ")
}
