//! The report for people: what frames the tables. Terminal and Markdown are one document in two dressings.

use std::collections::BTreeSet;

use anechoic_record::RunState;

use super::dressing::Dressing;
use super::section::Section;
use super::{audit, capture, custom, kv, rest, stopping, trust};
use crate::{SlurmJobs, Summary, Tally, units};

/// The report for a terminal.
pub fn terminal(summary: &Summary) -> String {
    render(summary, Dressing::Terminal)
}

/// The report as GitHub-flavoured Markdown, as in `report.md`.
pub fn markdown(summary: &Summary) -> String {
    render(summary, Dressing::Markdown)
}

fn render(summary: &Summary, dressing: Dressing) -> String {
    let mut text = dressing.heading(1, &format!("{} – {}", summary.suite, summary.run));
    if let Some(question) = &summary.question {
        text += &format!("{question}\n");
    }
    text += &failures(summary, dressing);
    text += &cut_short(summary, dressing);
    for section in sections(summary) {
        text += &dressing.section(&section);
    }
    text += &warnings(summary, dressing);
    text += &circumstances(summary, dressing);
    text.trim_start().to_owned()
}

/// What was measured, and what qualifies it: the same sections in every dressing.
pub(crate) fn sections(summary: &Summary) -> Vec<Section> {
    let mut sections = Vec::new();
    sections.extend(summary.audit.iter().flat_map(audit::sections));
    sections.extend(summary.capture.iter().flat_map(capture::sections));
    sections.extend(summary.kv.iter().flat_map(kv::sections));
    sections.extend(summary.custom.iter().flat_map(custom::sections));
    sections.extend(trust::section(&summary.trust));
    sections.extend(stopping::section(summary));
    sections.extend(rest::sections(summary));
    sections
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
                "{} attempt {} ({}): {cause}",
                failed.case,
                failed.attempt,
                failed.outcome.name()
            ));
        }
        text += &make_up(summary, dressing);
    }
    if made_up > 0 {
        text += &format!(
            "\n{made_up} failed attempt(s) were made up for by later ones; all are kept.\n"
        );
    }
    let missing = summary.tally.cases - summary.tally.complete_cases;
    if missing > 0 {
        text += &missing_attempts(missing, open.is_empty(), summary, dressing);
    }
    text
}

/// How failed attempts are made up for.
fn make_up(summary: &Summary, dressing: Dressing) -> String {
    if summary.audit.is_some() {
        return "\nAn audit is made in one go: when the cause is gone, make it anew.\n".to_owned();
    }
    let again = command("rerun", summary, dressing);
    format!("\nWhen the cause is gone, to make up for them: {again}\n")
}

/// Attempts that say nothing about their case: they were ended from outside.
fn cut_short(summary: &Summary, dressing: Dressing) -> String {
    let open = summary.cut_short.iter().filter(|cut| !cut.made_up);
    let items: String = open
        .map(|cut| {
            let cause = cut.outcome.cause();
            dressing.item(&format!("{} attempt {}: {cause}", cut.case, cut.attempt))
        })
        .collect();
    match items.is_empty() {
        true => String::new(),
        false => dressing.heading(2, "Cut short") + &items,
    }
}

/// The record does not know where it lies from where its reader stands.
fn command(name: &str, summary: &Summary, dressing: Dressing) -> String {
    let command = dressing.code(&format!("anechoic {name} {}", summary.run));
    let elsewhere = dressing.code("--results DIR");
    format!("{command} (with {elsewhere} where the run does not lie in results/)")
}

/// What is to be done about cases that have fewer good attempts than planned.
fn missing_attempts(
    cases: usize,
    none_failed: bool,
    summary: &Summary,
    dressing: Dressing,
) -> String {
    let fewer = format!("{cases} case(s) have fewer attempts than planned");
    match summary.state {
        RunState::Running => format!("\nThe run is being made: {fewer} so far.\n"),
        RunState::Interrupted if summary.audit.is_some() => {
            format!("\nThe audit was interrupted: {fewer}. It is made in one go; make it anew.\n")
        }
        RunState::Interrupted => {
            let go_on = command("resume", summary, dressing);
            format!("\nThe run was interrupted: {fewer}. To make what it still owes: {go_on}\n")
        }
        RunState::Complete if none_failed => {
            let again = command("rerun", summary, dressing);
            format!("\n{fewer}: {again}\n")
        }
        RunState::Complete => String::new(),
    }
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
    let mut used: BTreeSet<u32> = cases.map(|case| case.threads).collect();
    used.extend(summary.kv.iter().flat_map(|kv| &kv.threads));
    let custom = summary.custom.iter().flat_map(|custom| &custom.cases);
    used.extend(custom.map(|case| case.threads));
    let used: Vec<String> = used.iter().map(u32::to_string).collect();
    used.join(", ")
}

fn circumstances(summary: &Summary, dressing: Dressing) -> String {
    let facts = facts(summary).into_iter();
    let items = facts.map(|(name, value)| dressing.item(&format!("{name}: {value}")));
    dressing.heading(2, "Circumstances") + &items.collect::<String>()
}

/// Where, with what and in which order it was measured: names with their values.
pub(crate) fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let unknown = || "unknown".to_owned();
    let machine = &summary.machine;
    let tally = &summary.tally;
    let mut facts = Vec::new();
    let mut item = |name, value| facts.push((name, value));
    item("state", format!("{:?}", summary.state).to_lowercase());
    item("started", summary.started.clone());
    if !summary.mixed.is_empty() {
        item("mixed", summary.mixed.join("; "));
    }
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
    let threads = threads(summary);
    if !threads.is_empty() {
        item("threads", threads);
    }
    item("order", summary.order.clone());
    item("attempts", attempts(tally));
    item(
        "time",
        format!(
            "{} in workers, {} ({}) in waits before them",
            units::duration(tally.workers_ns as f64 / 1e9),
            units::duration(tally.cooldown_ms as f64 / 1e3),
            units::share(summary.waiting.share)
        ),
    );
    if let Some(jobs) = &summary.slurm {
        item("Slurm", slurm(jobs));
    }
    item("orchestrator", orchestrator(tally));
    facts
}

fn slurm(jobs: &SlurmJobs) -> String {
    let seconds = |ms: u64| units::duration(ms as f64 / 1e3);
    format!(
        "{} jobs on {}, {} in the queue, {} of overhead per job",
        jobs.jobs,
        match jobs.nodes.is_empty() {
            true => "no node".to_owned(),
            false => jobs.nodes.join(", "),
        },
        seconds(jobs.queued_ms),
        seconds(jobs.overhead_ms)
    )
}

fn orchestrator(tally: &Tally) -> String {
    let workers_ns = tally.workers_ns.max(1) as f64;
    let share = |ns: u64| units::share(ns as f64 / workers_ns);
    let mut text = format!(
        "{} of one CPU while workers ran",
        share(tally.orchestrator_cpu_ns)
    );
    if tally.observing_ns > 0 {
        text += &format!(
            "; {} for readings of the machine",
            share(tally.observing_ns)
        );
    }
    text
}

fn attempts(tally: &Tally) -> String {
    let mut text = format!("{} ok, {} failed", tally.ok_attempts, tally.failed_attempts);
    if tally.cut_short_attempts > 0 {
        text += &format!(", {} cut short", tally.cut_short_attempts);
    }
    text
}
