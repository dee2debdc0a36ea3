//! Schedules as lines of a crontab, with a stand-in for the program.

use std::fs;
use std::process::Command;

use anechoic_integration_tests::finish;
use serde_json::Value;

use crate::machine::Machine;

const OTHERS: &str = "MAILTO=me\n\n0 1 * * * /bin/true % x\t\n";
const ADD: [&str; 4] = ["add", "suite.toml", "--at", "02:30"];

#[test]
fn where_systemd_does_not_run_a_schedule_is_a_block_of_the_crontab() {
    let it = Machine::without_systemd();
    it.tell("crontab", OTHERS);
    let added = it.scheduled(&[&ADD[..], &["--days", "mon-fri"]].concat());
    assert!(
        added.stderr.contains("systemd does not run here"),
        "{}",
        added.stderr
    );
    let crontab = it.crontab();
    let block = crontab.strip_prefix(OTHERS).unwrap();
    let line = block
        .lines()
        .find(|line| line.starts_with("30 2 * * 1,2,3,4,5 "))
        .unwrap();
    assert!(
        line.contains("anechoic schedule run-now test --cron"),
        "{line}"
    );
    let all: Value =
        serde_json::from_str(&it.scheduled(&["list", "--format", "json"]).stdout).unwrap();
    assert_eq!(all[0]["place"], "cron");
    assert!(all[0]["next"].is_string(), "{all}");
    assert_eq!(it.schedule(&ADD).code, 2, "the name is taken");
    it.scheduled(&[&ADD[..], &["--replace", "--days", "sun"]].concat());
    assert!(it.crontab().contains("\n30 2 * * 0 "), "{}", it.crontab());
    it.scheduled(&["remove", "test"]);
    assert_eq!(it.crontab(), OTHERS);
    assert_eq!(it.scheduled(&["list"]).stdout, "");
}

#[test]
fn a_crontab_that_cannot_be_written_is_as_it_was() {
    let it = Machine::without_systemd();
    it.tell("crontab", OTHERS);
    it.tell("refuse", "");
    let ended = it.schedule(&ADD);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    for part in ["errors in crontab file", "the crontab is as it was"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    assert_eq!(it.crontab(), OTHERS);
    it.untell("refuse");
    it.scheduled(&ADD);
    let damaged = it.crontab().replace("# anechoic schedule end test\n", "");
    it.tell("crontab", &damaged);
    let ended = it.schedule(&[&ADD[..], &["--replace"]].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("has no end"), "{}", ended.stderr);
    assert_eq!(it.crontab(), damaged);
}

/// The job of the block, with another command.
fn with_command(crontab: &str, command: &Value) -> String {
    let mark = "# anechoic-schedule ";
    let lines = crontab.lines().map(|line| match line.strip_prefix(mark) {
        Some(json) => {
            let mut job: Value = serde_json::from_str(json).unwrap();
            job["command"] = command.clone();
            format!("{mark}{job}\n")
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The line of the block is given to a shell, as cron would do it.
#[test]
fn a_job_of_cron_runs_as_it_was_written_down() {
    let it = Machine::without_systemd();
    let secrets = it
        .bench
        .write("a secret", "# as systemd reads it\nSECRET=hid den$HOME;x\n");
    let file = secrets.display().to_string();
    it.scheduled(&[&ADD[..], &["--env-file", &file]].concat());
    let script = "echo \"$SECRET\" $ANECHOIC_LOCKS; pwd; echo $0; exit 7";
    let command = serde_json::json!(["/bin/sh", "-c", script, "a 5% $HOME 'q' \"d\" ö; #x"]);
    it.tell("crontab", &with_command(&it.crontab(), &command));
    let here = fs::canonicalize(it.bench.path("")).unwrap();
    let locks = it.bench.path("locks");
    let expected = format!(
        "hid den$HOME;x {}\n{}\na 5% $HOME 'q' \"d\" ö; #x\n",
        locks.display(),
        here.display()
    );
    let ended = it.schedule(&["run-now", "test"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (7, expected.as_str()),
        "{}",
        ended.stderr
    );

    let crontab = it.crontab();
    let line = crontab
        .lines()
        .find_map(|line| line.strip_prefix("30 2 * * * "))
        .unwrap();
    let line = line.split(" 2>&1 ").next().unwrap().replace("\\%", "%");
    let mut shell = Command::new("/bin/sh");
    let like = it.command(&[]);
    let few = like
        .get_envs()
        .filter(|(name, _)| *name != "ANECHOIC_LOCKS");
    shell
        .env_clear()
        .envs(few.filter_map(|(name, value)| Some((name, value?))));
    let ended = finish(shell.args(["-c", &line]).current_dir("/"));
    assert_eq!(
        (ended.code, ended.stdout),
        (7, expected),
        "{}",
        ended.stderr
    );
}
