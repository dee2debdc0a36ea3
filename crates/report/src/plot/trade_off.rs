//! Speed, memory and quality in one picture. A version without its quality is named and not drawn.

use anechoic_protocol::Version;
use anechoic_stats::{Interval, Ratio};

use super::extent::{CUT, Ends, Floor, held};
use super::frame::{Area, MARGIN, TOP, WIDTH, X_AXIS, document, x_axis, y_axis};
use super::mark::{interval_x, segment};
use super::place::Labels;
use super::scale::Scale;
use super::series::look;
use super::svg::Element;
use super::unit::Unit;
use super::{Plot, numbered};
use crate::render::setting_words;
use crate::units::{percent, signed_percent, times};
use crate::{KvSummary, Setting, Standing, TradeOffLine};

/// One version with all three.
struct Judged {
    version: Version,
    tokens: u32,
    attention: &'static str,
    per_step: Ratio,
    cache: f64,
    /// By model: its name and how far perplexity is above v1's.
    degradations: Vec<(String, f64)>,
}

pub(super) fn plots(kv: &KvSummary) -> Vec<Plot> {
    let mut settings: Vec<&Setting> = Vec::new();
    for line in &kv.trade_off {
        if !settings
            .iter()
            .any(|setting| setting.is_alike(&line.setting))
        {
            settings.push(&line.setting);
        }
    }
    let each = (1..).zip(settings);
    each.filter_map(|(number, setting)| plot(kv, setting, number))
        .collect()
}

fn plot(kv: &KvSummary, setting: &Setting, number: usize) -> Option<Plot> {
    let lines: Vec<&TradeOffLine> = kv
        .trade_off
        .iter()
        .filter(|line| line.setting.is_alike(setting))
        .collect();
    let judged = judged(&lines);
    // v1 against itself alone says nothing.
    let others = judged.iter().any(|one| one.version != Version::V1);
    let factors: Vec<f64> = judged.iter().map(|one| one.per_step.value + 1.0).collect();
    let intervals: Vec<Interval> = judged
        .iter()
        .filter_map(|one| factor(&one.per_step))
        .collect();
    let largest = factors.iter().copied().fold(1.0, f64::max);
    // Room for labels at the right.
    let x_values = held(&factors, &intervals, Floor::Positive)
        .into_iter()
        .chain([1.0, largest * 1.08]);
    let x = match largest > 8.0 {
        true => Scale::log_around(x_values)?,
        false => Scale::around(x_values)?,
    };
    let y = Scale::from_zero(judged.iter().map(|one| one.cache).chain([1.15]))?;
    let area = Area {
        left: 56.0,
        top: TOP + 26.0,
        width: WIDTH - 56.0 - MARGIN - 6.0,
        height: 300.0,
    };
    let mut body = vec![
        y_axis(&area, &y, Unit::Times, "cache bytes, against v1"),
        x_axis(&area, &x, Unit::Times, "decode time per step, against v1"),
    ];
    body.extend(ones(&area, &x, &y));
    let is_cut = marks(&judged, &area, (&x, &y), &mut body);
    let mut caption = caption(setting, &judged, &lines);
    if is_cut {
        caption += CUT;
    }
    let id = numbered("speed-memory-quality", number);
    let title = "Speed, memory and quality against v1".to_owned();
    let svg = document(&id, &title, &caption, area.bottom() + X_AXIS, body);
    others.then_some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

/// What was judged, the lines of several quality models as one.
fn judged(lines: &[&TradeOffLine]) -> Vec<Judged> {
    let mut found: Vec<(&Setting, Judged)> = Vec::new();
    for line in lines {
        let Standing::Judged {
            per_step: Some(per_step),
            cache,
            model,
            degradation,
            ..
        } = &line.standing
        else {
            continue;
        };
        let is_own = |(setting, one): &&mut (&Setting, Judged)| {
            **setting == line.setting && one.version == line.version
        };
        let quality = (model.clone(), *degradation);
        match found.iter_mut().find(is_own) {
            Some((_, one)) => one.degradations.push(quality),
            None => {
                let judged = Judged {
                    version: line.version,
                    tokens: line.tokens,
                    attention: line.setting.attention.as_str(),
                    per_step: *per_step,
                    // A version without a cache holds none of v1's bytes.
                    cache: cache.unwrap_or(0.0),
                    degradations: vec![quality],
                };
                found.push((&line.setting, judged));
            }
        }
    }
    found.into_iter().map(|(_, judged)| judged).collect()
}

/// The interval of `a / b` from that of `a / b − 1`.
fn factor(ratio: &Ratio) -> Option<Interval> {
    ratio.interval.map(|interval| Interval {
        low: interval.low + 1.0,
        high: interval.high + 1.0,
    })
}

/// Where nothing differs from v1.
fn ones(area: &Area, x: &Scale, y: &Scale) -> Vec<Element> {
    let (across, up) = (x.place(1.0), y.place(1.0));
    let vertical = across.map(|place| {
        let x = area.x(place);
        segment(x, area.top, x, area.bottom())
    });
    let horizontal = up.map(|place| {
        let y = area.y(place);
        segment(area.left, y, area.right(), y)
    });
    let lines = vertical.into_iter().chain(horizontal);
    lines
        .map(|line| {
            line.with("class", "thin quiet")
                .with("stroke-dasharray", "4 3")
        })
        .collect()
}

/// Marks, intervals and labels; whether an interval is cut.
fn marks(
    judged: &[Judged],
    area: &Area,
    (x, y): (&Scale, &Scale),
    body: &mut Vec<Element>,
) -> bool {
    let mut labels = Labels::inside(*area);
    let mut is_cut = false;
    let mut drawn = Vec::new();
    for one in judged {
        let (Some(across), Some(up)) = (x.place(one.per_step.value + 1.0), y.place(one.cache))
        else {
            continue;
        };
        let at = (area.x(across), area.y(up));
        labels.keep(at.0, at.1, one.radius());
        if let Some(ends) = factor(&one.per_step).and_then(|i| Ends::of(&i, x)) {
            is_cut |= !ends.is_whole();
            labels.keep_line(area.x(ends.low.place()), area.x(ends.high.place()), at.1);
            let classes = format!("bar {}", look(one.version).class());
            body.push(interval_x(area, ends, at.1, 4.0).with("class", &classes));
        }
        drawn.push((one, at));
    }
    for (one, (x, y)) in drawn {
        let mark = look(one.version).mark(x, y, one.radius());
        let mark = mark
            .with("data-case", one.version.as_str())
            .with("data-value", &one.words());
        body.push(mark.titled(&one.words()));
        body.push(labels.beside(x, y, one.radius(), &one.label()));
    }
    is_cut
}

impl Judged {
    fn worst(&self) -> f64 {
        let finite = self
            .degradations
            .iter()
            .map(|(_, d)| *d)
            .filter(|d| d.is_finite());
        finite.fold(0.0, f64::max)
    }

    /// The area of a mark grows with the degradation, up to 10 %.
    fn radius(&self) -> f64 {
        5.5 + 9.0 * (self.worst().min(0.1) / 0.1).sqrt()
    }

    fn label(&self) -> String {
        let qualities: Vec<String> = self
            .degradations
            .iter()
            .map(|(_, d)| signed_percent(*d))
            .collect();
        match self.version {
            Version::V1 => "v1".to_owned(),
            other => format!("{} {}", other.as_str(), qualities.join(", ")),
        }
    }

    fn words(&self) -> String {
        let qualities: Vec<String> = self
            .degradations
            .iter()
            .map(|(model, d)| format!("perplexity {} on {model}", signed_percent(*d)))
            .collect();
        format!(
            "{}, T = {}, attention {}: decode time per step {} ({} against v1), cache {} of v1's, {}",
            self.version.as_str(),
            self.tokens,
            self.attention,
            times(Some(&self.per_step)),
            percent(Some(&self.per_step)),
            Unit::Times.exact(self.cache),
            qualities.join(", ")
        )
    }
}

fn caption(setting: &Setting, judged: &[Judged], lines: &[&TradeOffLine]) -> String {
    let mut text = format!(
        "Left is faster, below is smaller; the larger a mark and the figure beside it, the further perplexity is above v1's. Dashed \
         lines are where v1 is. Bars are 95 % intervals over processes. {}, at the largest T that v1 was measured at too.",
        setting_words(setting)
    );
    if judged.iter().any(|one| one.version == Version::V0) {
        text += " v0 has no cache.";
    }
    let without = |wanted: &Standing| {
        let found = lines
            .iter()
            .filter(|line| line.standing == *wanted && line.version != Version::V1);
        found.map(|line| line.version.as_str()).collect::<Vec<_>>()
    };
    let missing = without(&Standing::QualityMissing);
    if !missing.is_empty() {
        text += &format!(
            " Not shown, since the run has no quality of them: {}.",
            missing.join(", ")
        );
    }
    let alone = without(&Standing::ReferenceMissing);
    if !alone.is_empty() {
        text += &format!(
            " Not shown, since v1 was not measured beside them: {}.",
            alone.join(", ")
        );
    }
    text
}
