//! The index of a results root says what the run directories say, whatever becomes of its file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anechoic_index::{Fault, INDEX, Index, IndexError, Query, check, rebuild};
use anechoic_integration_tests::large_run::LargeRun;
use anechoic_integration_tests::made_history::MadeHistory;
use anechoic_integration_tests::{Finished, anechoic, finish};
use anechoic_record::{Metric, RunRecord};
use anechoic_report::RunDigest;
use serde_json::{Value, json};

/// A root with so many small runs.
fn root(runs: u64) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("it works in a folder of our own");
    for seed in 1..=runs {
        add_run(root.path(), seed);
    }
    root
}

fn add_run(root: &Path, seed: u64) {
    let run = LargeRun {
        cases: 2,
        attempts: 2,
        iterations: 2,
        seconds: 1,
        seed,
        ..LargeRun::default()
    };
    run.write(root).expect("it works in a folder of our own");
}

/// What the directories themselves say.
fn read(root: &Path) -> Vec<RunDigest> {
    let mut digests: Vec<_> = fs::read_dir(root)
        .expect("it works in a folder of our own")
        .flatten()
        .filter(|entry| entry.path().join("run.json").is_file())
        .map(|entry| {
            RunDigest::of(&RunRecord::load(&entry.path()).expect("it works in a folder of our own"))
        })
        .collect();
    digests.sort_by(|a, b| (a.started, &a.run).cmp(&(b.started, &b.run)));
    digests
}

fn all(root: &Path) -> Vec<RunDigest> {
    let index = Index::open(root).expect("it works in a folder of our own");
    index
        .digests(&Query::default())
        .expect("it works in a folder of our own")
}

#[test]
fn an_index_follows_its_runs() {
    let root = root(3);
    let root = root.path();
    assert_eq!(all(root), read(root));
    assert_eq!(all(root).len(), 3);
    // From the file alone.
    assert_eq!(all(root), read(root));
    add_run(root, 4);
    fs::remove_dir_all(root.join("large-2_2026-11-22T03-45-00Z")).unwrap();
    let found = all(root);
    assert_eq!(found, read(root));
    assert_eq!(found.len(), 3);
    assert!(Index::open(root).unwrap().notes().is_empty());
}

#[test]
fn only_cells_that_fit_are_told() {
    let root = root(3);
    let index = Index::open(root.path()).unwrap();
    let query = Query {
        suite: Some("large".to_owned()),
        case: Some("b1.*".to_owned()),
        metrics: vec![Metric::TotalTime],
        last: Some(2),
    };
    let found = index.digests(&query).unwrap();
    assert_eq!(found.len(), 2);
    for (digest, whole) in found.iter().zip(&read(root.path())[1..]) {
        assert_eq!(digest.run, whole.run);
        let cells = whole.cells.iter();
        let fitting: Vec<_> = cells
            .filter(|cell| cell.id.case.starts_with("b1.") && cell.id.metric == Metric::TotalTime)
            .cloned()
            .collect();
        assert_eq!(digest.cells, fitting);
        assert_eq!(fitting.len(), 1);
    }
    let of = |query: Query| index.digests(&query).unwrap().len();
    let (suite, case) = (Some("other".to_owned()), Some("none".to_owned()));
    assert_eq!(
        of(Query {
            suite,
            ..Query::default()
        }),
        0
    );
    assert_eq!(
        of(Query {
            case,
            ..Query::default()
        }),
        0
    );
    let (case, last) = (Some("[".to_owned()), Some(1));
    assert_eq!(
        of(Query {
            last,
            ..Query::default()
        }),
        1
    );
    let error = index
        .digests(&Query {
            case,
            ..Query::default()
        })
        .unwrap_err();
    assert!(error.to_string().contains("`[`"), "{error}");
}

#[test]
fn a_damaged_index_is_made_anew() {
    let root = root(2);
    let root = root.path();
    let whole = all(root);
    let path = root.join(INDEX);
    let good = fs::read(&path).unwrap();
    let garbage = |range: std::ops::Range<usize>| {
        let mut bytes = good.clone();
        bytes[range].fill(0x5a);
        bytes
    };
    let end = good.len();
    for (what, bytes) in [
        ("no database", b"no database".repeat(500)),
        ("a header of garbage", garbage(0..100)),
        ("a first page of garbage", garbage(100..4096)),
        ("pages of garbage", garbage(4096..end)),
        ("half of it", good[..end / 2].to_vec()),
    ] {
        fs::write(&path, bytes).unwrap();
        let index = Index::open(root).unwrap();
        assert_eq!(index.digests(&Query::default()).unwrap(), whole, "{what}");
        let notes = index.notes().join("\n");
        assert!(notes.contains("was made anew"), "{what}: {notes}");
        let index = Index::open(root).unwrap();
        assert_eq!(index.digests(&Query::default()).unwrap(), whole, "{what}");
        assert!(index.notes().is_empty(), "{what}: {:?}", index.notes());
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(all(root), whole);
}

#[test]
fn without_a_file_the_index_works_from_memory() {
    let root = root(2);
    fs::create_dir(root.path().join(INDEX)).unwrap();
    let index = Index::open(root.path()).unwrap();
    assert_eq!(index.digests(&Query::default()).unwrap(), read(root.path()));
    let notes = index.notes().join("\n");
    assert!(notes.contains("cannot be used"), "{notes}");
}

#[test]
fn a_folder_without_runs_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    for folder in [root.path().to_owned(), root.path().join("missing")] {
        assert!(all(&folder).is_empty());
        assert!(!folder.join(INDEX).exists());
    }
    assert!(!root.path().join("missing").exists());
}

#[test]
fn a_damaged_run_is_left_out_until_it_changes() {
    let root = root(2);
    let manifest = root.path().join("large-1_2026-11-22T03-45-00Z/run.json");
    let good = fs::read(&manifest).unwrap();
    fs::write(&manifest, "{").unwrap();
    let index = Index::open(root.path()).unwrap();
    assert_eq!(index.digests(&Query::default()).unwrap().len(), 1);
    let notes = index.notes().join("\n");
    assert!(notes.contains("`large-1_"), "{notes}");
    fs::write(&manifest, good).unwrap();
    assert_eq!(all(root.path()), read(root.path()));
}

#[test]
fn a_rebuilt_index_says_the_same() {
    let root = root(2);
    let root = root.path();
    assert_eq!(check(root).unwrap(), [Fault::NoIndex]);
    let whole = all(root);
    assert_eq!(check(root).unwrap(), []);
    let open = Index::open(root).unwrap();
    let rebuilt = rebuild(root).unwrap();
    assert_eq!((rebuilt.runs, rebuilt.nights), (2, 0));
    assert_eq!(rebuilt.faults, []);
    assert_eq!(check(root).unwrap(), []);
    assert_eq!(all(root), whole);
    // Who has the old file goes on with it.
    assert_eq!(open.digests(&Query::default()).unwrap(), whole);
    let names = fs::read_dir(root).unwrap().flatten();
    let halves = names.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(halves.count(), 0);
}

#[test]
fn a_check_tells_what_has_happened_since() {
    let root = root(3);
    let root = root.path();
    all(root);
    let run = |seed: u64| format!("large-{seed}_2026-11-22T03-45-00Z");
    add_run(root, 4);
    fs::remove_dir_all(root.join(run(1))).unwrap();
    let manifest = root.join(run(2)).join("run.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text + "\n").unwrap();
    fs::write(root.join(run(3)).join("run.json"), "{").unwrap();
    let faults = check(root).unwrap();
    let names = |entry: &String, seed| *entry == run(seed);
    assert!(matches!(&faults[0], Fault::Missing { entry } if names(entry, 4)));
    assert!(matches!(&faults[1], Fault::Stale { entry } if names(entry, 2)));
    assert!(matches!(&faults[2], Fault::Surplus { entry } if names(entry, 1)));
    assert!(matches!(&faults[3], Fault::Unreadable { entry, .. } if names(entry, 3)));
    assert_eq!(faults.len(), 4, "{faults:?}");
    let behind = faults.iter().filter(|fault| fault.is_behind());
    assert_eq!(behind.count(), 3);
    all(root);
    let left = check(root).unwrap();
    assert!(matches!(&left[..], [Fault::Unreadable { .. }]), "{left:?}");
}

/// Files of the index are changed as no anechoic does.
fn execute(root: &Path, statements: &str) {
    let connection =
        rusqlite::Connection::open(root.join(INDEX)).expect("it works in a folder of our own");
    connection
        .execute_batch(statements)
        .expect("it works in a folder of our own");
}

#[test]
fn a_check_finds_what_was_changed_in_the_index() {
    let root = root(2);
    let root = root.path();
    let whole = all(root);
    execute(root, "UPDATE cells SET value = 2 * value WHERE run = 1");
    let faults = check(root).unwrap();
    assert!(matches!(&faults[..], [Fault::Differs { .. }]), "{faults:?}");
    rebuild(root).unwrap();
    assert_eq!(check(root).unwrap(), []);
    assert_eq!(all(root), whole);
    fs::write(root.join(INDEX), "no database at all").unwrap();
    let faults = check(root).unwrap();
    assert!(matches!(&faults[..], [Fault::Damaged { .. }]), "{faults:?}");
    rebuild(root).unwrap();
    assert_eq!(check(root).unwrap(), []);
}

#[test]
fn a_mixed_run_is_known_as_one() {
    let root = root(2);
    let root = root.path();
    let run = read(root)[0].run.clone();
    let manifest = root.join(run).join("run.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    let difference = json!({ "what": "kernel", "then": "1", "now": "2" });
    value["starts"][0]["differences"] = json!([difference]);
    fs::write(&manifest, value.to_string()).unwrap();
    let digests = all(root);
    let mixed: Vec<_> = digests.iter().map(|run| run.is_mixed).collect();
    assert_eq!(mixed, [true, false]);
    assert_eq!(digests, read(root));
}

#[test]
fn an_index_of_another_version_is_named_or_made_anew() {
    let root = root(2);
    let root = root.path();
    let whole = all(root);
    execute(root, "PRAGMA user_version = 9999");
    for error in [
        Index::open(root).map(drop).unwrap_err(),
        check(root).map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, IndexError::Newer { found: 9999, .. }));
        let text = error.to_string();
        assert!(
            text.contains("index.sqlite") && text.contains("index rebuild"),
            "{text}"
        );
    }
    rebuild(root).unwrap();
    assert_eq!(all(root), whole);
    execute(root, "PRAGMA user_version = 0; DROP TABLE night_cells");
    let faults = check(root).unwrap();
    assert_eq!(faults, [Fault::Older]);
    assert!(faults[0].is_behind(), "the next use makes it anew");
    let index = Index::open(root).unwrap();
    assert_eq!(index.digests(&Query::default()).unwrap(), whole);
    assert!(
        index.notes()[0].contains("made anew"),
        "{:?}",
        index.notes()
    );
}

/// Somebody has the file for longer than anybody waits.
#[test]
fn a_locked_index_is_done_without() {
    let root = root(1);
    let root = root.path();
    let whole = all(root);
    let connection = rusqlite::Connection::open(root.join(INDEX)).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let index = Index::open(root).unwrap();
    assert_eq!(index.digests(&Query::default()).unwrap(), whole);
    assert!(index.notes()[0].contains("locked"), "{:?}", index.notes());
    drop(connection);
    assert_eq!(all(root), whole);
    assert!(Index::open(root).unwrap().notes().is_empty());
}

/// What is written to a file that another one has replaced would be lost.
#[test]
fn processes_that_open_it_at_once_agree() {
    let root = root(12);
    let root = root.path();
    let whole = read(root);
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..6)
            .map(|number| {
                scope.spawn(move || {
                    if number == 3 {
                        rebuild(root).unwrap();
                    }
                    all(root)
                })
            })
            .collect();
        for one in opened {
            assert_eq!(one.join().unwrap(), whole);
        }
    });
    assert_eq!(check(root).unwrap(), []);
}

/// `anechoic index ACTION` of a root.
fn command(action: &str, root: &Path, more: &[&str]) -> Finished {
    let mut command = Command::new(anechoic());
    command.args(["index", action, "--results"]).arg(root);
    finish(command.args(more))
}

#[test]
fn the_command_makes_an_index_and_checks_it() {
    let root = root(2);
    let root = root.path();
    let checked = command("check", root, &[]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    assert_eq!(checked.stdout, "there is no index yet\n");
    let rebuilt = command("rebuild", root, &[]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.stderr);
    assert!(rebuilt.stdout.ends_with("holds 2 runs and 0 nights\n"));
    let checked = command("check", root, &[]);
    assert!(
        checked
            .stdout
            .ends_with("says what the runs and nights do\n")
    );
    add_run(root, 3);
    let checked = command("check", root, &["--format", "json"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let found: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(
        (&found["sound"], &found["faults"][0]["fault"]),
        (&true.into(), &"missing".into())
    );
    execute(root, "UPDATE cells SET value = 2 * value");
    let checked = command("check", root, &[]);
    assert_eq!(checked.code, 1, "{}", checked.stdout);
    assert!(
        checked.stdout.contains("says something else"),
        "{}",
        checked.stdout
    );
    assert!(
        checked.stderr.contains("anechoic index rebuild"),
        "{}",
        checked.stderr
    );
}

#[test]
fn the_command_says_what_it_cannot_do() {
    let root = root(1);
    let root = root.path();
    all(root);
    execute(root, "PRAGMA user_version = 9999");
    let checked = command("check", root, &[]);
    assert_eq!(checked.code, 1);
    assert!(
        checked.stderr.contains("version 9999"),
        "{}",
        checked.stderr
    );
    assert_eq!(command("rebuild", root, &[]).code, 0);
    let refused = command("rebuild", &root.join("missing"), &[]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.stderr.contains("hint: name the folder"),
        "{}",
        refused.stderr
    );
    fs::write(root.join("large-1_2026-11-22T03-45-00Z/run.json"), "{").unwrap();
    let rebuilt = command("rebuild", root, &["--format", "json"]);
    assert_eq!(rebuilt.code, 0);
    let found: Value = serde_json::from_str(&rebuilt.stdout).unwrap();
    assert_eq!(
        (&found["runs"], &found["faults"][0]["fault"]),
        (&0.into(), &"unreadable".into())
    );
    assert_eq!(command("check", root, &[]).code, 1);
}

/// No file may grow beyond some KiB: what a full disk does to a write.
#[test]
fn on_a_full_disk_the_index_works_from_memory() {
    let root = root(12);
    let root = root.path();
    let mut notes = 0;
    for blocks in [0, 8, 40, 100] {
        let _ = fs::remove_file(root.join(INDEX));
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$1\"");
        command
            .arg("-c")
            .arg(script)
            .arg(env!("CARGO_BIN_EXE_ask-index"))
            .arg(root);
        let asked = finish(&mut command);
        assert_eq!(asked.code, 0, "{}", asked.stderr);
        assert!(asked.stdout.starts_with("12 runs"), "{}", asked.stdout);
        notes += u32::from(asked.stdout.contains("cannot be used"));
        assert_eq!(all(root), read(root));
    }
    assert!(notes >= 2, "the limits are too generous");
}

#[test]
fn nights_come_back_with_the_cells_that_fit() {
    let root = tempfile::tempdir().unwrap();
    let history = MadeHistory {
        runs: 30,
        missed: vec![3],
        cases: 2,
        attempts: 2,
        step: Some((0.05, 5)),
        ..MadeHistory::default()
    };
    let runs = history.write(root.path()).unwrap();
    let index = Index::open(root.path()).unwrap();
    assert_eq!(index.digests(&Query::default()).unwrap(), runs);
    let kept = anechoic_record::nights(root.path()).unwrap();
    let nights = index.nights(None).unwrap();
    assert_eq!(nights.len(), 30);
    for (night, kept) in nights.iter().zip(kept) {
        assert_eq!(
            (&night.file, &night.night),
            (&kept.file, &kept.content.unwrap())
        );
    }
    assert!(index.nights(Some("other")).unwrap().is_empty());
    let query = Query {
        metrics: vec![Metric::TotalTime],
        last: Some(2),
        ..Query::default()
    };
    let fitting = index.nights_of(&query).unwrap();
    assert_eq!(fitting.len(), 2);
    for (night, whole) in fitting.iter().zip(&nights[28..]) {
        assert_eq!(night.file, whole.file);
        assert_eq!((night.night.cells.len(), whole.night.cells.len()), (2, 4));
    }
    // Read, stored and read again, every number is what it was: also in a program whose features are not those of tests.
    assert_eq!(command("rebuild", root.path(), &[]).code, 0);
    let checked = command("check", root.path(), &[]);
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    let damaged = root.path().join("nights").join(&nights[0].file);
    fs::write(damaged, "{").unwrap();
    let index = Index::open(root.path()).unwrap();
    assert_eq!(index.nights(None).unwrap(), nights[1..]);
    assert!(index.notes()[0].contains("nights/"), "{:?}", index.notes());
}
