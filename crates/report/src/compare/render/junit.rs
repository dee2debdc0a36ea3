//! The comparison as JUnit XML, which CI systems show as tests: a cell is a test, a failure is a verdict that was not to
//! be, and what could not be decided is skipped.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use super::figures::{effect, p, processes, reason, value};
use super::headline::headline;
use super::safe::for_xml;
use crate::compare::{ComparedCell, Comparison, FailOns, NotMeasured, Verdict};

/// The comparison as JUnit XML. Cells and cases that `fail_on` names are failures; without any, those
/// for the worse and those that are missing are.
pub fn compare_junit(comparison: &Comparison, fail_on: &FailOns) -> String {
    let worsening = FailOns::every_worsening();
    let fail_on = match fail_on.0.is_empty() {
        true => &worsening,
        false => fail_on,
    };
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut writer, comparison, fail_on).expect("memory can be written");
    let mut text = String::from_utf8(writer.into_inner()).expect("only text was written");
    text.push('\n');
    text
}

type Xml = Writer<Vec<u8>>;

fn write(xml: &mut Xml, comparison: &Comparison, fail_on: &FailOns) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let (cells, missing) = (&comparison.cells, &comparison.not_measured);
    let lost = missing.iter().filter(|case| fail_on.name_missing(case));
    let lost = lost.count();
    let failures = lost + cells.iter().filter(|cell| fail_on.name(cell)).count();
    let skipped = missing.len() - lost + cells.iter().filter(|cell| is_skipped(cell)).count();
    let name = match &comparison.by {
        Some(by) => format!("{} by {}", comparison.base.run, by.key),
        None => format!("{} to {}", comparison.base.run, comparison.new.run),
    };
    let counted = [
        ("name", for_xml(&name)),
        ("tests", (cells.len() + missing.len()).to_string()),
        ("failures", failures.to_string()),
        ("errors", "0".to_owned()),
        ("skipped", skipped.to_string()),
    ];
    let attributes = || counted.iter().map(|(key, text)| (*key, text.as_str()));
    let suites = xml
        .create_element("testsuites")
        .with_attributes(attributes());
    suites.write_inner_content(|xml| {
        let suite = xml
            .create_element("testsuite")
            .with_attributes(attributes());
        suite.write_inner_content(|xml| {
            properties(xml, &[("headline", headline(comparison))])?;
            for cell in cells {
                test(xml, cell, fail_on)?;
            }
            missing
                .iter()
                .try_for_each(|case| not_measured(xml, case, fail_on))
        })?;
        Ok(())
    })?;
    Ok(())
}

fn is_skipped(cell: &ComparedCell) -> bool {
    matches!(cell.verdict, Verdict::Undecided(_))
}

fn test(xml: &mut Xml, cell: &ComparedCell, fail_on: &FailOns) -> io::Result<()> {
    let tokens = cell.tokens.map(|t| format!("T={t} ")).unwrap_or_default();
    let name = format!("{tokens}{}", cell.metric);
    let element = xml.create_element("testcase").with_attributes([
        ("classname", for_xml(&cell.case_text()).as_str()),
        ("name", for_xml(&name).as_str()),
    ]);
    element.write_inner_content(|xml| {
        properties(xml, &figures(cell))?;
        let word = cell.verdict.word(cell.metric.kind());
        let message = match reason(cell) {
            reason if reason.is_empty() => format!("{word}: {}", effect(cell)),
            reason => format!("{word}: {reason}"),
        };
        if fail_on.name(cell) {
            said(xml, "failure", word, &format!("{word}: {}", effect(cell)))?;
        } else if is_skipped(cell) {
            said(xml, "skipped", word, &message)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A case without numbers on a side is no test that passed.
fn not_measured(xml: &mut Xml, case: &NotMeasured, fail_on: &FailOns) -> io::Result<()> {
    let element = xml.create_element("testcase").with_attributes([
        ("classname", for_xml(&case.case).as_str()),
        ("name", "not measured"),
    ]);
    element.write_inner_content(|xml| match fail_on.name_missing(case) {
        true => said(xml, "failure", "missing", &case.text()),
        false => said(xml, "skipped", "not-measured", &case.text()),
    })?;
    Ok(())
}

fn said(xml: &mut Xml, element: &str, kind: &str, message: &str) -> io::Result<()> {
    let message = for_xml(message);
    let element = xml.create_element(element);
    // The type is an attribute of failures alone.
    let element = match kind {
        "not-measured" | "undecided" => element.with_attribute(("message", message.as_str())),
        kind => element.with_attributes([("type", kind), ("message", message.as_str())]),
    };
    element.write_empty()?;
    Ok(())
}

fn figures(cell: &ComparedCell) -> Vec<(&'static str, String)> {
    let kind = cell.metric.kind();
    let mut all = vec![
        ("verdict", cell.verdict.word(kind).to_owned()),
        ("reason", reason(cell)),
        ("base", value(&cell.base, kind)),
        ("new", value(&cell.new, kind)),
        ("processes", processes(cell)),
    ];
    if let Some(change) = cell.change {
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let interval = change.interval;
        let numbers = [
            ("ratio", number(change.ratio)),
            ("effect", number(Some(change.effect))),
            ("interval-low", number(interval.map(|i| i.low))),
            ("interval-high", number(interval.map(|i| i.high))),
        ];
        all.extend(numbers.map(|(key, text)| (key, text.unwrap_or_default())));
        all.extend(cell.p_adjusted.map(|_| ("p-adjusted", p(cell.p_adjusted))));
    }
    all.retain(|(_, text)| !text.is_empty());
    all
}

fn properties(xml: &mut Xml, all: &[(&str, String)]) -> io::Result<()> {
    let element = xml.create_element("properties");
    element.write_inner_content(|xml| {
        for (name, value) in all {
            let value = for_xml(value);
            let property = xml.create_element("property");
            property
                .with_attributes([("name", *name), ("value", value.as_str())])
                .write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}
