//! The page as a whole: what frames its parts, and their order.

use anechoic_record::RunRecord;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Logs, cases, conditions, failures, findings, plots, tables};
use crate::plain::plain;
use crate::{Plot, Summary, render};

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("script.js");

/// Nothing may be loaded; what the page needs is in it. Of scripts only the page's own runs, known by its SHA-256.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     script-src 'sha256-jPWFpnHPma/By2VtndqbVThRY4H7OFHqpuzsHm+r1KE='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// The report as one self-contained page, as in `report.html`. Its links to logs, results and plots are relative to the
/// run's directory. `plots` are those of [`crate::plots`].
pub fn html(record: &RunRecord, summary: &Summary, plots: &[Plot], logs: &Logs) -> String {
    let parts = Parts {
        tables: measured(summary),
        plots: plots::plots(plots),
        plotted: !plots.is_empty(),
    };
    markup! {
        (DOCTYPE)
        html lang="en" {
            (head(summary))
            body {
                a.skip href="#content" { "Skip to the findings" }
                (header(summary, plots))
                main id="content" tabindex="-1" { (content(record, summary, logs, &parts)) }
                (footer(record))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// What is made before it is placed.
struct Parts {
    tables: Markup,
    plots: Markup,
    plotted: bool,
}

fn head(summary: &Summary) -> Markup {
    markup! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="color-scheme" content="light dark";
            // An empty icon: a browser would look for one beside the page.
            link rel="icon" href="data:,";
            title { (plain(&summary.suite)) " – " (plain(&summary.run)) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn header(summary: &Summary, plots: &[Plot]) -> Markup {
    markup! {
        header {
            h1 { (plain(&summary.suite)) }
            p.run { (plain(&summary.run)) }
            nav aria-label="Parts of the report" {
                a href="#findings" { "Findings" }
                a href="#tables" { "Tables" }
                @if !plots.is_empty() { a href="#plots" { "Plots" } }
                a href="#conditions" { "Machine and settings" }
                a href="#cases" { "Cases" }
            }
        }
    }
}

fn content(record: &RunRecord, summary: &Summary, logs: &Logs, parts: &Parts) -> Markup {
    markup! {
        section aria-labelledby="findings" {
            h2 id="findings" { "Findings" }
            @if let Some(question) = &summary.question { p.question { (plain(question)) } }
            (findings::findings(record, summary))
        }
        section aria-labelledby="tables" {
            h2 id="tables" { "Tables" }
            (failures::failures(summary))
            (parts.tables)
            (warnings(summary))
        }
        @if parts.plotted {
            section aria-labelledby="plots" {
                h2 id="plots" { "Plots" }
                (parts.plots)
            }
        }
        section aria-labelledby="conditions" {
            h2 id="conditions" { "Machine and settings" }
            (conditions::conditions(record, summary, logs))
        }
        section aria-labelledby="cases" {
            h2 id="cases" { "Cases" }
            div.tools hidden {
                button type="button" data-open="true" { "Open all" }
                button type="button" data-open="false" { "Close all" }
            }
            (cases::cases(record, logs))
        }
    }
}

/// The sections that every form of the report has.
fn measured(summary: &Summary) -> Markup {
    let sections = render::sections(summary);
    markup! {
        @if sections.is_empty() { p { "Nothing was measured." } }
        @for (index, section) in sections.iter().enumerate() {
            (tables::section(&format!("table-{}", index + 1), section))
        }
    }
}

fn warnings(summary: &Summary) -> Markup {
    markup! {
        @if !summary.warnings.is_empty() {
            section.part aria-labelledby="warnings" {
                h3 id="warnings" { "Warnings" }
                ul { @for warning in &summary.warnings { li { (plain(warning)) } } }
            }
        }
    }
}

fn footer(record: &RunRecord) -> Markup {
    markup! {
        footer {
            p {
                "Made by anechoic " (plain(&record.manifest.anechoic)) " from the record of the run: "
                a href="run.json" { "run.json" } ", " a href="events.jsonl" { "events.jsonl" } ", "
                a href="results.jsonl" { "results.jsonl" } ", " a href="summary.json" { "summary.json" } ", "
                a href="suite.toml" { "suite.toml" } "."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_names_the_script() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
        assert!(
            POLICY.contains(&format!("'sha256-{hash}'")),
            "sha256-{hash}"
        );
    }
}
