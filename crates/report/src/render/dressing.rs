//! The two dressings of a report: text for a terminal, and Markdown.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, Table};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Dressing {
    Terminal,
    Markdown,
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

    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_preset(match self {
            Self::Terminal => UTF8_FULL_CONDENSED,
            Self::Markdown => ASCII_MARKDOWN,
        });
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row.into_iter().map(|cell| self.cell(&cell)));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
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
