//! The suite file's text: turns byte ranges into lines, columns and marked excerpts.

use std::ops::Range;

use crate::error::{Invalid, SuiteError};
use crate::problem::{Origin, Problem};

/// A suite file's name and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    file: String,
    text: String,
}

/// Characters of a line that an excerpt shows at most.
const WIDEST: usize = 120;

/// A line of the text and what of it is meant; columns count characters from 1.
struct Excerpt<'a> {
    number: usize,
    line: &'a str,
    column: usize,
    width: usize,
}

impl Source {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The problem with its place in words.
    pub(crate) fn explain(&self, problem: Problem) -> SuiteError {
        let (place, excerpt) = match &problem.origin {
            // What is missing from the whole file has no line to show.
            Origin::Default => (format!("{}:1:1", self.file), None),
            Origin::Option(option) => (option.clone(), None),
            Origin::File(range) => self.show(range),
        };
        let Problem {
            message,
            case,
            accepted,
            ..
        } = problem;
        SuiteError::Invalid(Box::new(Invalid {
            place,
            message,
            excerpt,
            case,
            accepted,
        }))
    }

    fn show(&self, range: &Range<usize>) -> (String, Option<String>) {
        let excerpt = self.excerpt(range);
        let place = format!("{}:{}:{}", self.file, excerpt.number, excerpt.column);
        // A blank line shows nothing.
        let marked = (!excerpt.line.trim().is_empty()).then(|| excerpt.marked());
        (place, marked)
    }

    fn excerpt(&self, range: &Range<usize>) -> Excerpt<'_> {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let width = self.text[start..end.min(line_end)].chars().count();
        Excerpt {
            number: self.text[..start].matches('\n').count() + 1,
            line: self.text[line_start..line_end].trim_end_matches('\r'),
            column: self.text[line_start..start].chars().count() + 1,
            width: width.max(1),
        }
    }
}

impl Excerpt<'_> {
    fn marked(&self) -> String {
        let mark = self.column - 1;
        // A long line is shown from a little before the mark on.
        let fits = mark + self.width <= WIDEST;
        let cut = if fits {
            0
        } else {
            mark.saturating_sub(WIDEST / 4)
        };
        let (dots, blank_dots) = if cut == 0 { ("", "") } else { ("…", " ") };
        let part = || self.line.chars().skip(cut);
        let line: String = part().take(WIDEST).map(printable).collect();
        let pad: String = part()
            .take(mark - cut)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let gutter = self.number.to_string();
        let (blank, marks) = (
            " ".repeat(gutter.len()),
            "^".repeat(self.width.min(WIDEST - (mark - cut))),
        );
        format!("   {gutter} | {dots}{line}\n   {blank} | {blank_dots}{pad}{marks}")
    }
}

fn printable(c: char) -> char {
    if c.is_control() && c != '\t' {
        '\u{fffd}'
    } else {
        c
    }
}
