//! The tables of an index, and their version.

use rusqlite::Connection;

use crate::trouble::Trouble;

/// Version of the tables, and of what is put into them. To be raised wherever either changes, also where only the way a run becomes a
/// digest does: an index of an earlier version is made anew.
pub(crate) const VERSION: i64 = 2;

/// Says that a database is an index: "anec".
const APPLICATION: i64 = 0x616e_6563;

/// One row per run, per cell of a run, per night and per cell of a night. `stamp` says in which state the files were that it was read from.
/// A series is a cell with its settings: what cells of many runs have in common. Cells are kept in the order of their series, so that
/// those of one case lie together.
const TABLES: &str = "
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE,
    stamp TEXT NOT NULL,
    suite TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    is_audit INTEGER NOT NULL,
    is_mixed INTEGER NOT NULL,
    cases INTEGER NOT NULL,
    measured_cases INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL REFERENCES fingerprints (id)
) STRICT;
CREATE INDEX runs_by_suite ON runs (suite, started_ns);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    tokens INTEGER,
    settings TEXT NOT NULL,
    is_primary INTEGER NOT NULL
) STRICT;
CREATE INDEX series_by_case_and_metric ON series (case_id, metric);
CREATE TABLE cells (
    series INTEGER NOT NULL REFERENCES series (id),
    run INTEGER NOT NULL REFERENCES runs (id),
    place INTEGER NOT NULL,
    value REAL NOT NULL,
    low REAL,
    high REAL,
    scale TEXT NOT NULL,
    processes INTEGER NOT NULL,
    iterations INTEGER NOT NULL,
    disturbed INTEGER NOT NULL,
    PRIMARY KEY (series, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX cells_by_run ON cells (run);
CREATE TABLE nights (
    id INTEGER PRIMARY KEY,
    file TEXT NOT NULL UNIQUE,
    stamp TEXT NOT NULL,
    suite TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;
CREATE INDEX nights_by_suite ON nights (suite, started_ns);
CREATE TABLE night_cells (
    night INTEGER NOT NULL REFERENCES nights (id),
    place INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (night, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE faults (
    entry TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing is in it yet.
    Empty,
    /// An index that this build can use.
    Known,
    /// One of an earlier build.
    Older,
}

/// Looks at a database.
///
/// # Errors
/// Where it is no index, or one of a later build.
pub(crate) fn kind(connection: &Connection) -> Result<Kind, Trouble> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (number("application_id")?, number("user_version")?, tables) {
        (0, 0, 0) => Ok(Kind::Empty),
        (APPLICATION, VERSION, 1..) => Ok(Kind::Known),
        (APPLICATION, found, _) if found > VERSION => Err(Trouble::Newer(found)),
        (APPLICATION, found, 1..) if found < VERSION => Ok(Kind::Older),
        _ => Err(Trouble::Damaged("it is no index of anechoic".to_owned())),
    }
}

/// Makes the tables in an empty database; nothing where another process has done so meanwhile.
pub(crate) fn create(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if kind(&transaction)? == Kind::Empty {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.execute_batch(TABLES)?;
    }
    Ok(transaction.commit()?)
}
