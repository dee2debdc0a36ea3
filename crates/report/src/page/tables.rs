//! Sections of a report in HTML: headings, notes, tables that can be sorted, lists.

use maud::{Markup, html};

use crate::plain::plain;
use crate::render::{Cell, Item, Part, Section, Table};

/// Items of a list that are shown at once; the rest opens on request.
const SHOWN: usize = 12;

/// Rows from which on a table scrolls inside a frame of its own.
const TALL: usize = 40;

/// A section; `id` is unique on the page.
pub(super) fn section(id: &str, section: &Section) -> Markup {
    html! {
        section.part aria-labelledby=(id) {
            h3 id=(id) { (plain(&section.title)) }
            @if !section.note.is_empty() { (note(&section.note)) }
            @for (index, part) in section.parts.iter().enumerate() {
                @match part {
                    Part::Table(table) => (self::table(&format!("{id}-{index}"), &section.title, table)),
                    Part::List(items) => (list(items)),
                }
            }
        }
    }
}

/// A note's lines were broken for a terminal.
fn note(text: &str) -> Markup {
    html! { p.note { (plain(text).replace('\n', " ")) } }
}

/// A table in a frame that scrolls by itself where it is too wide or too long.
pub(super) fn table(id: &str, title: &str, table: &Table) -> Markup {
    let numbers = numeric_columns(table);
    let class = |column: usize| numbers.get(column).is_some_and(|n| *n).then_some("number");
    let caption = table.caption.as_deref().unwrap_or(title);
    html! {
        div.scroll.tall[table.rows.len() > TALL] role="region" tabindex="0" aria-labelledby=(id) {
            table.sortable {
                caption id=(id) .hidden[table.caption.is_none()] { (plain(caption)) }
                thead { tr {
                    @for (column, name) in table.header.iter().enumerate() {
                        th scope="col" class=[class(column)] { (plain(name)) }
                    }
                } }
                tbody {
                    @for row in &table.rows { tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 {
                                th scope="row" data-sort=[key(cell)] { span.name { (text(cell)) } }
                            } @else {
                                td class=[class(column)] data-sort=[key(cell)] { (text(cell)) }
                            }
                        }
                    } }
                }
            }
        }
    }
}

/// Columns, but the first, that hold a number somewhere.
fn numeric_columns(table: &Table) -> Vec<bool> {
    let is_number = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(column));
        column > 0 && cells.into_iter().any(|cell| key(cell).is_some())
    };
    (0..table.header.len()).map(is_number).collect()
}

/// With all of its digits: two cells that read the same may still differ.
fn key(cell: &Cell) -> Option<String> {
    let key = cell.key.filter(|key| key.is_finite());
    key.map(|key| format!("{key:e}"))
}

fn text(cell: &Cell) -> Markup {
    html! {
        (unbroken(&plain(&cell.text), cell))
        @if let Some(label) = cell.label { " " strong.label { (label) } }
    }
}

/// A number stays with its unit, and with what it is multiplied by; an interval or a spread may go to the next line.
fn unbroken(text: &str, cell: &Cell) -> String {
    if cell.key.is_none() {
        return text.to_owned();
    }
    let mut unbroken = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        let may_break = text[index..].starts_with(" [") || text[index..].starts_with(" ±");
        unbroken.push(if c == ' ' && !may_break { '\u{a0}' } else { c });
    }
    unbroken
}

/// A list, the end of a long one folded away.
fn list(items: &[Item]) -> Markup {
    let (shown, more) = items.split_at(items.len().min(SHOWN));
    html! {
        ul { @for item in shown { (line(item)) } }
        @if !more.is_empty() {
            details {
                summary { (more.len()) " more" }
                ul { @for item in more { (line(item)) } }
            }
        }
    }
}

fn line(item: &Item) -> Markup {
    html! {
        li {
            (plain(&item.text))
            @if let Some(code) = &item.code { code { (plain(code)) } }
        }
    }
}
