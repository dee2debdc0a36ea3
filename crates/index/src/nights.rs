//! Nights out of the tables.

use std::collections::HashMap;

use anechoic_record::{Metric, Night, NightCell};
use rusqlite::Connection;

use crate::digests::{json, keep_last};
use crate::query::Cells;
use crate::trouble::Trouble;

/// A night and the file that tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredNight {
    /// The name of the file in the folder `nights`.
    pub file: String,
    /// What the night came to.
    pub night: Night,
}

/// Nights of a suite, or all, with the cells that fit, oldest first. A night stays also where none fits.
pub(crate) fn nights(
    connection: &Connection,
    suite: Option<&str>,
    cells: &Cells<'_>,
    last: Option<usize>,
) -> Result<Vec<StoredNight>, Trouble> {
    let transaction = connection.unchecked_transaction()?;
    let mut rows = rows(&transaction, suite)?;
    keep_last(&mut rows, last);
    let places: HashMap<i64, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, (id, _))| (*id, at))
        .collect();
    let mut select = transaction.prepare_cached(
        "SELECT night, case_id, metric, content FROM night_cells
         WHERE ?1 IS NULL OR night IN (SELECT id FROM nights WHERE suite = ?1) ORDER BY night, place",
    )?;
    let mut found = select.query([suite])?;
    while let Some(row) = found.next()? {
        let night: i64 = row.get(0)?;
        let case = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let metric = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        if let Some(at) = places.get(&night)
            && cells.fit(case, &self::metric(metric)?)
        {
            let content = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
            let cell: NightCell = json("cell of a night", content)?;
            rows[*at].1.night.cells.push(cell);
        }
    }
    Ok(rows.into_iter().map(|(_, night)| night).collect())
}

fn metric(name: &str) -> Result<Metric, Trouble> {
    name.parse()
        .map_err(|_| Trouble::unreadable("metric", name))
}

/// Nights without their cells.
fn rows(connection: &Connection, suite: Option<&str>) -> Result<Vec<(i64, StoredNight)>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT id, file, content FROM nights WHERE ?1 IS NULL OR suite = ?1
         ORDER BY started_ns, file",
    )?;
    let mut found = select.query([suite])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let content: String = row.get(2)?;
        let night = json("night", &content)?;
        let file = row.get(1)?;
        rows.push((row.get(0)?, StoredNight { file, night }));
    }
    Ok(rows)
}
