//! The one place where SVG text is written: elements that are closed, attributes and text that are escaped, numbers that
//! are finite. Knows no plots.

use std::fmt::Write as _;

use crate::plain::plain;

/// An element under construction; [`Element::child`] nests.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: String::new(),
            content: String::new(),
        }
    }

    /// An attribute with text, from wherever it comes.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", escape(value));
        self
    }

    /// An attribute with a coordinate or size.
    pub(super) fn at(mut self, name: &str, value: f64) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", number(value));
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.content.push_str(&escape(text));
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.add(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        for child in children {
            self.add(child);
        }
        self
    }

    pub(super) fn add(&mut self, child: Self) {
        child.write(&mut self.content);
    }

    /// Adds what has a place.
    pub(super) fn add_some(&mut self, child: Option<Self>) {
        if let Some(child) = child {
            self.add(child);
        }
    }

    /// What a pointer that rests on the element, and a screen reader, are told.
    pub(super) fn titled(self, title: &str) -> Self {
        self.child(Self::new("title").text(title))
    }

    /// Content that is no text from outside and is markup already: style sheets of our own.
    pub(super) fn verbatim(mut self, content: &'static str) -> Self {
        self.content.push_str(content);
        self
    }

    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(self, into: &mut String) {
        let Self {
            name,
            attributes,
            content,
        } = self;
        let written = match content.is_empty() {
            true => write!(into, "<{name}{attributes}/>"),
            false => write!(into, "<{name}{attributes}>{content}</{name}>"),
        };
        written.expect("writing to a string succeeds");
    }
}

/// A coordinate with a hundredth of a unit, which is less than a pixel; 0 for what is no number.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        other => other.to_owned(),
    }
}

/// Text for elements and quoted attributes, cleaned as that of the page. What XML cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_escape() {
        let text = Element::new("g")
            .with("data-case", "a\"<b>'&")
            .at("x", 1.0 / 3.0)
            .child(Element::new("rect"))
            .titled("</title><script>\u{1b}[31m\u{202e}\u{ffff}")
            .finish();
        assert_eq!(
            text,
            "<g data-case=\"a&quot;&lt;b&gt;&#39;&amp;\" x=\"0.33\"><rect/>\
             <title>&lt;/title&gt;&lt;script&gt;\u{fffd}</title></g>"
        );
    }

    #[test]
    fn numbers_are_short_and_finite() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(-0.001, "0");
        check(12.345, "12.35");
        check(100.0, "100");
        check(f64::NAN, "0");
        check(f64::INFINITY, "0");
    }
}
