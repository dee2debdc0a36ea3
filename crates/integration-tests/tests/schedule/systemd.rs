//! Schedules as units of systemd, with stand-ins for its programs.

use std::fs;

use serde_json::{Value, json};

use crate::machine::Machine;

const SERVICE: &str = "anechoic-nightly-test.service";
const TIMER: &str = "anechoic-nightly-test.timer";
const ADD: [&str; 5] = ["add", "suite.toml", "--at", "02:30", "--user"];

#[test]
fn a_schedule_is_installed_shown_started_and_removed() {
    let it = Machine::with_systemd();
    let added = it.scheduled(&[&ADD[..], &["--days", "mon-fri", "--", "--threads", "1"]].concat());
    let units = it.units();
    let paths = [units.join(SERVICE), units.join(TIMER)].map(|path| path.display().to_string());
    assert_eq!(added.stdout, format!("{}\n{}\n", paths[0], paths[1]));
    assert_eq!(
        it.asked(),
        [
            "crontab -l".to_owned(),
            format!("systemd-analyze --user verify {} {}", paths[0], paths[1]),
            "systemctl --user --no-ask-password daemon-reload".to_owned(),
            format!("systemctl --user --no-ask-password stop {TIMER}"),
            format!("systemctl --user --no-ask-password clean --what=state {TIMER}"),
            format!("systemctl --user --no-ask-password enable {TIMER}"),
            format!("systemctl --user --no-ask-password restart {TIMER}"),
        ]
    );
    let service = it.unit(SERVICE).unwrap();
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let (suite, results) = (it.bench.path("suite.toml"), it.bench.path("results"));
    let expected = format!(
        " nightly {} --baseline last-good --results {} --threads 1",
        suite.display(),
        results.display()
    );
    assert!(start.unwrap().ends_with(&expected), "{service}");
    assert!(
        results.is_dir(),
        "nobody sees at midnight that it cannot be made"
    );
    assert!(
        service.contains("Environment=\"ANECHOIC_WORKER="),
        "{service}"
    );

    it.scheduled(&["run-now", "test"]);
    let started = format!("systemctl --user --no-ask-password start --no-block {SERVICE}");
    assert!(it.asked().contains(&started));

    it.bench.write(
        "config/systemd/user/anechoic-nightly-mine.service",
        "[Service]\n",
    );
    it.scheduled(&["remove", "test"]);
    let asked = it.asked();
    let off = format!("systemctl --user --no-ask-password disable --now {TIMER}");
    assert!(asked.contains(&off), "{asked:?}");
    let forgotten = format!("systemctl --user --no-ask-password clean --what=state {TIMER}");
    assert!(asked.contains(&forgotten), "{asked:?}");
    let left: Vec<_> = fs::read_dir(units).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let gone = it.schedule(&["remove", "mine"]);
    assert_eq!(gone.code, 2, "only what is marked is ours: {}", gone.stderr);
}

#[test]
fn a_schedule_is_not_removed_while_its_job_runs() {
    let it = Machine::with_systemd();
    it.scheduled(&ADD);
    it.tell(
        "service",
        "ActiveState=activating\nExecMainStartTimestamp=Mon 2026-11-30 02:30:00 UTC\n",
    );
    it.asked();
    let refused = it.schedule(&["remove", "test"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let told = format!("since 2026-11-30T02:30:00Z; `systemctl --user stop {SERVICE}` ends it");
    assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    assert!(it.unit(SERVICE).is_some() && it.unit(TIMER).is_some());
    let asked = it.asked();
    assert!(
        asked
            .iter()
            .all(|line| line == "crontab -l" || line.contains(" show ")),
        "{asked:?}"
    );
    it.untell("service");
    it.scheduled(&["remove", "test"]);
}

#[test]
fn units_of_the_machine_are_in_a_folder_of_their_own() {
    let it = Machine::with_systemd();
    let args = [
        "add",
        "suite.toml",
        "--at",
        "2:30",
        "--at",
        "14:00",
        "--utc",
        "--system",
    ];
    let options = [
        "--run-as",
        "bench",
        "--nice",
        "-5",
        "--timeout",
        "2h",
        "--name",
        "twice",
    ];
    it.scheduled(
        &[
            &args[..],
            &options,
            &["--on-failure", "tell@%n.service", "--fail-unmeasured"],
        ]
        .concat(),
    );
    let read = |kind: &str| {
        let name = format!("probe-root/etc/systemd/system/anechoic-nightly-twice.{kind}");
        fs::read_to_string(it.bench.path(&name)).unwrap()
    };
    let (service, timer) = (read("service"), read("timer"));
    for line in [
        "User=bench",
        "Nice=-5",
        "TimeoutStartSec=7200s",
        "OnFailure=tell@%n.service",
    ] {
        assert!(service.lines().any(|l| l == line), "{line}: {service}");
    }
    assert!(
        !service.contains("SuccessExitStatus") && !service.contains("=\"HOME="),
        "{service}"
    );
    for line in [
        "OnCalendar=*-*-* 02:30:00 UTC",
        "OnCalendar=*-*-* 14:00:00 UTC",
    ] {
        assert!(timer.lines().any(|l| l == line), "{line}: {timer}");
    }
    assert!(
        it.asked()
            .iter()
            .any(|line| line == "systemctl --no-ask-password daemon-reload")
    );
}

#[test]
fn what_systemd_refuses_is_undone() {
    for (refused, hint) in [("enable", "enable"), ("daemon-reload", "daemon-reload")] {
        let it = Machine::with_systemd();
        it.tell("refuse", refused);
        let ended = it.schedule(&ADD);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        for part in [
            hint,
            "it is refused",
            "nothing of it is left",
            "enable-linger",
        ] {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
        assert_eq!((it.unit(SERVICE), it.unit(TIMER)), (None, None));
    }
}

#[test]
fn units_that_do_not_verify_are_not_turned_on() {
    let it = Machine::with_systemd();
    it.tell("verify-says", "other.service: unknown\n");
    it.scheduled(&ADD);
    it.asked();
    let before = (it.unit(SERVICE), it.unit(TIMER));
    it.tell(
        "verify-says",
        "other.service: unknown\nanechoic-nightly-test.timer: bad\n",
    );
    let ended = it.schedule(&[&ADD[..], &["--replace", "--days", "sun"]].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("test.timer: bad; the former one is there again"),
        "{}",
        ended.stderr
    );
    assert_eq!((it.unit(SERVICE), it.unit(TIMER)), before);
    assert!(!it.asked().iter().any(|line| line.contains(" enable ")));
}

#[test]
fn a_name_is_taken_once_and_files_of_others_are_left_alone() {
    let it = Machine::with_systemd();
    it.scheduled(&ADD);
    let again = it.schedule(&ADD);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--replace"), "{}", again.stderr);
    let elsewhere = it.schedule(&["add", "suite.toml", "--at", "3:00", "--cron", "--replace"]);
    assert_eq!(
        elsewhere.code, 2,
        "one name is one schedule: {}",
        elsewhere.stderr
    );
    it.scheduled(&["add", "suite.toml", "--at", "3:00", "--user", "--replace"]);
    assert!(
        it.unit(TIMER)
            .unwrap()
            .contains("OnCalendar=*-*-* 03:00:00\n")
    );

    let foreign = "config/systemd/user/anechoic-nightly-mine.timer";
    it.bench.write(foreign, "[Timer]\n");
    let refused = it.schedule(&[&ADD[..], &["--name", "mine", "--replace"]].concat());
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .stderr
            .contains("was not made by `anechoic schedule`"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        fs::read_to_string(it.bench.path(foreign)).unwrap(),
        "[Timer]\n"
    );
}

#[test]
fn a_unit_needs_no_leave_to_use_cron() {
    let it = Machine::with_systemd();
    it.tell("deny", "");
    let added = it.scheduled(&ADD);
    assert!(
        added.stderr.contains("note: `crontab -l` failed: You (")
            && added
                .stderr
                .contains("whether `test` is in the crontab is unknown"),
        "{}",
        added.stderr
    );
    assert!(it.unit(TIMER).is_some());
    let refused = it.schedule(&["add", "suite.toml", "--at", "2:30", "--cron", "--name", "x"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
}

const TIMER_ON: &str = "ActiveState=active\nUnitFileState=enabled\n\
                        NextElapseUSecRealtime=Tue 2026-12-01 02:30:00 UTC\n";
const REGRESSION: &str = "ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=11\n\
                          ExecMainStartTimestamp=Mon 2026-11-30 02:30:00 UTC\nExecMainExitTimestamp=Mon 2026-11-30 02:41:07 UTC\n";

/// A night of the suite, as `nightly` stores it.
fn night(day: u32, outcome: &Value) -> String {
    let mut night = json!({
        "schema_version": 1, "suite": "test", "started": format!("2026-11-{day}T02:30:00Z"),
        "ended": format!("2026-11-{day}T02:41:00Z"), "run": format!("test_{day}"), "baseline": "last-good", "noise": null
    });
    for (key, value) in outcome.as_object().unwrap() {
        night[key] = value.clone();
    }
    night.to_string()
}

#[test]
fn a_schedule_says_how_it_stands() {
    let it = Machine::with_systemd();
    it.scheduled(&ADD);
    it.tell("timer", TIMER_ON);
    it.tell("service", REGRESSION);
    it.folder("results/nights");
    it.bench.write(
        "results/nights/test_a.json",
        &night(29, &json!({"outcome": "regression"})),
    );
    it.bench.write("results/nights/other_a.json", "{");
    let list = it.scheduled(&["list"]);
    let row = "test  test   02:30, daily  2026-12-01 02:30 UTC  2026-11-30 02:41 UTC: regression found (exit code 11)  user\n";
    assert!(list.stdout.ends_with(row), "{}", list.stdout);
    let status = it.scheduled(&["status", "test"]).stdout;
    for line in [
        "test: a unit of the user",
        "  when        02:30, daily",
        "  last        2026-11-30 02:41 UTC: regression found (exit code 11)",
        "  night       2026-11-29 02:30 UTC: regression",
        "  log         journalctl --user --unit anechoic-nightly-test",
    ] {
        assert!(status.lines().any(|l| l == line), "{line}: {status}");
    }
    assert!(status.contains("results/test_29/report.html"), "{status}");
    assert!(status.contains("enable-linger"), "{status}");
    let all: Value =
        serde_json::from_str(&it.scheduled(&["status", "--format", "json"]).stdout).unwrap();
    assert_eq!(
        all[0]["last"],
        json!({"ended": "2026-11-30T02:41:07Z", "exit_code": 11, "text": "regression found (exit code 11)"})
    );
    assert_eq!(all[0]["next"], "2026-12-01T02:30:00Z");
    assert_eq!(all[0]["night"]["outcome"], "regression");
    assert_eq!(all[0]["at"], json!(["02:30"]));
}

#[test]
fn what_is_wrong_with_a_schedule_is_told() {
    let it = Machine::with_systemd();
    it.scheduled(&ADD);
    let user = fs::create_dir_all(it.bench.path("probe-root/var/lib/systemd/linger"));
    user.unwrap();
    it.folder("results/nights");
    for day in [27, 28] {
        let not_measured = json!({"outcome": "not-measured", "reasons": ["the device is held"]});
        it.bench.write(
            &format!("results/nights/test_{day}.json"),
            &night(day, &not_measured),
        );
    }
    fs::remove_file(it.bench.path("suite.toml")).unwrap();
    let status = it.scheduled(&["status"]).stdout;
    let suite = it.bench.path("suite.toml");
    for line in [
        "  unmeasured  2 nights in a row".to_owned(),
        "  night       2026-11-28 02:30 UTC: not measured: the device is held".to_owned(),
        format!(
            "  problem     the suite `{}` is not there any more",
            suite.display()
        ),
        "  problem     its timer is off: `anechoic schedule add --replace` turns it on".to_owned(),
    ] {
        assert!(status.lines().any(|l| l == line), "{line}: {status}");
    }
    it.tell("refuse", "show");
    let unknown = it.scheduled(&["status"]).stdout;
    assert!(
        unknown.contains("last        unknown: `systemctl --user show"),
        "{unknown}"
    );
    fs::remove_dir_all(it.bench.path("probe-root/run")).unwrap();
    let absent = it.scheduled(&["list"]).stdout;
    assert!(
        absent.contains("not measured: the device is held"),
        "{absent}"
    );
}
