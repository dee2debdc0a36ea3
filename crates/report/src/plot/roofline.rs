//! Prefill and decode under the roof that bandwidth and matrix rate make.

use anechoic_protocol::Version;
use anechoic_stats::median;

use super::frame::{
    Area, Entry, MARGIN, Swatch, TOP, WIDTH, X_AXIS, document, label, legend, x_axis, y_axis,
};
use super::mark::{Look, polyline};
use super::scale::{Scale, significant_short};
use super::series::look;
use super::svg::Element;
use super::unit::Unit;
use super::{Plot, numbered};
use crate::render::setting_words;
use crate::units::{share, significant};
use crate::{EfficiencyLine, KvSummary, RooflineLine, Setting};

/// One part of generation of one version at one T.
struct Spot<'a> {
    line: &'a RooflineLine,
    part: &'static str,
    look: Look,
    efficiency: &'a EfficiencyLine,
    flops_per_s: f64,
}

pub(super) fn plots(kv: &KvSummary) -> Vec<Plot> {
    let mut settings: Vec<&Setting> = Vec::new();
    for line in &kv.roofline {
        if !settings
            .iter()
            .any(|setting| setting.is_alike(&line.point.setting))
        {
            settings.push(&line.point.setting);
        }
    }
    let each = (1..).zip(settings);
    each.filter_map(|(number, setting)| plot(kv, setting, number))
        .collect()
}

fn plot(kv: &KvSummary, setting: &Setting, number: usize) -> Option<Plot> {
    let of_setting = |line: &&RooflineLine| line.point.setting.is_alike(setting);
    let lines: Vec<&RooflineLine> = kv.roofline.iter().filter(of_setting).collect();
    let spots: Vec<Spot<'_>> = lines.iter().flat_map(|line| spots(line)).collect();
    let middle = |of: fn(&RooflineLine) -> f64| {
        median(&lines.iter().map(|line| of(line)).collect::<Vec<_>>())
    };
    let bytes_per_s = middle(|line| line.ceilings.bytes_per_s)?;
    let flops_per_s = middle(|line| line.ceilings.flops_per_s)?;
    let ridge = flops_per_s / bytes_per_s;
    let intensities = || {
        spots
            .iter()
            .map(|spot| spot.efficiency.arithmetic_intensity)
    };
    let x = Scale::log_around(intensities().chain([ridge / 3.0, ridge * 3.0]))?;
    let roof_low = flops_per_s.min(x.low() * bytes_per_s);
    let reached = spots.iter().map(|spot| spot.flops_per_s);
    let y = Scale::log_around(reached.chain([flops_per_s, roof_low]))?;
    let (legend, height) = legend(TOP, &entries(&spots));
    let area = Area {
        left: 56.0,
        top: TOP + height + 26.0,
        width: WIDTH - 56.0 - MARGIN - 6.0,
        height: 300.0,
    };
    let mut body = vec![
        legend,
        y_axis(&area, &y, Unit::FlopsPerSecond, "operations per second"),
        x_axis(&area, &x, Unit::Plain, "operations per byte"),
    ];
    body.extend(roof(&area, (&x, &y), bytes_per_s, flops_per_s));
    body.extend(spots.iter().filter_map(|spot| spot.mark(&area, &x, &y)));
    let caption = caption(setting, &lines, bytes_per_s, flops_per_s);
    let (id, title) = (
        numbered("roofline", number),
        "Generation under the roofline".to_owned(),
    );
    let svg = document(&id, &title, &caption, area.bottom() + X_AXIS, body);
    (!spots.is_empty()).then_some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn spots(line: &RooflineLine) -> Vec<Spot<'_>> {
    let parts = [("prefill", &line.prefill), ("decode", &line.decode)];
    parts
        .into_iter()
        .filter_map(|(part, efficiency)| {
            let efficiency = efficiency.as_ref()?;
            let flops_per_s = efficiency.flops_per_s?.estimate.mean;
            let own = look(line.point.version);
            let look = match part {
                "prefill" => own.hollow(),
                _ => own,
            };
            let is_seen = flops_per_s > 0.0 && efficiency.arithmetic_intensity > 0.0;
            is_seen.then_some(Spot {
                line,
                part,
                look,
                efficiency,
                flops_per_s,
            })
        })
        .collect()
}

fn entries(spots: &[Spot<'_>]) -> Vec<Entry> {
    let mut seen: Vec<(Version, &str)> = Vec::new();
    let mut entries = Vec::new();
    for spot in spots {
        let key = (spot.line.point.version, spot.part);
        if !seen.contains(&key) {
            seen.push(key);
            entries.push(Entry {
                swatch: Swatch::Mark(spot.look),
                text: format!("{} {}", key.0.as_str(), key.1),
            });
        }
    }
    entries
}

/// The roof, and what its two parts are.
fn roof(area: &Area, (x, y): (&Scale, &Scale), bytes_per_s: f64, flops_per_s: f64) -> Vec<Element> {
    let at = |intensity: f64| {
        let height = (intensity * bytes_per_s).min(flops_per_s);
        Some((area.x(x.place(intensity)?), area.y(y.place(height)?)))
    };
    let ridge = flops_per_s / bytes_per_s;
    let corners: Vec<(f64, f64)> = [x.low(), ridge, x.high()]
        .into_iter()
        .filter_map(at)
        .collect();
    let line = polyline(&corners).with("class", "line strong");
    let mut parts = vec![line.titled(&format!(
        "roof, ridge at {} operations per byte",
        significant(ridge, 3)
    ))];
    if let (Some(low), Some(top)) = (corners.first(), corners.last()) {
        let rate = format!("{} GFLOP/s", significant(flops_per_s / 1e9, 3));
        parts.push(label(top.0 - 4.0, top.1 - 7.0, &rate, "soft over end"));
        let bandwidth = format!("{} GB/s", significant(bytes_per_s / 1e9, 3));
        // Below the slope, a third of the way up.
        let ridge = corners.get(1).unwrap_or(top);
        let (x, y) = (
            low.0 + (ridge.0 - low.0) / 3.0,
            low.1 + (ridge.1 - low.1) / 3.0,
        );
        parts.push(label(x + 10.0, y + 14.0, &bandwidth, "soft over"));
    }
    parts
}

impl Spot<'_> {
    fn mark(&self, area: &Area, x: &Scale, y: &Scale) -> Option<Element> {
        let efficiency = self.efficiency;
        let across = x.place(efficiency.arithmetic_intensity)?;
        let up = y.place(self.flops_per_s)?;
        let point = &self.line.point;
        let fraction = efficiency.fraction_of_ceiling.map(|f| f.estimate.mean);
        let fraction = fraction
            .filter(|f| f.is_finite())
            .map(|f| format!(", {} of the roof", share(f)));
        let title = format!(
            "{} {}, T = {}: {} GFLOP/s at {} operations per byte{}",
            point.version.as_str(),
            self.part,
            point.tokens,
            significant(self.flops_per_s / 1e9, 3),
            significant_short(efficiency.arithmetic_intensity),
            fraction.unwrap_or_default()
        );
        let mark = self.look.mark(area.x(across), area.y(up), 5.0);
        let mark = mark
            .with("data-case", &point.case)
            .with("data-value", &title);
        Some(mark.titled(&title))
    }
}

fn caption(
    setting: &Setting,
    lines: &[&RooflineLine],
    bytes_per_s: f64,
    flops_per_s: f64,
) -> String {
    let processes: usize = lines.iter().map(|line| line.point.processes).sum();
    format!(
        "Counted operations per second against counted operations per byte, both axes logarithmic: filled marks are decode, \
         hollow ones prefill, means over {processes} processes in all. The roof is the median of the ceilings that each process \
         measured beside its generation: {} GB/s and {} GFLOP/s. {}.",
        significant(bytes_per_s / 1e9, 3),
        significant(flops_per_s / 1e9, 3),
        setting_words(setting)
    )
}
