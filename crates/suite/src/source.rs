//! The suite's text: turns byte ranges into lines, columns and marked excerpts of the file, or into the
//! options that were written for a suite that has no file.

use std::ops::Range;

use crate::error::{Invalid, SuiteError};
use crate::problem::{Origin, Problem};

/// A suite's text and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    written: Written,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Written {
    /// In the file of this name.
    File(String),
    /// On the command line, as these options.
    Options(Vec<OptionPlace>),
}

/// An option that became a part of a suite's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionPlace {
    /// What it became.
    pub(crate) bytes: Range<usize>,
    /// What was written.
    pub(crate) option: String,
}

/// The place of what no option gave.
const COMMAND_LINE: &str = "command line";

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
    pub(crate) fn file(name: &str, text: &str) -> Self {
        Self {
            written: Written::File(name.to_owned()),
            text: text.to_owned(),
        }
    }

    pub(crate) fn options(options: Vec<OptionPlace>, text: &str) -> Self {
        Self {
            written: Written::Options(options),
            text: text.to_owned(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The problem with its place in words.
    pub(crate) fn explain(&self, problem: Problem) -> SuiteError {
        let (place, excerpt) = match (&problem.origin, &self.written) {
            (Origin::Option(option), _) => (option.clone(), None),
            // What is missing from the whole file has no line to show.
            (Origin::Default, Written::File(name)) => (format!("{name}:1:1"), None),
            (Origin::File(range), Written::File(name)) => self.show(name, range),
            (Origin::Default, Written::Options(_)) => (COMMAND_LINE.to_owned(), None),
            (Origin::File(range), Written::Options(options)) => (option_at(options, range), None),
        };
        SuiteError::Invalid(Box::new(Invalid {
            place,
            message: problem.message,
            excerpt,
            case: problem.case.filter(|_| self.names_cases()),
            accepted: problem.accepted,
        }))
    }

    /// The one case of a command is nothing that its user named.
    fn names_cases(&self) -> bool {
        match self.written {
            Written::File(_) => true,
            Written::Options(_) => false,
        }
    }

    fn show(&self, name: &str, range: &Range<usize>) -> (String, Option<String>) {
        let excerpt = self.excerpt(range);
        let place = format!("{name}:{}:{}", excerpt.number, excerpt.column);
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

fn option_at(options: &[OptionPlace], range: &Range<usize>) -> String {
    let at = options
        .iter()
        .find(|place| place.bytes.contains(&range.start));
    at.map_or_else(|| COMMAND_LINE.to_owned(), |place| place.option.clone())
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
