//! A certificate for people. Terminal and Markdown are one document in two dressings.

use anechoic_record::{CertifiedCell, Clocks, Fingerprint, MetricKind};
use anechoic_stats::{Scale, deviation_interval, median};

use super::{StoredCertificate, uncertainty};
use crate::compare::{for_markdown, for_terminal};
use crate::render::Dressing;
use crate::units;

/// What makes a certificate expire.
const EXPIRY: &str = "It holds under these conditions alone. Another processor, number of CPUs, amount of memory, kernel, device, driver, \
     clock or power limit, number of threads, libtorch, worker file or version of anechoic makes it expire.";

/// The certificate for a terminal.
pub fn certificate_terminal(stored: &StoredCertificate<'_>) -> String {
    page(stored, Dressing::Terminal)
}

/// The certificate as GitHub-flavoured Markdown.
pub fn certificate_markdown(stored: &StoredCertificate<'_>) -> String {
    page(stored, Dressing::Markdown)
}

fn page(stored: &StoredCertificate<'_>, dressing: Dressing) -> String {
    let certificate = stored.certificate;
    let mut text = dressing.heading(1, &title(stored));
    text += &format!("{}\n", safe(&headline(stored), dressing));
    text += &format!("{}\n", how_sure(certificate.runs.len()));
    let notes = stored.notes.iter().cloned();
    text += dressing.before_list();
    text += &items(notes, dressing);
    text += &table("Judged by", stored, dressing, |cell| cell.primary);
    text += &table("Other metrics", stored, dressing, |cell| !cell.primary);
    let left_out = certificate.left_out.iter();
    let left_out = left_out.map(|left_out| format!("{}: {}", left_out.case, left_out.why));
    text += &section("Not certified", left_out, dressing);
    text += &section("Conditions", conditions(&certificate.fingerprint), dressing);
    text += &format!("\n{EXPIRY}\n");
    text += &section("Made of", certificate.runs.iter().cloned(), dressing);
    text += &format!("\nstored in {}\n", safe(stored.file, dressing));
    text.trim_start().to_owned()
}

fn title(stored: &StoredCertificate<'_>) -> String {
    let certificate = stored.certificate;
    let day = certificate.made.strftime("%Y-%m-%d");
    format!("{} – certificate of {day}", certificate.suite)
}

/// What can be seen of what nights are judged by.
fn headline(stored: &StoredCertificate<'_>) -> String {
    let certificate = stored.certificate;
    let judged = || certificate.cells.iter().filter(|cell| cell.primary);
    let exact = judged().filter(|cell| cell.deviation == 0.0).count();
    let noisy = || judged().filter(|cell| cell.deviation > 0.0 && cell.scale == Scale::Ratio);
    let mut text = format!("{} equal runs.", certificate.runs.len());
    let detectable: Vec<f64> = noisy().map(|cell| cell.detectable).collect();
    if let Some(middle) = median(&detectable) {
        let most = detectable.iter().copied().fold(0.0, f64::max);
        text += &format!(
            " Smallest change that two single runs show: {} (median of {} with scatter; {} at most).",
            units::change(middle),
            units::count(detectable.len(), "cell"),
            units::change(most),
        );
    }
    if exact > 0 {
        text += &format!(" Without any scatter: {}.", units::count(exact, "cell"));
    }
    let ratios: Vec<f64> = noisy().filter_map(excess).collect();
    if let Some(excess) = median(&ratios) {
        let excess = units::significant(excess, 2);
        text +=
            &format!(" Runs differ {excess} times as much as processes within them say (median).");
    }
    text
}

/// How far off a deviation from so many runs may be.
fn how_sure(runs: usize) -> String {
    let freedom = runs.saturating_sub(1).max(1) as f64;
    let interval = deviation_interval(1.0, freedom);
    format!(
        "From {runs} runs a deviation is known to within {} to {} times its value (95 %).",
        units::significant(interval.low, 2),
        units::significant(interval.high, 2)
    )
}

fn table(
    name: &str,
    stored: &StoredCertificate<'_>,
    dressing: Dressing,
    is_meant: impl Fn(&CertifiedCell) -> bool,
) -> String {
    let cells = stored.certificate.cells.iter();
    let cells = cells.filter(|cell| is_meant(cell));
    let rows: Vec<_> = cells.map(|cell| row(cell, dressing)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = [
        "case",
        "T",
        "metric",
        "value",
        "run to run",
        "processes say",
        "ratio",
        "detectable",
    ];
    dressing.heading(2, name) + &dressing.table(&header, rows)
}

fn row(cell: &CertifiedCell, dressing: Dressing) -> Vec<String> {
    let none = || units::NONE.to_owned();
    let kind = cell.id.metric.kind();
    let promised = cell.promised.map(|promised| spread(cell, promised));
    vec![
        safe(&cell.id.case, dressing),
        cell.id
            .tokens
            .map_or_else(none, |tokens| tokens.to_string()),
        safe(&cell.id.metric.name(), dressing),
        value(kind, cell.value),
        deviation(cell),
        promised.unwrap_or_else(none),
        excess(cell).map_or_else(none, |excess| format!("{}×", units::significant(excess, 2))),
        match cell.scale {
            Scale::Ratio => change(cell.detectable),
            Scale::Difference => value(kind, cell.detectable),
        },
    ]
}

/// A value or a difference of values, in the metric's unit.
fn value(kind: MetricKind, value: f64) -> String {
    match kind {
        MetricKind::Time => units::duration(value),
        MetricKind::Memory => units::bytes(value.round() as u64),
        MetricKind::Quality | MetricKind::Capacity | MetricKind::Own => {
            units::significant(value, 4)
        }
    }
}

/// A deviation on the cell's scale.
fn spread(cell: &CertifiedCell, deviation: f64) -> String {
    match (deviation == 0.0, cell.scale) {
        (true, _) => "none".to_owned(),
        (false, Scale::Ratio) => units::share(deviation),
        (false, Scale::Difference) => value(cell.id.metric.kind(), deviation),
    }
}

/// The deviation from run to run, with how far off it may be.
fn deviation(cell: &CertifiedCell) -> String {
    let interval = uncertainty(cell);
    match (cell.deviation == 0.0, cell.scale) {
        (true, _) => spread(cell, 0.0),
        (false, Scale::Ratio) => units::amount(cell.deviation, &interval, 0.01, " %"),
        (false, Scale::Difference) => {
            let [low, high] = [interval.low, interval.high].map(|end| spread(cell, end));
            format!("{} [{low}, {high}]", spread(cell, cell.deviation))
        }
    }
}

fn change(fraction: f64) -> String {
    match fraction == 0.0 {
        true => "any".to_owned(),
        false => units::change(fraction),
    }
}

/// How many times as much runs differ as processes within them say.
fn excess(cell: &CertifiedCell) -> Option<f64> {
    let promised = cell.promised.filter(|promised| *promised > 0.0)?;
    Some(cell.deviation / promised)
}

fn conditions(fingerprint: &Fingerprint) -> impl Iterator<Item = String> {
    let Fingerprint {
        machine, clocks, ..
    } = fingerprint;
    let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut items = vec![
        format!("device: {}", fingerprint.device),
        format!("processor: {}", unknown(&machine.cpu)),
        format!(
            "CPUs: {} logical, {} cores, {}",
            machine.logical_cpus,
            machine.physical_cores,
            units::count(fingerprint.threads as usize, "thread")
        ),
        format!("kernel: {}", unknown(&machine.kernel)),
        format!("clocks: {}", clock_text(clocks)),
    ];
    items.extend(machine.gpu.iter().map(|gpu| format!("GPU: {gpu}")));
    items.extend(
        clocks
            .gpu_driver
            .iter()
            .map(|driver| format!("driver: {driver}")),
    );
    items.push(format!("libtorch: {}", unknown(&fingerprint.torch)));
    let programs = fingerprint.programs.iter();
    items.extend(programs.map(|file| format!("worker: {} of {}", file.path, file.modified)));
    items.push(format!("anechoic: {}", fingerprint.anechoic));
    items.into_iter()
}

fn clock_text(clocks: &Clocks) -> String {
    let megahertz = |khz: u64| format!("{} MHz", khz / 1000);
    let parts = [
        clocks
            .cpu_governor
            .as_ref()
            .map(|governor| format!("governor {governor}")),
        clocks
            .cpu_frequency_limit_khz
            .map(|khz| format!("CPU up to {}", megahertz(khz))),
        clocks
            .cpu_boost
            .map(|boost| format!("boost {}", if boost { "on" } else { "off" })),
        clocks
            .gpu_clock_limit_khz
            .map(|khz| format!("GPU up to {}", megahertz(khz))),
        clocks
            .gpu_power_limit_milliwatts
            .map(|mw| format!("GPU up to {} W", mw / 1000)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "not told".to_owned(),
        false => parts.join(", "),
    }
}

fn section(name: &str, texts: impl Iterator<Item = String>, dressing: Dressing) -> String {
    let items = items(texts, dressing);
    match items.is_empty() {
        true => String::new(),
        false => dressing.heading(2, name) + &items,
    }
}

fn items(texts: impl Iterator<Item = String>, dressing: Dressing) -> String {
    texts
        .map(|text| dressing.item(&safe(&text, dressing)))
        .collect()
}

fn safe(text: &str, dressing: Dressing) -> String {
    match dressing {
        Dressing::Terminal => for_terminal(text),
        Dressing::Markdown => for_markdown(text),
    }
}
