//! Puts runs and nights into the tables, or takes them out. Every function is one transaction: all of it is there afterwards, or nothing.

use std::collections::HashMap;

use anechoic_record::{Night, RunState};
use anechoic_report::{CellDigest, RunDigest};
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde_json::Value;

use crate::read::{Content, Wanted, What};
use crate::trouble::Trouble;

/// How a running run is kept.
pub(crate) const RUNNING: &str = "running";

/// Stores what was read, in place of what was there of the same runs and nights.
pub(crate) fn store(
    connection: &mut Connection,
    batch: &[(Wanted, Content)],
) -> Result<(), Trouble> {
    let transaction = begin(connection)?;
    let mut series = Series::load(&transaction)?;
    for (wanted, content) in batch {
        clear(&transaction, wanted)?;
        match content {
            Content::Run(digest) => store_run(&transaction, &mut series, wanted, digest)?,
            Content::Night(night) => store_night(&transaction, wanted, night)?,
            Content::Unreadable { why, is_lasting } => {
                let stamp = if *is_lasting { &wanted.stamp } else { "" };
                let mut insert =
                    transaction.prepare_cached("INSERT INTO faults VALUES (?1, ?2, ?3)")?;
                insert.execute(params![wanted.entry(), stamp, why])?;
            }
        }
    }
    Ok(transaction.commit()?)
}

/// Takes out runs and nights that are gone.
pub(crate) fn remove(connection: &mut Connection, gone: &[Wanted]) -> Result<(), Trouble> {
    let transaction = begin(connection)?;
    for one in gone {
        clear(&transaction, one)?;
    }
    Ok(transaction.commit()?)
}

/// Takes out what no run has any more.
pub(crate) fn sweep(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction = begin(connection)?;
    transaction.execute_batch(
        "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM cells WHERE cells.series = series.id);
         DELETE FROM fingerprints WHERE id NOT IN (SELECT fingerprint FROM runs);",
    )?;
    Ok(transaction.commit()?)
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Trouble> {
    // A transaction that only becomes one of writing at its first write cannot wait for another writer.
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn clear(transaction: &Transaction<'_>, wanted: &Wanted) -> Result<(), Trouble> {
    let statements = match wanted.what {
        What::Run => [
            "DELETE FROM cells WHERE run = (SELECT id FROM runs WHERE folder = ?1)",
            "DELETE FROM runs WHERE folder = ?1",
        ],
        What::Night => [
            "DELETE FROM night_cells WHERE night = (SELECT id FROM nights WHERE file = ?1)",
            "DELETE FROM nights WHERE file = ?1",
        ],
    };
    for statement in statements {
        transaction
            .prepare_cached(statement)?
            .execute([&wanted.name])?;
    }
    let mut faults = transaction.prepare_cached("DELETE FROM faults WHERE entry = ?1")?;
    faults.execute([wanted.entry()])?;
    Ok(())
}

fn store_run(
    transaction: &Transaction<'_>,
    series: &mut Series,
    wanted: &Wanted,
    digest: &RunDigest,
) -> Result<(), Trouble> {
    let fingerprint = fingerprint(transaction, digest)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO runs (folder, stamp, suite, started_ns, state, is_audit, is_mixed, cases, measured_cases, fingerprint)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let run = insert.insert(params![
        wanted.name,
        wanted.stamp,
        digest.suite,
        nanoseconds(digest.started),
        state(digest.state),
        digest.is_audit,
        digest.is_mixed,
        digest.cases,
        digest.measured_cases,
        fingerprint,
    ])?;
    for (place, cell) in (0_i64..).zip(&digest.cells) {
        let series = series.of(transaction, cell)?;
        store_cell(transaction, series, run, place, cell)?;
    }
    Ok(())
}

fn store_cell(
    transaction: &Transaction<'_>,
    series: i64,
    run: i64,
    place: i64,
    cell: &CellDigest,
) -> Result<(), Trouble> {
    let average = &cell.average;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO cells (series, run, place, value, low, high, scale, processes, iterations, disturbed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        series,
        run,
        place,
        average.value,
        average.interval.map(|interval| interval.low),
        average.interval.map(|interval| interval.high),
        word(&average.scale),
        count(average.processes),
        count(average.iterations),
        cell.disturbed,
    ])?;
    Ok(())
}

/// Most runs share theirs.
fn fingerprint(transaction: &Transaction<'_>, digest: &RunDigest) -> Result<i64, Trouble> {
    let content = json(&digest.fingerprint);
    let mut insert = transaction
        .prepare_cached("INSERT INTO fingerprints (content) VALUES (?1) ON CONFLICT DO NOTHING")?;
    insert.execute([&content])?;
    let mut select =
        transaction.prepare_cached("SELECT id FROM fingerprints WHERE content = ?1")?;
    Ok(select.query_row([&content], |row| row.get(0))?)
}

/// Cells apart from the night, so that a history of one case need not read those of all.
fn store_night(
    transaction: &Transaction<'_>,
    wanted: &Wanted,
    night: &Night,
) -> Result<(), Trouble> {
    let without_cells = Night {
        cells: Vec::new(),
        ..night.clone()
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO nights (file, stamp, suite, started_ns, content) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let id = insert.insert(params![
        wanted.name,
        wanted.stamp,
        night.suite,
        nanoseconds(night.started),
        json(&without_cells),
    ])?;
    let mut insert = transaction
        .prepare_cached("INSERT INTO night_cells (night, place, case_id, metric, content) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (place, cell) in (0_i64..).zip(&night.cells) {
        insert.execute(params![
            id,
            place,
            cell.id.case,
            cell.id.metric.name(),
            json(cell)
        ])?;
    }
    Ok(())
}

/// Numbers of the series that there are, by what tells them apart.
struct Series(HashMap<SeriesKey, i64>);

/// Case, metric, T, settings, and whether it is primary.
type SeriesKey = (String, String, Option<u32>, String, bool);

impl Series {
    fn load(transaction: &Transaction<'_>) -> Result<Self, Trouble> {
        let mut select = transaction.prepare_cached(
            "SELECT case_id, metric, tokens, settings, is_primary, id FROM series",
        )?;
        let rows = select.query_map([], |row| {
            let key = (
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            );
            Ok((key, row.get(5)?))
        })?;
        Ok(Self(rows.collect::<Result<_, _>>()?))
    }

    fn of(&mut self, transaction: &Transaction<'_>, cell: &CellDigest) -> Result<i64, Trouble> {
        let (case, metric, tokens) = (&cell.id.case, cell.id.metric.name(), cell.id.tokens);
        let key = (
            case.clone(),
            metric,
            tokens,
            cell.settings.clone(),
            cell.primary,
        );
        if let Some(id) = self.0.get(&key) {
            return Ok(*id);
        }
        let mut insert = transaction.prepare_cached(
            "INSERT INTO series (case_id, metric, tokens, settings, is_primary) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let id = insert.insert(params![key.0, key.1, key.2, key.3, key.4])?;
        self.0.insert(key, id);
        Ok(id)
    }
}

/// Times that no run has, beyond the years 1677 and 2262, become the nearest that fit.
fn nanoseconds(at: Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn state(state: RunState) -> String {
    word(&state)
}

/// A closed enum as JSON writes it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records always serialise")
}
