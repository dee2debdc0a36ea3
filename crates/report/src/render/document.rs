//! The report for people. Terminal and Markdown are one document in two dressings.

use std::collections::BTreeSet;

use anechoic_protocol::{Attribution, CaptureMode, Probe};
use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, Table};

use crate::{CaptureCase, CaptureSummary, Summary, units};

/// The report for a terminal.
pub fn terminal(summary: &Summary) -> String {
    render(summary, Dressing::Terminal)
}

/// The report as GitHub-flavoured Markdown, as in `report.md`.
pub fn markdown(summary: &Summary) -> String {
    render(summary, Dressing::Markdown)
}

#[derive(Clone, Copy, PartialEq)]
enum Dressing {
    Terminal,
    Markdown,
}

impl Dressing {
    fn heading(self, level: usize, text: &str) -> String {
        match self {
            Self::Terminal if level == 1 => {
                format!("{text}\n{}\n", "═".repeat(text.chars().count()))
            }
            Self::Terminal => format!("\n{text}\n"),
            Self::Markdown => format!("\n{} {text}\n\n", "#".repeat(level)),
        }
    }

    fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> String {
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
    fn cell(self, text: &str) -> String {
        match self {
            Self::Terminal => text.replace("**", ""),
            Self::Markdown => text
                .replace('|', "\\|")
                .replace(['\n', '\r'], " ")
                .replace('<', "&lt;"),
        }
    }

    fn item(self, text: &str) -> String {
        match self {
            Self::Terminal => format!("  {text}\n"),
            Self::Markdown => format!("- {}\n", self.cell(text)),
        }
    }

    fn code(self, text: &str) -> String {
        match self {
            Self::Terminal => text.to_owned(),
            Self::Markdown => format!("`{text}`"),
        }
    }
}

fn render(summary: &Summary, dressing: Dressing) -> String {
    let mut text = dressing.heading(1, &format!("{} – {}", summary.suite, summary.run));
    if let Some(question) = &summary.question {
        text += &format!("{question}\n");
    }
    text += &failures(summary, dressing);
    if let Some(capture) = &summary.capture {
        text += &timings(capture, dressing);
        text += &overheads(capture, dressing);
        text += &attribution(capture, dressing);
        text += &drifts(capture, dressing);
        text += &memory(capture, dressing);
    }
    text += &warnings(summary, dressing);
    text += &circumstances(summary, dressing);
    text.trim_start().to_owned()
}

fn failures(summary: &Summary, dressing: Dressing) -> String {
    let open: Vec<_> = summary.failed.iter().filter(|f| !f.made_up).collect();
    let made_up = summary.failed.len() - open.len();
    let mut text = String::new();
    if !open.is_empty() {
        text += &dressing.heading(2, "Failed attempts");
        for failed in &open {
            let cause = failed.outcome.cause();
            text += &dressing.item(&format!(
                "{} attempt {}: {cause}",
                failed.case, failed.attempt
            ));
        }
        text += &format!("\nTo make up for them: {}\n", rerun(summary, dressing));
    }
    if made_up > 0 {
        text += &format!(
            "\n{made_up} failed attempt(s) were made up for by later ones; all are kept.\n"
        );
    }
    let missing = summary.tally.cases - summary.tally.complete_cases;
    if missing > 0 && open.is_empty() {
        let again = rerun(summary, dressing);
        text += &format!("\n{missing} case(s) have fewer attempts than planned: {again}\n");
    }
    text
}

/// The record does not know where it lies from where its reader stands.
fn rerun(summary: &Summary, dressing: Dressing) -> String {
    let command = dressing.code(&format!("anechoic rerun {}", summary.run));
    let elsewhere = dressing.code("--results DIR");
    format!("{command} (with {elsewhere} where the run does not lie in results/)")
}

fn timings(capture: &CaptureSummary, dressing: Dressing) -> String {
    let header = [
        "case",
        "n",
        "prefill",
        "decode",
        "generation",
        "fetch",
        "total",
        "decode tok/s",
    ];
    let row = |case: &CaptureCase| {
        vec![
            case.id.clone(),
            format!("{} × {}", case.processes, iterations_each(case)),
            units::estimate(case.prefill_s.as_ref()),
            units::estimate(case.decode_s.as_ref()),
            units::estimate(case.generation_s.as_ref()),
            units::estimate(case.fetch_s.as_ref()),
            units::estimate(case.total_s.as_ref()),
            units::rate(case.decode_tokens_per_s.as_ref()),
        ]
    };
    // Extra clock readings make these times another thing; such cases have a table of their own.
    let plain = capture
        .cases
        .iter()
        .filter(|case| case.work.attribution == Attribution::Off);
    let rows: Vec<_> = plain.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: times per iteration")
        + "n = processes × iterations; mean over processes ± standard deviation between them.\n\n"
        + &dressing.table(&header, rows)
}

fn iterations_each(case: &CaptureCase) -> usize {
    case.iterations.checked_div(case.processes).unwrap_or(0)
}

fn overheads(capture: &CaptureSummary, dressing: Dressing) -> String {
    if capture.overheads.is_empty() {
        return String::new();
    }
    let header = ["case", "generation", "fetch", "total", "per layer"];
    let rows = capture.overheads.iter().map(|overhead| {
        vec![
            overhead.id.clone(),
            units::percent(Some(&overhead.generation)),
            units::percent(overhead.fetch.as_ref()),
            units::percent(Some(&overhead.total)),
            units::milliseconds(overhead.per_layer_s.as_ref()),
        ]
    });
    dressing.heading(2, "Capture: overhead against the baseline")
        + "Shares of the baseline's generation time with 95 % intervals over processes; per layer against zero-layer.\n\n"
        + &dressing.table(&header, rows.collect())
}

fn attribution(capture: &CaptureSummary, dressing: Dressing) -> String {
    let mut rows = Vec::new();
    for case in &capture.cases {
        if let Some(share) = &case.inside_decode_share {
            let interval = share.interval;
            let value = anechoic_stats::Ratio {
                value: share.mean,
                interval,
            };
            let what = "time inside capture, share of decode".to_owned();
            let n = format!("{} processes", share.n);
            rows.push(vec![case.id.clone(), what, n, units::percent(Some(&value))]);
        }
        if let Some(paired) = &case.paired {
            let what = "decode step with against without".to_owned();
            let n = format!("{} processes, {} pairs", paired.processes, paired.pairs);
            rows.push(vec![
                case.id.clone(),
                what,
                n,
                units::percent(Some(&paired.effect)),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: cost found within processes")
        + &dressing.table(&["case", "figure", "n", "value"], rows)
}

fn memory(capture: &CaptureSummary, dressing: Dressing) -> String {
    let header = [
        "case",
        "layers",
        "strategy",
        "captured per iteration",
        "peak resident",
    ];
    let row = |case: &CaptureCase| {
        vec![
            case.id.clone(),
            case.work.layers.len().to_string(),
            strategy(case),
            units::bytes(case.captured_bytes),
            units::bytes(case.peak_resident_bytes),
        ]
    };
    dressing.heading(2, "Capture: memory")
        + "The largest resident set of a worker process, and the bytes fetched.\n\n"
        + &dressing.table(&header, capture.cases.iter().map(row).collect())
}

fn strategy(case: &CaptureCase) -> String {
    match (case.work.mode, case.work.probe) {
        (CaptureMode::Baseline, _) => "–".to_owned(),
        (_, Probe::Full) => case.work.strategy.to_string(),
        (_, probe) => format!("{}, probe {}", case.work.strategy, probe.as_str()),
    }
}

fn drifts(capture: &CaptureSummary, dressing: Dressing) -> String {
    let rows: Vec<_> = capture
        .cases
        .iter()
        .filter(|case| case.generation_drift.is_some())
        .map(|case| {
            vec![
                case.id.clone(),
                units::drift(case.generation_drift.as_ref()),
                units::drift(case.fetch_drift.as_ref()),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: drift per iteration")
        + "Slope over the iterations of each process, as a share of the mean, with its 95 % interval.\n\n"
        + &dressing.table(&["case", "generation", "fetch"], rows)
}

fn warnings(summary: &Summary, dressing: Dressing) -> String {
    if summary.warnings.is_empty() {
        return String::new();
    }
    let items: String = summary.warnings.iter().map(|w| dressing.item(w)).collect();
    dressing.heading(2, "Warnings") + &items
}

/// The numbers of compute threads that cases used, each once.
fn threads(summary: &Summary) -> String {
    let cases = summary.capture.iter().flat_map(|capture| &capture.cases);
    let used: BTreeSet<u32> = cases.map(|case| case.threads).collect();
    let used: Vec<String> = used.iter().map(u32::to_string).collect();
    used.join(", ")
}

fn circumstances(summary: &Summary, dressing: Dressing) -> String {
    let unknown = || "unknown".to_owned();
    let machine = &summary.machine;
    let tally = &summary.tally;
    let mut text = dressing.heading(2, "Circumstances");
    let mut item = |name: &str, value: String| text += &dressing.item(&format!("{name}: {value}"));
    item("state", format!("{:?}", summary.state).to_lowercase());
    item("started", summary.started.clone());
    item("device", summary.settings.device.to_string());
    item("processor", machine.cpu.clone().unwrap_or_else(unknown));
    if let Some(gpu) = &machine.gpu {
        item("GPU", gpu.clone());
    }
    item(
        "CPUs",
        format!(
            "{} logical, {} cores",
            machine.logical_cpus, machine.physical_cores
        ),
    );
    item(
        "memory",
        machine.memory_bytes.map_or_else(unknown, units::bytes),
    );
    item("kernel", machine.kernel.clone().unwrap_or_else(unknown));
    item(
        "libtorch",
        summary.settings.torch.clone().unwrap_or_else(unknown),
    );
    item("threads", threads(summary));
    item("order", summary.order.clone());
    item(
        "attempts",
        format!("{} ok, {} failed", tally.ok_attempts, tally.failed_attempts),
    );
    item(
        "time",
        format!(
            "{} in workers, {} in cooldowns",
            units::duration(tally.workers_ns as f64 / 1e9),
            units::duration(tally.cooldown_ms as f64 / 1e3)
        ),
    );
    let share = tally.orchestrator_cpu_ns as f64 / tally.workers_ns.max(1) as f64;
    item(
        "orchestrator",
        format!(
            "{} % of one CPU while workers ran",
            units::significant(share * 100.0, 2)
        ),
    );
    text
}
