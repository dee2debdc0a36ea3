//! A night as text for people: one line that says what it came to, a table of its cells, and what it rests on.

mod figures;

use anechoic_record::{CellFinding, News, Night, NightCell, NightOutcome, NoiseSource, Notice};

use crate::plain::plain;
use crate::render::Dressing;
use crate::units;
use figures::{cell_name, effect, finding, threshold, told_from, value};

/// A night, and what is to be known beside its record.
#[derive(Debug, Clone, Copy)]
pub struct NightReport<'a> {
    /// The night.
    pub night: &'a Night,
    /// What else is to be known.
    pub notes: &'a [String],
}

/// The whole report: plain lines that a journal keeps well.
pub fn night_text(report: NightReport<'_>) -> String {
    text(report, told(report.night))
}

/// What people are told: the report without how telling them went, which nobody knows before.
pub fn night_message(report: NightReport<'_>) -> String {
    let text = text(report, Vec::new());
    match report.night.news {
        // The night itself is quiet; what people know of is over.
        Some(News::Recovery) => format!("{}\n\n{text}", night_title(report.night)),
        Some(News::Regression | News::Failure | News::NothingMeasured) | None => text,
    }
}

fn text(report: NightReport<'_>, told: Vec<String>) -> String {
    let NightReport { night, notes } = report;
    let mut text = format!("{}\n", one_line(&headline(night)));
    if !night.cells.is_empty() {
        text += &format!("\n{}", table(&night.cells));
    }
    let lines: Vec<_> = basis(night)
        .into_iter()
        .chain(notes.iter().map(|note| format!("note: {note}")))
        .chain(told)
        .collect();
    if !lines.is_empty() {
        text += "\n";
    }
    for line in lines {
        text += &format!("{}\n", one_line(&line));
    }
    text
}

/// What people are told in one line, such as a mail's subject.
pub fn night_title(night: &Night) -> String {
    let suite = &night.suite;
    let title = match night.news {
        Some(News::Recovery) => format!("{suite}: recovered: {}", what(night)),
        Some(News::NothingMeasured) => {
            format!(
                "{suite}: nothing measured for several nights: {}",
                what(night)
            )
        }
        Some(News::Regression | News::Failure) | None => headline(night),
    };
    one_line(&title)
}

fn headline(night: &Night) -> String {
    let outcome = night.outcome.name().replace('-', " ");
    format!("{}: {outcome}: {}", night.suite, what(night))
}

fn what(night: &Night) -> String {
    match &night.outcome {
        NightOutcome::NoBaseline => {
            "measured, and nothing to compare with; it is the baseline of the nights to come"
                .to_owned()
        }
        NightOutcome::Quiet => quiet(night),
        NightOutcome::Regression => regression(night),
        NightOutcome::Accepted => {
            "measured, and taken as it is; it is the baseline of the nights to come".to_owned()
        }
        NightOutcome::NotMeasured { reasons } | NightOutcome::Failed { reasons } => {
            reasons.join("; ")
        }
    }
}

fn quiet(night: &Night) -> String {
    let count = |finding: &CellFinding| {
        let cells = night.cells.iter();
        cells.filter(|cell| cell.finding == *finding).count()
    };
    let (better, new) = (count(&CellFinding::Better), count(&CellFinding::New));
    let unjudged = count(&CellFinding::Unjudged);
    let judged = night.cells.len() - new - unjudged;
    let mut text = match judged {
        0 if unjudged > 0 => "nothing could be judged".to_owned(),
        judged => format!("none of {} worse", units::count(judged, "cell")),
    };
    let others = [
        (better, "better"),
        (unjudged, "not judged"),
        (new, "without a counterpart"),
    ];
    for (number, word) in others {
        if number > 0 {
            text += &format!(", {number} {word}");
        }
    }
    text + &sensitivity(&night.cells).unwrap_or_default()
}

/// How large a change had to be to be told: that nothing is worse says no more than that.
fn sensitivity(cells: &[NightCell]) -> Option<String> {
    let mut from: Vec<f64> = cells.iter().filter_map(told_from).collect();
    from.sort_by(f64::total_cmp);
    let most = units::change(*from.last()?);
    let half = units::change(from[(from.len() - 1) / 2]);
    Some(match half == most {
        true => format!("; a measured change is told from {most} on"),
        false => {
            format!(
                "; a measured change is told from {half} on in half of them, from {most} on in all"
            )
        }
    })
}

/// The cells that are worse, the first few by name.
fn regression(night: &Night) -> String {
    const NAMED: usize = 3;
    let worse: Vec<_> = night
        .cells
        .iter()
        .filter(|cell| cell.finding.is_worse())
        .collect();
    let named: Vec<_> = worse
        .iter()
        .take(NAMED)
        .map(|cell| worse_text(cell))
        .collect();
    let more = match worse.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let cells = units::count(night.cells.len(), "cell");
    format!(
        "{} of {cells} worse: {}{more}",
        worse.len(),
        named.join("; ")
    )
}

fn worse_text(cell: &NightCell) -> String {
    let change = match &cell.finding {
        CellFinding::New
        | CellFinding::Unjudged
        | CellFinding::Same
        | CellFinding::Better
        | CellFinding::Worse => effect(cell),
        CellFinding::Step { .. } | CellFinding::Creep { .. } => finding(cell),
    };
    format!("{} {change}", cell_name(&cell.id))
}

fn table(cells: &[NightCell]) -> String {
    let header = [
        "case",
        "T",
        "metric",
        "tonight",
        "baseline",
        "change",
        "found from",
        "finding",
    ];
    let row = |cell: &NightCell| {
        let tokens = cell.id.tokens;
        let tokens = tokens.map_or_else(|| units::NONE.to_owned(), |t| t.to_string());
        vec![
            one_line(&cell.id.case),
            tokens,
            one_line(&cell.id.metric.name()),
            value(cell, Some(cell.value)),
            value(cell, cell.reference),
            effect(cell),
            threshold(cell),
            one_line(&finding(cell)),
        ]
    };
    Dressing::Terminal.table(&header, cells.iter().map(row).collect())
}

/// The runs, and where noise is known from.
fn basis(night: &Night) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(night.run.as_ref().map(|run| {
        let runs = std::iter::once(run).chain(&night.confirmations);
        format!("run: {}", list(runs))
    }));
    if !night.against.is_empty() {
        let runs = list(night.against.iter());
        lines.push(format!("compared with {}: {runs}", night.baseline));
    }
    lines.extend(night.noise.as_ref().map(|noise| match noise {
        NoiseSource::Certificate {
            file,
            expired: false,
        } => {
            format!("noise: from the certificate `{file}`, which is valid")
        }
        NoiseSource::Certificate {
            file,
            expired: true,
        } => {
            format!("noise: from the certificate `{file}`, which has expired, and taken for larger")
        }
        NoiseSource::Nights { nights, why } => {
            format!(
                "noise: from {} ({why})",
                units::count(*nights as usize, "night")
            )
        }
        NoiseSource::Processes { why } => {
            format!("noise: from the processes of the runs alone ({why})")
        }
    }));
    lines
}

fn list<'a>(runs: impl Iterator<Item = &'a String>) -> String {
    runs.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Who is told, and who could not be.
fn told(night: &Night) -> Vec<String> {
    let Some(news) = night.news else {
        return Vec::new();
    };
    if night.notices.is_empty() {
        return vec![format!("news: {}; nobody is told", news.name())];
    }
    let notice = |notice: &Notice| {
        let tries = match notice.tries {
            1 => "1 try".to_owned(),
            several => format!("{several} tries"),
        };
        match &notice.error {
            None => format!("told of {}: by {} ({tries})", news.name(), notice.way),
            Some(error) => format!(
                "not told of {}: by {} ({tries}): {error}",
                news.name(),
                notice.way
            ),
        }
    };
    night.notices.iter().map(notice).collect()
}

/// Text from outside as one harmless line.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .collect();
    plain(&spaced)
}

#[cfg(test)]
mod tests;
