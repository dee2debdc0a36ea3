//! The two dressings of a report as text: for a terminal, and as Markdown.

use comfy_table::CellAlignment;
use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};

use super::cell::Cell;
use super::section::{Item, Part, Section, Table};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Dressing {
    Terminal,
    Markdown,
}

/// What a part of a section stands below.
#[derive(Clone, Copy, PartialEq)]
enum Above {
    Heading,
    Note,
    Table,
}

impl Dressing {
    pub(crate) fn heading(self, level: usize, text: &str) -> String {
        match self {
            Self::Terminal if level == 1 => {
                format!("{text}\n{}\n", "═".repeat(text.chars().count()))
            }
            Self::Terminal => format!("\n{text}\n"),
            Self::Markdown => format!("\n{} {text}\n\n", "#".repeat(level)),
        }
    }

    /// A section with its heading.
    pub(super) fn section(self, section: &Section) -> String {
        let mut text = self.heading(2, &section.title);
        if !section.note.is_empty() {
            text += &format!("{}\n", section.note);
        }
        let mut above = match section.note.is_empty() {
            true => Above::Heading,
            false => Above::Note,
        };
        for part in &section.parts {
            text += &self.part(part, above);
            above = Above::Table;
        }
        text
    }

    fn part(self, part: &Part, above: Above) -> String {
        match part {
            Part::Table(table) => {
                let above = match &table.caption {
                    Some(caption) => self.heading(3, &self.cell(caption)),
                    None if above == Above::Heading => String::new(),
                    None => "\n".to_owned(),
                };
                above + &self.rows(table)
            }
            Part::List(items) => {
                let above = match above {
                    Above::Heading => "",
                    Above::Note => self.before_list(),
                    Above::Table => "\n",
                };
                let items = items.iter().map(|item| self.line(item));
                above.to_owned() + &items.collect::<String>()
            }
        }
    }

    fn rows(self, table: &Table) -> String {
        let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
        let texts = |row: &Vec<Cell>| row.iter().map(|cell| self.labelled(cell)).collect();
        self.table(&header, table.rows.iter().map(texts).collect())
    }

    fn labelled(self, cell: &Cell) -> String {
        match cell.label {
            Some(label) => format!("{} **{label}**", cell.text),
            None => cell.text.clone(),
        }
    }

    fn line(self, item: &Item) -> String {
        let code = item.code.as_ref().map(|code| self.code(code));
        self.item(&format!("{}{}", item.text, code.unwrap_or_default()))
    }

    /// Numbers stand to the right, all but the first column.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = self.filled(header, rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }

    /// The same with sentences in the last column, which a terminal has in lines of this many columns where words allow.
    pub(crate) fn table_with_text(
        self,
        header: &[&str],
        mut rows: Vec<Vec<String>>,
        columns: usize,
    ) -> String {
        if self == Self::Terminal {
            let texts = rows.iter_mut().filter_map(|row| row.last_mut());
            texts.for_each(|text| *text = broken(text, columns));
        }
        let mut table = self.filled(header, rows);
        let numbers = header.len().saturating_sub(2);
        for column in table.column_iter_mut().skip(1).take(numbers) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }

    fn filled(self, header: &[&str], rows: Vec<Vec<String>>) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_preset(match self {
            Self::Terminal => UTF8_FULL_CONDENSED,
            Self::Markdown => ASCII_MARKDOWN,
        });
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row.into_iter().map(|cell| self.cell(&cell)));
        }
        table
    }

    /// Text from outside must not end a Markdown cell or start markup.
    pub(crate) fn cell(self, text: &str) -> String {
        match self {
            Self::Terminal => text.replace("**", ""),
            Self::Markdown => text
                .replace('|', "\\|")
                .replace(['\n', '\r'], " ")
                .replace('<', "&lt;"),
        }
    }

    pub(crate) fn item(self, text: &str) -> String {
        match self {
            Self::Terminal => format!("  {text}\n"),
            Self::Markdown => format!("- {}\n", self.cell(text)),
        }
    }

    /// What separates a paragraph from a list or table below it.
    pub(crate) fn before_list(self) -> &'static str {
        match self {
            Self::Terminal => "",
            Self::Markdown => "\n",
        }
    }

    pub(crate) fn code(self, text: &str) -> String {
        match self {
            Self::Terminal => text.to_owned(),
            Self::Markdown => format!("`{text}`"),
        }
    }
}

/// In lines of at most so many characters, but for words that are longer.
fn broken(text: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let check = |text: &str, expected: &str| assert_eq!(broken(text, 8), expected);
        check("", "");
        check("one two", "one two");
        check("one two three", "one two\nthree");
        check("one /a/long/path two", "one\n/a/long/path\ntwo");
    }

    #[test]
    fn sentences_are_broken_for_a_terminal_alone() {
        let rows = vec![vec![
            "a".to_owned(),
            "1".to_owned(),
            "some words".to_owned(),
        ]];
        let text = |dressing: Dressing| dressing.table_with_text(&["x", "y", "z"], rows.clone(), 5);
        assert!(text(Dressing::Markdown).contains("| some words |"));
        assert!(
            text(Dressing::Terminal).contains("┆ some  │\n"),
            "{}",
            text(Dressing::Terminal)
        );
    }
}
