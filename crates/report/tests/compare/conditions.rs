//! Conditions under which runs are made: environments, machines, rounds and programs.

use super::*;

/// A run with a start of this kind, whose workers were passed these variables.
fn start(by: StartedBy, environment: &[(&str, Option<&str>)], run: &RunRecord) -> Start {
    let environment = environment.iter();
    Start {
        at: "2026-11-22T03:45:00Z".parse().unwrap(),
        by,
        anechoic: "0.1.0".to_owned(),
        machine: run.manifest.machine.clone(),
        programs: vec![],
        environment: environment
            .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
            .collect(),
        suite_file: None,
        timeout_ms: None,
        clocks: anechoic_record::Clocks::default(),
        differences: vec![],
    }
}

fn passing(run: RunRecord, environment: &[(&str, Option<&str>)]) -> RunRecord {
    let mut run = run;
    let first = start(StartedBy::Run, environment, &run);
    run.manifest.starts.push(first);
    run
}

fn differences(base: &RunRecord, new: &RunRecord) -> Vec<String> {
    let cell = one(base, new);
    let refused = cell.verdict == Verdict::Undecided(Doubt::DifferentSettings);
    assert_eq!(refused, !cell.differences.is_empty(), "{cell:#?}");
    cell.differences.iter().map(Mismatch::text).collect()
}

#[test]
fn what_workers_are_passed_is_a_setting() {
    let check = |then: &[(&str, Option<&str>)], now: &[(&str, Option<&str>)], expected: &[&str]| {
        let (base, new) = (
            passing(only(&STEADY), then),
            passing(only(&times(0.5)), now),
        );
        assert_eq!(differences(&base, &new), expected);
    };
    let home = ("HOME", Some("/home/a"));
    let threads = |n: &'static str| ("OMP_NUM_THREADS", Some(n));
    check(
        &[threads("1")],
        &[threads("8")],
        &["environment.OMP_NUM_THREADS: 1 → 8"],
    );
    check(
        &[home, threads("1")],
        &[home],
        &["environment.OMP_NUM_THREADS: 1 → absent"],
    );
    check(
        &[home],
        &[("HOME", Some("/home/b")), ("TERM", Some("x"))],
        &[],
    );
    let library = ("LD_LIBRARY_PATH", Some("/lib/new"));
    check(&[home], &[home, library], &[]);
    // A run of an earlier build does not know.
    check(&[], &[threads("8")], &[]);
    // What no suite asks for by name was passed to none of its cases.
    check(&[home], &[home, ("SECRET", None)], &[]);
}

#[test]
fn a_resumed_run_with_other_variables_is_another_setting() {
    let base = passing(only(&STEADY), &[("MKL_NUM_THREADS", Some("1"))]);
    let mut new = passing(only(&STEADY), &[("MKL_NUM_THREADS", Some("1"))]);
    assert_eq!(differences(&base, &new), [""; 0]);
    let resumed = start(StartedBy::Resume, &[("MKL_NUM_THREADS", Some("2"))], &new);
    new.manifest.starts.push(resumed);
    assert_eq!(
        differences(&base, &new),
        ["environment.MKL_NUM_THREADS: 1 → 1, then 2"]
    );
}

#[test]
fn variables_and_folders_of_the_suite_are_settings() {
    let with = |change: fn(&mut anechoic_suite::Isolation), passed: &[(&str, Option<&str>)]| {
        let mut run = passing(only(&STEADY), passed);
        change(&mut run.manifest.cases[0].case.isolation);
        run
    };
    let plain = with(|_| {}, &[("HOME", Some("/"))]);
    let sets = |isolation: &mut anechoic_suite::Isolation| {
        isolation
            .environment
            .insert("OMP_NUM_THREADS".to_owned(), "8".to_owned());
    };
    let eight = with(sets, &[("OMP_NUM_THREADS", Some("1"))]);
    let expected = ["environment.OMP_NUM_THREADS: absent → 8"];
    assert_eq!(
        differences(&plain, &eight),
        expected,
        "the suite's own wins"
    );
    let old = with(sets, &[]);
    assert_eq!(differences(&plain, &old), expected, "it is in every record");
    let folder = with(
        |isolation| isolation.working_directory = Some("/srv".to_owned()),
        &[],
    );
    assert_eq!(
        differences(&plain, &folder),
        ["working_directory: none → /srv"]
    );
    let asks = |isolation: &mut anechoic_suite::Isolation| {
        isolation.pass_environment.push("MY_*".to_owned());
    };
    let (unset, set) = (
        with(asks, &[("HOME", Some("/"))]),
        with(asks, &[("MY_KEY", None)]),
    );
    assert_eq!(differences(&plain, &unset), [""; 0]);
    assert_eq!(
        differences(&plain, &set),
        ["environment.MY_KEY: absent → set"]
    );
}

#[test]
fn a_run_that_was_made_on_two_machines_is_refused() {
    let base = only(&STEADY);
    let mut new = only(&times(1.1));
    let mut resumed = start(StartedBy::Resume, &[], &new);
    resumed
        .differences
        .extend(Difference::between("processor", "A CPU", "B CPU"));
    resumed
        .differences
        .extend(Difference::between("program `w`", "1 bytes", "2 bytes"));
    new.manifest.starts = vec![resumed.clone(), resumed];
    let check = |base: &RunRecord, new: &RunRecord, side: &str| {
        let cell = one(base, new);
        assert_eq!(cell.verdict, Verdict::Undecided(Doubt::DifferentMachine));
        let texts: Vec<_> = cell.differences.iter().map(Mismatch::text).collect();
        assert_eq!(texts, [format!("processor within {side}: A CPU → B CPU")]);
    };
    check(&base, &new, "new");
    check(&new, &base, "base");
    let force = CompareOptions {
        force: true,
        ..CompareOptions::default()
    };
    let forced = Comparison::of_runs(&base, &new, &force);
    assert_eq!(verdicts(&forced), [Verdict::Worse]);
    assert!(forced.cells[0].notes[0].contains("processor within new"));
    // Cases of such a run too: one of them may have been measured on the other machine alone.
    let mut run = sizes(Order::Interleaved);
    run.manifest.starts = new.manifest.starts;
    let cell = within(&run, "size", None).unwrap().cells[0].clone();
    assert_eq!(cell.verdict, Verdict::Undecided(Doubt::DifferentMachine));
}

#[test]
fn attempts_of_reruns_are_no_rounds() {
    let mut run = sizes(Order::Interleaved);
    let paired = |run: &RunRecord| {
        let cell = within(run, "size", None).unwrap().cells[0].clone();
        cell.change.unwrap().paired
    };
    let mut later = start(StartedBy::Resume, &[], &run);
    later.at = "2026-11-22T04:00:00Z".parse().unwrap();
    run.manifest.starts = vec![start(StartedBy::Run, &[], &run), later];
    let rerun_at = "2026-11-24T09:00:00Z".parse().unwrap();
    run.manifest.cases[0].attempts[5].started = rerun_at;
    assert!(paired(&run), "a resumed run makes the rounds that it owed");
    let mut rerun = start(StartedBy::Rerun, &[], &run);
    rerun.at = rerun_at;
    run.manifest.starts.push(rerun);
    assert!(!paired(&run));
    run.manifest.cases[0].attempts[5].started = run.manifest.started;
    assert!(paired(&run), "a rerun of another case changes nothing");
}

#[test]
fn programs_of_one_version_are_told_apart() {
    let built = |size_bytes: u64| {
        let mut run = only(&STEADY);
        let mut first = start(StartedBy::Run, &[], &run);
        first.programs.push(ProgramFile {
            path: "/opt/worker".to_owned(),
            size_bytes,
            modified: "2026-11-20T00:00:00Z".parse().unwrap(),
        });
        run.manifest.starts.push(first);
        run
    };
    let text = compare_terminal(&compare(&built(100), &built(101)));
    for size in [100, 101] {
        let expected = format!("from /opt/worker ({size} bytes of 2026-11-20T00:00:00Z)");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn a_stop_rule_is_noted() {
    let mut new = only(&STEADY);
    new.manifest.plan.until = Some(anechoic_suite::StopRule {
        half_width_ppm: "ci 2%".parse().unwrap(),
        max: 10,
        metric: None,
    });
    let notes = compare(&only(&STEADY), &new).notes;
    let ruled: Vec<_> = notes
        .iter()
        .filter(|note| note.contains("stop rule"))
        .collect();
    assert_eq!(ruled.len(), 1, "{notes:?}");
    assert!(ruled[0].starts_with("new was made under a stop rule"));
}

#[test]
fn huge_values_have_an_exponent() {
    let of = |value: f64| {
        let made = [1.0, 1.1, 0.9, 1.0].map(|v| valued(&[10_000; 3], Some(v * value), 0));
        record(vec![(case("custom.c", &[]), made.to_vec())])
    };
    let options = CompareOptions {
        metrics: MetricChoice::Named(vec![Metric::Value("v".to_owned())]),
        ..CompareOptions::default()
    };
    for (base, new) in [
        (1e-300, 1e3),
        (1e300, 1e300),
        (-1e300, 1e300),
        (-1e307, 1e307),
    ] {
        let text = compare_terminal(&Comparison::of_runs(&of(base), &of(new), &options));
        let numbers = text.split(|c: char| !c.is_ascii_digit());
        assert!(numbers.map(str::len).max() < Some(20), "{text}");
    }
}
