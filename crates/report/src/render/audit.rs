//! An audit for people: what was found in sentences first, then the tables.

use anechoic_stats::{Centre, Contrast};

use super::cell::{Cell, keyed};
use super::section::Section;
use crate::audit::LEAST;
use crate::{Audit, CarryOver, CarryOverVerdict, Cause, Neighbour, Stay, When, units};

/// The whole part of an audit.
pub(super) fn sections(audit: &Audit) -> Vec<Section> {
    let found = Section::list("What was found", "", headlines(audit));
    let sections = [found, carry_over(audit), memory(audit), cut(audit)];
    sections.into_iter().flatten().collect()
}

/// What was found, in sentences.
pub(crate) fn headlines(audit: &Audit) -> Vec<String> {
    let found = |wanted| {
        let all = audit.carry_over.iter();
        all.filter(move |it: &&CarryOver| it.verdict == wanted)
    };
    let mut lines: Vec<String> = found(CarryOverVerdict::Found).map(sentence).collect();
    if lines.is_empty() {
        lines.push(match audit.is_measured() {
            true => nothing_found(audit),
            false => "Nothing can be said: there are too few good attempts to compare.".to_owned(),
        });
    }
    lines.extend(audit.stays.iter().filter_map(leaves));
    let any_case = found(CarryOverVerdict::AnyCase).count();
    if any_case > 0 {
        let what = "cases begin with more resident memory where others ran before, whichever they were: \
                    a process that has worked before holds more, which is no carry-over in what is measured.";
        lines.push(format!("{any_case} {what}"));
    }
    if !audit.cut.is_empty() {
        lines.push(format!(
            "{} shared process(es) ended early; what was not made for it is listed below.",
            audit.cut.len()
        ));
    }
    lines
}

fn nothing_found(audit: &Audit) -> String {
    let overlooked = |bytes: bool| {
        let rows = audit.carry_over.iter().filter(|it| {
            it.verdict == CarryOverVerdict::NoneFound && it.metric.is_bytes() == bytes
        });
        let least = rows.filter_map(|it| it.pooled?.minimum_detectable);
        least
            .max_by(f64::total_cmp)
            .map(|it| units::share(it.max(LEAST)))
    };
    let parts = [
        (overlooked(true), "in memory"),
        (overlooked(false), "in other metrics"),
    ];
    let parts: Vec<String> = (parts.into_iter())
        .filter_map(|(share, of)| Some(format!("{} {of}", share?)))
        .collect();
    let tail = match parts.is_empty() {
        true => String::new(),
        false => format!(
            " Less than {} could have been overlooked.",
            parts.join(", and less than ")
        ),
    };
    format!(
        "No carry-over was found: no case is measured otherwise beside others than alone.{tail}"
    )
}

fn sentence(found: &CarryOver) -> String {
    let effect = found.pooled.map_or_else(String::new, |pooled| {
        format!(
            "{} ({})",
            units::signed_percent(pooled.effect),
            interval(&pooled)
        )
    });
    let what = format!(
        "{}{}: {} is {effect} beside others",
        found.case,
        found
            .tokens
            .map_or_else(String::new, |t| format!(" at T = {t}")),
        found.metric
    );
    match &found.cause {
        Some(Cause::Neighbour(neighbour)) => format!("{what}. {}", blame(neighbour)),
        Some(Cause::Position { effect, .. }) => format!(
            "{what}. Any case before it does that: {} ({}) where it is not the first of its process.",
            units::signed_percent(effect.effect),
            interval(effect)
        ),
        Some(Cause::Unclear { rivals, rounds }) => format!("{what}. {}", unclear(rivals, *rounds)),
        None => format!("{what}. No explanation could be tried."),
    }
}

fn blame(neighbour: &Neighbour) -> String {
    let Neighbour {
        case,
        when,
        effect,
        adjusted_p,
    } = neighbour;
    let when = match when {
        When::Before => "ran before",
        When::JustBefore => "ran just before",
    };
    format!(
        "{case} causes it: {} ({}, p {}) where it {when}.",
        units::signed_percent(effect.effect),
        interval(effect),
        p(*adjusted_p)
    )
}

fn unclear(rivals: &[String], rounds: Option<u32>) -> String {
    let rivals: Vec<String> = rivals.iter().map(|it| it.replace('`', "")).collect();
    let needed = match rounds {
        Some(rounds) => format!("about {rounds} rounds would tell"),
        None => "with two cases no number of rounds tells them apart; add a case".to_owned(),
    };
    match &rivals[..] {
        [one] => format!("The cause cannot be told, {one} comes closest; {needed}."),
        _ => format!(
            "The cause cannot be told: {} explain it equally well; {needed}.",
            rivals.join(", or ")
        ),
    }
}

/// Less than 1 MiB is not worth a sentence.
const WORTH_TELLING: f64 = (1 << 20) as f64;

fn leaves(stay: &Stay) -> Option<String> {
    let left = stay.as_later.as_ref()?;
    let is_sure = left.interval.is_some_and(|it| it.low > WORTH_TELLING);
    is_sure.then(|| {
        format!(
            "{} leaves {} of memory behind, in a process that others have worked in before it.",
            stay.case,
            centre(Some(left))
        )
    })
}

const CARRY_OVER: &str = "\
together / alone − 1, of processes' medians; p: of the strongest comparison of the row, neighbours included, adjusted for all of
them and all rows; detectable: found in four of five audits";

fn carry_over(audit: &Audit) -> Option<Section> {
    let header = [
        "case",
        "T",
        "metric",
        "listed",
        "shuffled",
        "together",
        "95 %",
        "p",
        "detectable",
        "verdict",
        "cause",
    ];
    let rows = audit.carry_over.iter().map(row).collect();
    Section::table("Together against alone", CARRY_OVER, &header, rows)
}

fn row(found: &CarryOver) -> Vec<Cell> {
    let percent = |contrast: Option<Contrast>| {
        let text = contrast.map_or_else(missing, |it| units::signed_percent(it.effect));
        keyed(text, contrast.map(|it| it.effect))
    };
    let pooled = found.pooled;
    let detectable = pooled.and_then(|it| it.minimum_detectable);
    vec![
        found.case.clone().into(),
        keyed(
            found.tokens.map_or_else(String::new, |t| t.to_string()),
            found.tokens.map(f64::from),
        ),
        found.metric.to_string().into(),
        percent(found.listed),
        percent(found.shuffled),
        percent(pooled),
        pooled.as_ref().map_or_else(missing, interval).into(),
        keyed(found.adjusted_p.map_or_else(missing, p), found.adjusted_p),
        keyed(detectable.map_or_else(missing, units::share), detectable),
        verdict(found.verdict).into(),
        found.cause.as_ref().map_or_else(String::new, cause).into(),
    ]
}

fn verdict(verdict: CarryOverVerdict) -> &'static str {
    match verdict {
        CarryOverVerdict::Found => "found",
        CarryOverVerdict::AnyCase => "any case",
        CarryOverVerdict::NoneFound => "none found",
        CarryOverVerdict::TooFew => "too few",
    }
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Neighbour(neighbour) => neighbour.case.clone(),
        Cause::Position { .. } => "any case".to_owned(),
        Cause::Unclear { .. } => "unclear".to_owned(),
    }
}

const MEMORY: &str = "\
left: resident memory after all that the case loaded was dropped, less that before it; as the first of its process, and later.
behind it: how much more later cases begin with where it ran before them than where it did not, whatever else ran before";

fn memory(audit: &Audit) -> Option<Section> {
    let is_known = |stay: &Stay| stay.as_first.is_some() || stay.as_later.is_some();
    if !audit.stays.iter().any(is_known) {
        return None;
    }
    let header = [
        "case",
        "left as first",
        "left as later",
        "behind it",
        "95 %",
    ];
    let left = |found: Option<&Centre>| keyed(centre(found), found.map(|it| it.value));
    let row = |stay: &Stay| {
        let behind = stay.behind.as_ref();
        vec![
            stay.case.clone().into(),
            left(stay.as_first.as_ref()),
            left(stay.as_later.as_ref()),
            keyed(
                behind.map_or_else(missing, |it| bytes(it.effect)),
                behind.map(|it| it.effect),
            ),
            behind.map_or_else(missing, span).into(),
        ]
    };
    let rows = audit.stays.iter().map(row).collect();
    Section::table("The memory that stays", MEMORY, &header, rows)
}

fn cut(audit: &Audit) -> Option<Section> {
    let line = |it: &crate::CutSession| {
        format!(
            "session {} ended in {}; not made: {}",
            it.session,
            it.during,
            it.not_made.join(", ")
        )
    };
    Section::list("Processes that ended early", "", audit.cut.iter().map(line))
}

fn missing() -> String {
    "–".to_owned()
}

fn interval(contrast: &Contrast) -> String {
    contrast.interval.map_or_else(missing, |it| {
        format!(
            "{} … {}",
            units::signed_percent(it.low),
            units::signed_percent(it.high)
        )
    })
}

fn span(contrast: &Contrast) -> String {
    contrast.interval.map_or_else(missing, |it| {
        format!("{} … {}", bytes(it.low), bytes(it.high))
    })
}

fn centre(centre: Option<&Centre>) -> String {
    centre.map_or_else(missing, |it| match it.interval {
        Some(interval) => format!(
            "{} ({} … {})",
            bytes(it.value),
            bytes(interval.low),
            bytes(interval.high)
        ),
        None => bytes(it.value),
    })
}

/// Bytes that may be fewer than none.
fn bytes(bytes: f64) -> String {
    let size = units::bytes(bytes.abs().round() as u64);
    match bytes < 0.0 {
        true => format!("−{size}"),
        false => size,
    }
}

fn p(p: f64) -> String {
    match p < 0.001 {
        true => "< 0.001".to_owned(),
        false => format!("{p:.3}"),
    }
}
