//! What else is at work: load, other runs, what dead runs left behind.

use super::super::facts::{Facts, Related};
use super::super::finding::{Check, Finding};
use super::cpus;
use crate::runner::accepted_milli;

pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    vec![load(facts), runs(facts), leftovers(facts)]
}

fn load(facts: &Facts) -> Finding {
    let allowed = accepted_milli(facts.interval.cpus);
    let Some(busy) = facts.interval.busy_milli else {
        return Finding::unknown(Check::CpuLoad, "/proc/stat cannot be read here");
    };
    let who = facts.interval.busiest.iter().map(|process| {
        format!(
            "{} (process {}, {} CPUs)",
            process.name,
            process.pid,
            cpus(process.milli)
        )
    });
    let who: Vec<_> = who.collect();
    let evidence = format!(
        "{} of {} CPUs were busy for {} ms{}{}",
        cpus(busy),
        facts.interval.cpus,
        facts.interval.length_ms,
        if who.is_empty() { "" } else { ": " },
        who.join(", ")
    );
    match busy > allowed {
        false => Finding::ok(Check::CpuLoad, evidence),
        true => Finding::warning(
            Check::CpuLoad,
            evidence,
            "end what is not needed, or let the suite wait with cooldown = \"until-settled\"",
        ),
    }
}

fn runs(facts: &Facts) -> Finding {
    match facts.processes.runs.as_slice() {
        [] => Finding::ok(Check::OtherRuns, "no other anechoic has a worker"),
        runs => Finding::warning(Check::OtherRuns, list(runs), "wait until it has ended"),
    }
}

fn leftovers(facts: &Facts) -> Finding {
    match facts.processes.leftovers.as_slice() {
        [] => Finding::ok(Check::Leftovers, "no worker of a dead anechoic is alive"),
        left => {
            let pids: Vec<_> = left.iter().map(|process| process.pid.to_string()).collect();
            let remedy = format!("kill -9 {}", pids.join(" "));
            Finding::warning(Check::Leftovers, list(left), &remedy)
        }
    }
}

fn list(processes: &[Related]) -> String {
    let each = processes.iter().map(|process| {
        let Related { pid, name, attempt } = process;
        format!("process {pid} ({name}) of `{attempt}`")
    });
    let all: Vec<_> = each.collect();
    format!("alive: {}", all.join(", "))
}
