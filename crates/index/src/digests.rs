//! Runs out of the tables.

use std::collections::HashMap;

use anechoic_record::{CellId, Fingerprint, RunState};
use anechoic_report::{CellDigest, RunDigest};
use anechoic_stats::{Average, Interval};
use jiff::Timestamp;
use rusqlite::{Connection, Row, Rows};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::query::Cells;
use crate::trouble::Trouble;

/// Cells of runs, by the run's number, each with its place.
type CellsOfRuns = HashMap<i64, Vec<(i64, CellDigest)>>;

/// Runs of a suite, or all, with the cells that fit, oldest first; audits among them. Where not every cell fits, only runs that have one
/// that does.
pub(crate) fn runs(
    connection: &Connection,
    suite: Option<&str>,
    cells: &Cells<'_>,
    last: Option<usize>,
    with_audits: bool,
) -> Result<Vec<RunDigest>, Trouble> {
    // One state of the index, whoever writes meanwhile.
    let transaction = connection.unchecked_transaction()?;
    let mut rows = run_rows(&transaction, suite)?;
    rows.retain(|(_, run)| with_audits || !run.is_audit);
    let mut found = if cells.is_all() {
        keep_last(&mut rows, last);
        match last {
            Some(_) => cells_of_runs(&transaction, rows.iter().map(|(id, _)| *id))?,
            None => cells_that_fit(&transaction, cells)?,
        }
    } else {
        let found = cells_that_fit(&transaction, cells)?;
        rows.retain(|(id, _)| found.contains_key(id));
        keep_last(&mut rows, last);
        found
    };
    for (id, run) in &mut rows {
        let mut cells = found.remove(id).unwrap_or_default();
        cells.sort_by_key(|(place, _)| *place);
        run.cells = cells.into_iter().map(|(_, cell)| cell).collect();
    }
    Ok(rows.into_iter().map(|(_, run)| run).collect())
}

/// The suite that was run last; where there is no run, that of the newest night.
pub(crate) fn newest_suite(connection: &Connection) -> Result<Option<String>, Trouble> {
    let newest = [
        "SELECT suite FROM runs WHERE NOT is_audit ORDER BY started_ns DESC, folder DESC LIMIT 1",
        "SELECT suite FROM nights ORDER BY started_ns DESC, file DESC LIMIT 1",
    ];
    for select in newest {
        let mut select = connection.prepare_cached(select)?;
        if let Some(row) = select.query([])?.next()? {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// The newest, of what is in order.
pub(crate) fn keep_last<T>(rows: &mut Vec<T>, last: Option<usize>) {
    if let Some(last) = last {
        rows.drain(..rows.len().saturating_sub(last));
    }
}

/// Runs without their cells.
fn run_rows(
    connection: &Connection,
    suite: Option<&str>,
) -> Result<Vec<(i64, RunDigest)>, Trouble> {
    let fingerprints = fingerprints(connection)?;
    let mut select = connection.prepare_cached(
        "SELECT id, folder, suite, started_ns, state, is_audit, is_mixed, cases, measured_cases, fingerprint
         FROM runs WHERE ?1 IS NULL OR suite = ?1 ORDER BY started_ns, folder",
    )?;
    let mut rows = select.query([suite])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push((row.get(0)?, run(row, &fingerprints)?));
    }
    Ok(runs)
}

fn run(row: &Row<'_>, fingerprints: &HashMap<i64, Fingerprint>) -> Result<RunDigest, Trouble> {
    let state: String = row.get(4)?;
    let fingerprint: i64 = row.get(9)?;
    let known = fingerprints.get(&fingerprint);
    Ok(RunDigest {
        run: row.get(1)?,
        suite: row.get(2)?,
        started: time(row.get(3)?)?,
        state: word::<RunState>("state of a run", &state)?,
        is_audit: row.get(5)?,
        is_mixed: row.get(6)?,
        cases: row.get(7)?,
        measured_cases: row.get(8)?,
        fingerprint: known
            .ok_or_else(|| Trouble::unreadable("fingerprint", &fingerprint.to_string()))?
            .clone(),
        cells: Vec::new(),
    })
}

fn fingerprints(connection: &Connection) -> Result<HashMap<i64, Fingerprint>, Trouble> {
    let mut select = connection.prepare_cached("SELECT id, content FROM fingerprints")?;
    let mut rows = select.query([])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let content: String = row.get(1)?;
        let fingerprint = json("fingerprint", &content)?;
        found.insert(row.get(0)?, fingerprint);
    }
    Ok(found)
}

/// A series, as the start of each of its cells.
struct Series {
    id: CellId,
    settings: String,
    primary: bool,
}

fn series(connection: &Connection) -> Result<HashMap<i64, Series>, Trouble> {
    let mut select = connection
        .prepare_cached("SELECT id, case_id, metric, tokens, settings, is_primary FROM series")?;
    let mut rows = select.query([])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let metric: String = row.get(2)?;
        let id = CellId {
            case: row.get(1)?,
            tokens: row.get(3)?,
            metric: metric
                .parse()
                .map_err(|_| Trouble::unreadable("metric", &metric))?,
        };
        let (settings, primary) = (row.get(4)?, row.get(5)?);
        let series = Series {
            id,
            settings,
            primary,
        };
        found.insert(row.get(0)?, series);
    }
    Ok(found)
}

const CELL: &str = "series, run, place, value, low, high, scale, processes, iterations, disturbed";

/// Of all runs, series by series: they lie in this order.
fn cells_that_fit(connection: &Connection, cells: &Cells<'_>) -> Result<CellsOfRuns, Trouble> {
    let mut found = CellsOfRuns::new();
    let series = series(connection)?;
    let mut select =
        connection.prepare_cached(&format!("SELECT {CELL} FROM cells WHERE series = ?1"))?;
    for (id, one) in &series {
        if cells.fit(&one.id.case, &one.id.metric) {
            collect(select.query([id])?, &series, &mut found)?;
        }
    }
    Ok(found)
}

/// Of these runs, all.
fn cells_of_runs(
    connection: &Connection,
    runs: impl Iterator<Item = i64>,
) -> Result<CellsOfRuns, Trouble> {
    let mut found = CellsOfRuns::new();
    let series = series(connection)?;
    let mut select =
        connection.prepare_cached(&format!("SELECT {CELL} FROM cells WHERE run = ?1"))?;
    for run in runs {
        collect(select.query([run])?, &series, &mut found)?;
    }
    Ok(found)
}

fn collect(
    mut rows: Rows<'_>,
    series: &HashMap<i64, Series>,
    found: &mut CellsOfRuns,
) -> Result<(), Trouble> {
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let series = series
            .get(&number)
            .ok_or_else(|| Trouble::unreadable("series", &number.to_string()))?;
        let cell = CellDigest {
            id: series.id.clone(),
            settings: series.settings.clone(),
            primary: series.primary,
            average: average(row)?,
            disturbed: row.get(9)?,
        };
        let run = found.entry(row.get(1)?).or_default();
        run.push((row.get(2)?, cell));
    }
    Ok(())
}

fn average(row: &Row<'_>) -> Result<Average, Trouble> {
    let (low, high): (Option<f64>, Option<f64>) = (row.get(4)?, row.get(5)?);
    let scale = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
    let count = |column| -> Result<usize, Trouble> {
        let count: i64 = row.get(column)?;
        usize::try_from(count).map_err(|_| Trouble::unreadable("count", &count.to_string()))
    };
    Ok(Average {
        value: row.get(3)?,
        interval: low.zip(high).map(|(low, high)| Interval { low, high }),
        scale: word("scale", scale)?,
        processes: count(7)?,
        iterations: count(8)?,
    })
}

fn time(nanoseconds: i64) -> Result<Timestamp, Trouble> {
    Timestamp::from_nanosecond(nanoseconds.into())
        .map_err(|_| Trouble::unreadable("time", &nanoseconds.to_string()))
}

/// A closed enum as JSON writes it.
fn word<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Trouble> {
    let value = Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|_| Trouble::unreadable(what, text))
}

/// What was stored as JSON.
pub(crate) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|_| Trouble::unreadable(what, text))
}
