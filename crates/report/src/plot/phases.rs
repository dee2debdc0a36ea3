//! Where the time goes: stacked bars of the model's parts, one per version and T.

use super::Plot;
use super::frame::{
    Area, Entry, MARGIN, Swatch, TOP, WIDTH, X_AXIS, document, fitted, label, legend, text_width,
    x_axis,
};
use super::mark::rect;
use super::scale::Scale;
use super::series::quality_words;
use super::svg::Element;
use super::unit::Unit;
use crate::render::setting_words;
use crate::units::{self, count, duration};
use crate::{Figure, KvSummary, PhaseLine, PhaseMeans};

const ROW: f64 = 46.0;

/// Parts in the order in which they lie, with their colours.
const PARTS: [(&str, &str); 5] = [
    ("embedding", "s6"),
    ("attention", "s1"),
    ("mlp", "s5"),
    ("head", "s3"),
    ("other", "s7"),
];

/// Beyond this ratio of the longest to the shortest bar, bars show shares.
const WIDE: f64 = 20.0;

/// What the length of a bar is.
#[derive(Clone, Copy, PartialEq)]
enum Length {
    Time,
    Share,
}

fn means(means: &PhaseMeans) -> [f64; 5] {
    let mean = |figure: &Option<Figure>| figure.map_or(0.0, |figure| figure.estimate.mean);
    let parts = [
        &means.embedding_s,
        &means.attention_s,
        &means.mlp_s,
        &means.head_s,
        &means.other_s,
    ];
    parts.map(|figure| Some(mean(figure)).filter(|m| m.is_finite()).unwrap_or(0.0))
}

fn total(line: &PhaseLine) -> f64 {
    means(&line.both).iter().sum()
}

pub(super) fn plot(kv: &KvSummary) -> Option<Plot> {
    let lines: Vec<&PhaseLine> = kv.phases.iter().filter(|line| total(line) > 0.0).collect();
    let longest = lines.iter().map(|line| total(line)).fold(0.0, f64::max);
    let shortest = lines
        .iter()
        .map(|line| total(line))
        .fold(f64::INFINITY, f64::min);
    let length = match longest / shortest > WIDE {
        true => Length::Share,
        false => Length::Time,
    };
    let (scale, unit) = match length {
        Length::Time => (Scale::from_zero([longest])?, Unit::Seconds),
        Length::Share => (Scale::from_zero([1.0])?, Unit::Fraction),
    };
    let first = lines.first()?;
    let entry = |(text, class): (&str, _)| Entry {
        swatch: Swatch::Block(class),
        text: text.to_owned(),
    };
    let (legend, height) = legend(TOP, &PARTS.map(entry));
    let area = Area {
        left: MARGIN + 6.0,
        top: TOP + height,
        width: WIDTH - 2.0 * (MARGIN + 6.0),
        height: lines.len() as f64 * ROW,
    };
    let x_title = match length {
        Length::Time => "time to generate T tokens",
        Length::Share => "share of the time",
    };
    let mut body = vec![legend, x_axis(&area, &scale, unit, x_title)];
    let alike = lines
        .iter()
        .all(|line| line.point.setting == first.point.setting);
    for (index, line) in lines.iter().enumerate() {
        body.push(row(
            line,
            &area,
            area.top + index as f64 * ROW,
            &scale,
            length,
            alike,
        ));
    }
    let (id, title) = ("phases".to_owned(), "Where the time goes".to_owned());
    let caption = caption(&lines, length, alike);
    let svg = document(&id, &title, &caption, area.bottom() + X_AXIS, body);
    Some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn row(
    line: &PhaseLine,
    area: &Area,
    top: f64,
    scale: &Scale,
    length: Length,
    alike: bool,
) -> Element {
    let point = &line.point;
    let mut name = format!(
        "{}, T = {} · {}",
        point.version.as_str(),
        point.tokens,
        quality_words(&line.quality, point)
    );
    if !alike {
        name += &format!(" · {}", setting_words(&point.setting));
    }
    let total = total(line);
    let value = duration(total);
    let mut group = Element::new("g").with("data-case", &point.case);
    group.add(rect(0.0, top + 3.0, WIDTH, 18.0).with("class", "surface"));
    let room = area.width - text_width(&value) - 10.0;
    group.add(fitted(area.left, top + 17.0, &name, room, ""));
    group.add(label(area.right(), top + 17.0, &value, "soft num end"));
    let mut from = 0.0;
    for ((part, class), mean) in PARTS.into_iter().zip(means(&line.both)) {
        let size = match length {
            Length::Time => mean,
            Length::Share => mean / total,
        };
        let ends = (scale.place(from), scale.place(from + size));
        from += size;
        let (Some(low), Some(high)) = ends else {
            continue;
        };
        let (left, right) = (area.x(low), area.x(high));
        let share = format!("{:.0} %", mean / total * 100.0);
        let block =
            rect(left, top + 23.0, right - left, 18.0).with("class", &format!("pt block {class}"));
        let block = block.with("data-value", &duration(mean));
        group.add(block.titled(&format!(
            "{}: {part} {}, {share}",
            point.case,
            duration(mean)
        )));
        if right - left > text_width(&share) + 6.0 {
            group.add(label(
                (left + right) / 2.0,
                top + 37.0,
                &share,
                "over num mid",
            ));
        }
    }
    group
}

fn caption(lines: &[&PhaseLine], length: Length, alike: bool) -> String {
    let processes: usize = lines.iter().map(|line| line.point.processes).sum();
    let runs: usize = lines.iter().map(|line| line.point.runs).sum();
    let what = match length {
        Length::Time => "Mean time in each part of the model, prefill and decode together",
        Length::Share => {
            "Share of each part of the model in the mean time, prefill and decode together, since times lie far apart"
        }
    };
    let setting = match (alike, lines.first()) {
        (true, Some(line)) => format!(" {}.", setting_words(&line.point.setting)),
        (true | false, _) => String::new(),
    };
    format!(
        "{what} ({} in {}). Attention includes norm, projections and cache; reading the clock around \
         parts makes such runs slower than those of the latency benchmark.{setting}",
        count(runs, "run"),
        units::processes(processes)
    )
}
