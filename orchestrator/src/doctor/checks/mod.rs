//! From facts to findings. Pure: everything that was read is in the facts.

mod cpu;
mod gpu;
mod kernel;
mod load;
mod memory;
mod place;
mod requires;
#[cfg(test)]
mod tests;

use super::facts::Facts;
use super::finding::Finding;

/// What is found, in the order of the page.
pub(crate) fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = place::find(facts);
    findings.extend(cpu::find(facts));
    findings.extend(load::find(facts));
    findings.extend(memory::find(facts));
    findings.extend(kernel::find(&facts.kernel));
    findings.extend(gpu::find(facts));
    let required = requires::find(facts, &findings);
    findings.extend(required);
    findings
}

fn degrees(millicelsius: i64) -> String {
    format!("{:.0} °C", millicelsius as f64 / 1e3)
}

fn cpus(milli: u64) -> String {
    format!("{:.2}", milli as f64 / 1e3)
}

fn percent(permille: u64) -> String {
    format!("{:.1} %", permille as f64 / 10.0)
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

fn megahertz(khz: u64) -> String {
    format!("{:.0} MHz", khz as f64 / 1e3)
}
