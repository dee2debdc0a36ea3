//! What plots have around their data: the document, axes with grids, legends, text that fits.

use super::extent::{End, Ends};
use super::mark::{Look, circle, cross, interval_x, rect, segment};
use super::scale::{Scale, Tick};
use super::style::{CLASS, SHEET};
use super::svg::Element;
use super::unit::Unit;

/// Width of every plot in its own units. Small, so that its text can be read on a phone.
pub(super) const WIDTH: f64 = 560.0;
/// Room at the left and right edge.
pub(super) const MARGIN: f64 = 12.0;
/// Where the drawing begins, below the heading.
pub(super) const TOP: f64 = 36.0;

/// Width of a character as a part of the font size; sans-serif faces have about this on average.
const CHARACTER: f64 = 0.56;

/// The part of a plot in which data lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn x(&self, place: f64) -> f64 {
        self.left + place * self.width
    }

    pub(super) fn y(&self, place: f64) -> f64 {
        self.bottom() - place * self.height
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// A whole plot as one SVG document.
pub(super) fn document(
    id: &str,
    title: &str,
    description: &str,
    height: f64,
    body: impl IntoIterator<Item = Element>,
) -> String {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
    Element::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("class", CLASS)
        .with("viewBox", &format!("0 0 {WIDTH} {}", height.ceil()))
        .with("width", "100%")
        .with("role", "group")
        .with("aria-labelledby", &format!("{title_id} {description_id}"))
        .child(Element::new("title").with("id", &title_id).text(title))
        .child(
            Element::new("desc")
                .with("id", &description_id)
                .text(description),
        )
        .child(Element::new("style").verbatim(SHEET))
        .child(rect(0.0, 0.0, WIDTH, height.ceil()).with("class", "surface"))
        .child(label(MARGIN, 22.0, &shorten(title, 58), "heading"))
        .children(body)
        .finish()
}

/// A line of text whose left end, or what `classes` say, is at a place.
pub(super) fn label(x: f64, y: f64, text: &str, classes: &str) -> Element {
    Element::new("text")
        .at("x", x)
        .at("y", y)
        .with("class", classes)
        .text(text)
}

/// As [`label`], shortened in the middle to so many units of width, with the full text for a pointer that rests on it.
pub(super) fn fitted(x: f64, y: f64, text: &str, width: f64, classes: &str) -> Element {
    let short = shorten(text, (width / (FONT * CHARACTER)) as usize);
    let is_whole = short == text;
    let label = label(x, y, &short, classes);
    match is_whole {
        true => label,
        false => label.titled(text),
    }
}

/// As [`fitted`], with words behind it that are not shortened.
pub(super) fn fitted_with(x: f64, y: f64, text: &str, behind: &str, width: f64) -> Element {
    let short = shorten(
        text,
        ((width - text_width(behind)) / (FONT * CHARACTER)) as usize,
    );
    let shown = format!("{short}{behind}");
    // Where the words behind it leave no room, they are shortened too.
    let shown = shorten(&shown, (width / (FONT * CHARACTER)) as usize);
    let whole = format!("{text}{behind}");
    let label = label(x, y, &shown, "");
    match shown == whole {
        true => label,
        false => label.titled(&whole),
    }
}

/// Size of most text.
const FONT: f64 = 14.0;

/// About how wide a text is in units of a plot.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * FONT * CHARACTER
}

/// The beginning and the end of a text that is too long, with `…` between them.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1).max(2);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let beginning: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{beginning}…{end}")
}

/// Vertical grid lines with their labels below, and the title of the axis below those.
pub(super) fn x_axis(area: &Area, scale: &Scale, unit: Unit, title: &str) -> Element {
    let (ticks, name) = scale.ticks(6, unit);
    x_axis_at(area, scale, &ticks, &with_unit(title, name))
}

/// As [`x_axis`] with ticks of the caller's; labels that would touch the one before are left out.
pub(super) fn x_axis_at(area: &Area, scale: &Scale, ticks: &[Tick], title: &str) -> Element {
    let mut axis = Element::new("g");
    let mut free = f64::NEG_INFINITY;
    for tick in ticks {
        let Some(place) = scale.place(tick.value) else {
            continue;
        };
        let x = area.x(place);
        axis.add(segment(x, area.top, x, area.bottom()).with("class", "grid"));
        let half = text_width(&tick.label) / 2.0;
        if x - half > free {
            axis.add(label(x, area.bottom() + 17.0, &tick.label, "soft num mid"));
            free = x + half + 4.0;
        }
    }
    let (left, right) = (area.left, area.right());
    axis.add(segment(left, area.bottom(), right, area.bottom()).with("class", "axis"));
    axis.add(label(right, area.bottom() + 36.0, title, "soft end"));
    axis
}

/// Height that the labels and the title of an x axis take.
pub(super) const X_AXIS: f64 = 44.0;

/// Horizontal grid lines with their labels at the left, and the title of the axis above them.
pub(super) fn y_axis(area: &Area, scale: &Scale, unit: Unit, title: &str) -> Element {
    let (ticks, name) = scale.ticks(5, unit);
    let mut axis = Element::new("g");
    for tick in &ticks {
        let Some(place) = scale.place(tick.value) else {
            continue;
        };
        let y = area.y(place);
        axis.add(segment(area.left, y, area.right(), y).with("class", "grid"));
        axis.add(label(area.left - 6.0, y + 4.5, &tick.label, "soft num end"));
    }
    if !title.is_empty() {
        let title = with_unit(title, name);
        axis.add(label(MARGIN, area.top - 10.0, &title, "soft"));
    }
    axis
}

fn with_unit(title: &str, name: &str) -> String {
    match name.is_empty() {
        true => title.to_owned(),
        false => format!("{title} ({name})"),
    }
}

/// One entry of a legend: what is drawn at `(x, y)`, and what it means.
pub(super) struct Entry {
    pub(super) swatch: Swatch,
    pub(super) text: String,
}

/// What a legend shows beside a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Swatch {
    /// A mark and its line.
    Series(Look),
    /// A mark alone.
    Mark(Look),
    /// A filled block with these classes.
    Block(&'static str),
    /// A small raw point.
    Raw,
    /// An interval.
    Interval,
    /// A shape with this class alone.
    Box(&'static str),
    /// A thin line.
    Thin,
    /// What went wrong.
    Cross,
}

const ROW: f64 = 20.0;

/// A legend that wraps, and the height that it takes.
pub(super) fn legend(top: f64, entries: &[Entry]) -> (Element, f64) {
    let mut group = Element::new("g");
    let (mut x, mut y) = (MARGIN, top + 10.0);
    for entry in entries {
        let text = shorten(&entry.text, 60);
        let width = 34.0 + text_width(&text);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + ROW);
        }
        for part in swatch(entry.swatch, x, y) {
            group.add(part);
        }
        group.add(label(x + 30.0, y + 4.5, &text, "soft"));
        x += width + 8.0;
    }
    let height = if entries.is_empty() {
        0.0
    } else {
        y + ROW / 2.0 + 4.0 - top
    };
    (group, height)
}

fn swatch(swatch: Swatch, x: f64, y: f64) -> Vec<Element> {
    let middle = x + 12.0;
    match swatch {
        Swatch::Series(look) => vec![
            look.line(&[(x, y), (x + 24.0, y)]),
            look.swatch(middle, y, 4.5),
        ],
        Swatch::Mark(look) => vec![look.swatch(middle, y, 5.0)],
        Swatch::Block(class) => {
            vec![rect(x + 2.0, y - 6.0, 20.0, 12.0).with("class", &format!("block {class}"))]
        }
        Swatch::Raw => vec![circle(middle, y, 2.5).with("class", "s1 raw")],
        Swatch::Interval => {
            vec![interval(x, y).with("class", "bar strong")]
        }
        Swatch::Box(class) => {
            vec![rect(x + 2.0, y - 5.0, 20.0, 10.0).with("class", class)]
        }
        Swatch::Thin => {
            vec![segment(x, y, x + 24.0, y).with("class", "thin quiet")]
        }
        Swatch::Cross => vec![cross(middle, y, 4.5).with("class", "failed")],
    }
}

fn interval(x: f64, y: f64) -> Element {
    let area = Area {
        left: x,
        top: y,
        width: 24.0,
        height: 0.0,
    };
    let ends = Ends {
        low: End::At(0.0),
        high: End::At(1.0),
    };
    interval_x(&area, ends, y, 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_in_the_middle() {
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("capture.all-layers.b32", 11), "captu…s.b32");
        assert_eq!(shorten("äöüß", 3), "ä…ß");
        assert_eq!(shorten("", 0), "");
    }

    #[test]
    fn a_legend_wraps() {
        let entries: Vec<Entry> = (0..9)
            .map(|i| Entry {
                swatch: Swatch::Mark(Look::of(i)),
                text: "a series".to_owned(),
            })
            .collect();
        let (_, one) = legend(0.0, &entries[..1]);
        let (_, many) = legend(0.0, &entries);
        assert!(many > one);
        assert_eq!(legend(0.0, &[]).1, 0.0);
    }
}
