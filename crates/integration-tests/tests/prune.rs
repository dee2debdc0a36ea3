//! `anechoic prune` on made-up runs, through the real program.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anechoic_integration_tests::large_run::LargeRun;
use anechoic_integration_tests::{Bench, Finished};
use anechoic_record::{Night, NightOutcome, RunLock, SCHEMA_VERSION, list_runs, write_night};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

/// A results root of its own. `bench` is there for the program and the folder.
struct Root {
    bench: Bench,
    path: PathBuf,
}

impl Root {
    fn new() -> Self {
        let bench = Bench::new("", "");
        let path = bench.path("results");
        Self { bench, path }
    }

    /// Makes up a run of this suite, which was started so many days ago; its name.
    fn run(&self, suite: &str, days: i64) -> String {
        let name = format!("{suite}-{days}");
        let small = LargeRun {
            cases: 2,
            attempts: 2,
            iterations: 1,
            seconds: 1,
            ..LargeRun::default()
        };
        let folder = small.write(&self.path).expect("the folder can be written");
        let manifest = folder.join("run.json");
        let mut value: Value =
            serde_json::from_str(&fs::read_to_string(&manifest).expect("a run has a manifest"))
                .expect("a run has a manifest");
        value["run"] = json!(name);
        value["plan"]["name"] = json!(suite);
        value["started"] = json!(days_ago(days));
        fs::write(&manifest, value.to_string()).expect("the folder can be written");
        fs::rename(folder, self.path.join(&name)).expect("the folder can be written");
        name
    }

    fn night(&self, run: &str, days: i64, outcome: NightOutcome) {
        let night = Night {
            schema_version: SCHEMA_VERSION,
            suite: "quick".to_owned(),
            started: days_ago(days),
            ended: days_ago(days) + SignedDuration::from_hours(1),
            run: Some(run.to_owned()),
            confirmations: Vec::new(),
            left_out: Vec::new(),
            baseline: "last-good".to_owned(),
            against: Vec::new(),
            noise: None,
            outcome,
            cells: Vec::new(),
            news: None,
            notices: Vec::new(),
        };
        write_night(&self.path, &night).expect("the folder can be written");
    }

    fn prune(&self, args: &[&str]) -> Finished {
        let all = [&["prune", "--keep-days", "10", "--keep-last", "1"], args].concat();
        self.bench.run(&all)
    }

    /// What `prune --format json` says of it.
    fn told(&self, args: &[&str]) -> Value {
        let done = self.prune(&[&["--format", "json"], args].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str(&done.stdout).expect("it is JSON")
    }

    /// The runs that are there, by name.
    fn runs(&self) -> Vec<String> {
        let mut names: Vec<_> = list_runs(&self.path)
            .expect("the folder can be read")
            .into_iter()
            .map(|run| run.run)
            .collect();
        names.sort();
        names
    }
}

fn fate<'a>(told: &'a Value, run: &str) -> &'a str {
    let mut runs = told["runs"].as_array().expect("runs are a list").iter();
    let found = runs.find(|object| object["name"] == run);
    found.unwrap_or_else(|| panic!("no {run} in {told}"))["fate"]
        .as_str()
        .expect("a fate is a text")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("the folder can be read")
        .flatten();
    let mut found: Vec<_> = entries
        .flat_map(
            |entry| match entry.file_type().expect("the folder can be read").is_dir() {
                true => files(&entry.path()),
                false => vec![entry.path()],
            },
        )
        .collect();
    found.sort();
    found
}

#[test]
fn nothing_is_removed_unless_it_is_asked_for() {
    let root = Root::new();
    for days in [0, 20, 30, 40] {
        root.run("quick", days);
    }
    root.run("kv", 50);
    let before = files(&root.path);
    let told = root.told(&[]);
    assert_eq!(told["applied"], false);
    assert!(told["bytes"].as_u64().unwrap() > 0);
    for (run, expected) in [
        ("quick-0", "stays"),
        ("quick-20", "would-go"),
        ("kv-50", "stays"),
    ] {
        assert_eq!(fate(&told, run), expected, "{run}");
    }
    let text = root.prune(&[]).stdout;
    for part in [
        "quick-30  would go",
        "kv-50     stays",
        "newest, in-use, --keep-last 1, --keep-days 10",
        "it is the newest run of its suite",
        "it was started in the last 10 days",
        "Nothing was removed yet: the same command with `--apply` removes 3 runs, and frees ",
        "iB; 2 runs stay.",
        "Samples of removed runs are gone for good",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert_eq!(files(&root.path), before);
}

#[test]
fn old_runs_go_and_what_is_needed_stays() {
    let root = Root::new();
    for days in [0, 20, 30, 40, 50] {
        root.run("quick", days);
    }
    root.night("quick-50", 50, NightOutcome::Accepted);
    root.night("quick-40", 40, NightOutcome::Quiet);
    root.night("quick-30", 30, NightOutcome::Regression);
    symlink("quick-0", root.path.join("latest")).unwrap();
    let told = root.told(&["--apply", "--keep-regressions"]);
    assert_eq!(fate(&told, "quick-20"), "removed");
    assert_eq!(root.runs(), ["quick-0", "quick-30", "quick-40", "quick-50"]);
    let told = root.told(&["--apply"]);
    assert_eq!(fate(&told, "quick-30"), "removed");
    assert_eq!(root.runs(), ["quick-0", "quick-40", "quick-50"]);
    assert!(root.path.join("latest/run.json").is_file());
    assert_eq!(fs::read_dir(root.path.join("nights")).unwrap().count(), 3);
    let again = root.told(&["--apply"]);
    assert_eq!(
        (&again["bytes"], again["runs"].as_array().unwrap().len()),
        (&json!(0), 3)
    );
}

#[test]
fn what_is_no_old_whole_run_of_this_root_is_left_alone() {
    let root = Root::new();
    let elsewhere = Root::new();
    let other = elsewhere.run("quick", 60);
    root.run("quick", 0);
    symlink(elsewhere.path.join(&other), root.path.join("link")).unwrap();
    let damaged = root.path.join(root.run("quick", 30));
    fs::write(damaged.join("run.json"), "{").unwrap();
    let without_log = root.path.join(root.run("quick", 31));
    fs::remove_file(without_log.join("events.jsonl")).unwrap();
    let inside = root.path.join(root.run("quick", 32));
    symlink(&elsewhere.path, inside.join("link")).unwrap();
    fs::create_dir(root.path.join("mine")).unwrap();
    fs::write(root.path.join("mine/notes.txt"), "mine").unwrap();
    let told = root.told(&["--apply"]);
    let reasons = |run: &str| {
        let mut runs = told["runs"].as_array().unwrap().iter();
        runs.find(|object| object["name"] == run).unwrap()["reasons"].clone()
    };
    assert!(
        reasons("link").as_array().unwrap().contains(&json!("link")),
        "{told}"
    );
    assert_eq!(reasons("quick-30"), json!(["unreadable"]));
    assert_eq!(reasons("quick-31"), json!(["unreadable"]));
    assert_eq!(fate(&told, "quick-32"), "removed");
    assert!(damaged.is_dir() && without_log.is_dir() && !inside.exists());
    assert!(root.path.join("mine/notes.txt").is_file());
    assert_eq!(elsewhere.runs(), [other]);
}

#[test]
fn a_run_that_somebody_writes_stays() {
    let root = Root::new();
    root.run("quick", 0);
    let old = root.path.join(root.run("quick", 30));
    let lock = RunLock::take(&old).unwrap().unwrap();
    let told = root.told(&["--apply"]);
    assert_eq!(fate(&told, "quick-30"), "stays");
    assert!(told.to_string().contains("in-progress"), "{told}");
    drop(lock);
    assert_eq!(fate(&root.told(&["--apply"]), "quick-30"), "removed");
}

#[test]
fn a_night_that_cannot_be_read_keeps_the_runs_of_its_suite() {
    let root = Root::new();
    for (suite, days) in [("quick", 0), ("quick", 30), ("kv", 0), ("kv", 30)] {
        root.run(suite, days);
    }
    let nights = root.path.join("nights");
    fs::create_dir(&nights).unwrap();
    fs::write(nights.join("quick_2026-01-01T00-00-00.000Z.json"), "{").unwrap();
    let done = root.prune(&["--apply"]);
    assert_eq!(done.code, 0);
    assert!(
        done.stderr.contains("runs of its suite stay"),
        "{}",
        done.stderr
    );
    assert_eq!(root.runs(), ["kv-0", "quick-0", "quick-30"]);
}

#[test]
fn after_an_error_the_rest_is_removed() {
    let root = Root::new();
    for days in [0, 30, 40] {
        root.run("quick", days);
    }
    // The run cannot get the name under which it would be removed.
    fs::write(root.path.join(".pruning-quick-30"), "in the way").unwrap();
    let done = root.prune(&["--apply"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("quick-30") && done.stderr.contains("hint:"),
        "{}",
        done.stderr
    );
    let folder = root.path.display().to_string();
    let again = root.prune(&["--apply", "--results", &folder]).stderr;
    assert!(
        again.contains(&format!(
            "next `anechoic prune --apply --results {folder}` tries"
        )),
        "{again}"
    );
    let last = done.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("Removed 1 run: ")
            && last.ends_with(" freed; 1 could not be removed; 1 run stays."),
        "{}",
        done.stdout
    );
    assert_eq!(root.runs(), ["quick-0", "quick-30"]);
}

/// Where all stays, it is said what keeps it; nobody is sent to `--apply`.
#[test]
fn nothing_to_remove_is_told_with_what_keeps_it() {
    let check = |days: &[i64], args: &[&str], last: &str| {
        let root = Root::new();
        for days in days {
            root.run("quick", *days);
        }
        let text = root.bench.run(&[&["prune"], args].concat()).stdout;
        assert!(text.ends_with(last), "no `{last}` in {text}");
        assert!(
            !text.contains("--apply") && !text.contains("would go"),
            "{text}"
        );
    };
    let keeps_one = "Nothing to remove: 2 runs stay. Only `--keep-last` keeps 1 of them: a smaller number lets more go.\n";
    check(&[100, 200], &[], keeps_one);
    check(&[100, 200], &["--apply"], keeps_one);
    check(
        &[20, 30, 40],
        &["--keep-last", "1"],
        "3 runs stay. Only `--keep-days` keeps 2 of them: a smaller number lets more go.\n",
    );
    check(
        &[200],
        &["--keep-last", "0"],
        "Nothing to remove: 1 run stays.\n",
    );
}

#[test]
fn what_an_earlier_removal_left_is_no_run_and_is_cleared_away() {
    let root = Root::new();
    root.run("quick", 0);
    let half = root.path.join(".pruning-quick-30");
    fs::rename(root.path.join(root.run("quick", 30)), &half).unwrap();
    fs::remove_file(half.join("run.json")).unwrap();
    assert_eq!(root.runs(), ["quick-0"]);
    let told = root.told(&[]);
    assert_eq!(told["remains"][0]["name"], ".pruning-quick-30");
    assert_eq!(told["remains"][0]["fate"], "would-go");
    assert!(half.is_dir() && told["bytes"].as_u64().unwrap() > 0);
    let text = root.prune(&[]).stdout;
    assert!(
        text.contains("KiB, left of a removal that was cut short")
            && text.contains("`--apply` removes the rest of 1 removal that was cut short, and"),
        "{text}"
    );
    assert!(
        !text.contains("Samples"),
        "of a run that is gone already: {text}"
    );
    assert_eq!(root.told(&["--apply"])["remains"][0]["fate"], "removed");
    assert!(!half.exists());
}

#[test]
fn a_root_that_is_not_there_holds_nothing() {
    let root = Root::new();
    let done = root.prune(&["--apply"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "no runs in `results`\n")
    );
    assert!(!root.path.exists());
}

/// Whatever moment it is killed at, a run is there whole or has no name any more, and the next time all is cleared away.
#[test]
fn a_kill_leaves_no_half_run() {
    let mut left = 0;
    for delay in 0..8 {
        let root = Root::new();
        root.run("quick", 0);
        for days in 20..26 {
            let folder = root.path.join(root.run("quick", days));
            (0..300).for_each(|number| fs::write(folder.join(number.to_string()), "").unwrap());
        }
        let whole = files(&root.path.join("quick-20")).len();
        let prune = root
            .bench
            .start(&["prune", "--apply", "--keep-days", "1", "--keep-last", "1"]);
        sleep(Duration::from_millis(3 * delay));
        prune.signal(Signal::SIGKILL);
        prune.code();
        for run in root.runs().iter().filter(|run| *run != "quick-0") {
            assert_eq!(files(&root.path.join(run)).len(), whole, "{run}");
        }
        left += root.runs().len() - 1;
        root.told(&["--apply"]);
        let entries = fs::read_dir(&root.path).unwrap().count();
        assert_eq!((root.runs(), entries), (vec!["quick-0".to_owned()], 1));
    }
    assert!(left > 0, "no kill has met a removal");
}
