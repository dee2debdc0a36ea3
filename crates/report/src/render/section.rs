//! Parts of a report before they are dressed: each table is made once, for terminal, Markdown and HTML.

use super::cell::Cell;

/// What stands below one heading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// How to read it; lines of text, may be empty.
    pub(crate) note: String,
    pub(crate) parts: Vec<Part>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Table(Table),
    List(Vec<Item>),
}

/// A table; the first column names the row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// What all of its rows share.
    pub(crate) caption: Option<String>,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) text: String,
    /// A command behind the text.
    pub(crate) code: Option<String>,
}

impl Section {
    /// A section of these parts, without those that are empty; `None` where none is left.
    pub(super) fn of(title: &str, note: &str, mut parts: Vec<Part>) -> Option<Self> {
        parts.retain(|part| match part {
            Part::Table(table) => !table.rows.is_empty(),
            Part::List(items) => !items.is_empty(),
        });
        if parts.is_empty() {
            return None;
        }
        Some(Self {
            title: title.to_owned(),
            note: note.trim_end().to_owned(),
            parts,
        })
    }

    /// A section with one table; `None` without rows.
    pub(super) fn table(
        title: &str,
        note: &str,
        header: &[&str],
        rows: Vec<Vec<Cell>>,
    ) -> Option<Self> {
        Self::of(title, note, vec![Part::Table(Table::of(header, rows))])
    }

    /// A section with one list; `None` without lines.
    pub(super) fn list(
        title: &str,
        note: &str,
        lines: impl IntoIterator<Item = String>,
    ) -> Option<Self> {
        let items = lines.into_iter().map(Item::from).collect();
        Self::of(title, note, vec![Part::List(items)])
    }
}

impl Table {
    pub(crate) fn of(header: &[&str], rows: Vec<Vec<Cell>>) -> Self {
        Self {
            caption: None,
            header: header.iter().map(|&name| name.to_owned()).collect(),
            rows,
        }
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self { text, code: None }
    }
}
