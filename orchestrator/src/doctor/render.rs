//! Findings as a table for people and as JSON for programs.

use serde_json::{Value, json};

use super::facts::Facts;
use super::finding::{Finding, Severity, is_fit};

/// The worst first, each with its remedy below it; then a line that sums up.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let names = sorted.iter().map(|finding| finding.check.as_str().len());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for finding in sorted {
        let (severity, name) = (finding.severity.as_str(), finding.check.as_str());
        text += &format!("{severity:<7}  {name:<width$}  {}\n", finding.evidence);
        if let Some(remedy) = &finding.remedy {
            text += &format!("{:<7}  {:<width$}  → {remedy}\n", "", "");
        }
    }
    text + "\n" + &verdict(findings) + "\n"
}

fn verdict(findings: &[Finding]) -> String {
    let count = |wanted| {
        findings
            .iter()
            .filter(|found| found.severity == wanted)
            .count()
    };
    let (blockers, warnings, notes) = (
        count(Severity::Blocker),
        count(Severity::Warning),
        count(Severity::Note),
    );
    let fit = match is_fit(findings) {
        true => "fit to measure",
        false => "not fit to measure",
    };
    format!("{fit}: {blockers} blocker(s), {warnings} warning(s), {notes} note(s)")
}

/// One object; its fields and the names in it are a promise to scripts.
pub(crate) fn json(facts: &Facts, findings: &[Finding]) -> String {
    let finding = |finding: &Finding| {
        json!({
            "id": finding.check.as_str(),
            "severity": finding.severity,
            "evidence": finding.evidence,
            "remedy": finding.remedy,
        })
    };
    let object = json!({
        "schema_version": 1,
        "fit": is_fit(findings),
        "device": facts.device.device(),
        "machine": facts.machine,
        "state": facts.state,
        "findings": findings.iter().map(finding).collect::<Vec<Value>>(),
    });
    format!("{object:#}\n")
}
