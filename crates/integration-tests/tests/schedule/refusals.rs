//! What `schedule add` refuses before it touches anything, and what it says beside its work.

use std::fs;

use anechoic_integration_tests::finish;

use crate::machine::Machine;

const ADD: [&str; 4] = ["add", "suite.toml", "--at", "02:30"];

#[test]
fn bad_wishes_are_refused_and_nothing_is_touched() {
    let it = Machine::without_systemd().in_berlin();
    it.bench
        .write("bad.toml", "schema-version = 1\nname = \"bad\"\nwhat = 1\n");
    let check = |args: &[&str], code: i32, part: &str| {
        let ended = it.schedule(args);
        assert_eq!(ended.code, code, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
    };
    let with = |more: &[&'static str]| [&ADD[..], more].concat();
    for at in ["24:00", "2:75", "noon", "", "02:30:00"] {
        check(&["add", "suite.toml", "--at", at], 2, "from 00:00 to 23:59");
    }
    check(&["add", "suite.toml"], 2, "--at");
    check(&with(&["--days", "weekdays"]), 2, "`mon-fri`");
    check(&with(&["--name", "../x"]), 2, "letters, digits");
    check(&with(&["--user", "--cron"]), 2, "cannot be used with");
    check(&with(&["--on-failure", "tell"]), 2, "whole name of a unit");
    check(&["add", "nowhere.toml", "--at", "02:30"], 3, "nowhere.toml");
    check(&["add", "bad.toml", "--at", "02:30"], 3, "what");
    check(&with(&["--user"]), 4, "systemd does not run here");
    check(&with(&["--utc"]), 2, "Europe/Berlin");
    check(
        &with(&["--nice", "5"]),
        2,
        "`--nice` is for units of systemd",
    );
    check(
        &with(&["--user", "--print", "--run-as", "me"]),
        2,
        "--system",
    );
    check(
        &with(&["--user", "--print", "--nice", "-1"]),
        2,
        "a negative `--nice`",
    );
    check(
        &with(&["--user", "--print=suite.toml/units"]),
        4,
        "error: failed to create the folder `suite.toml/units`: Not a directory (os error 20)\n  hint: choose another folder with --print",
    );
    fs::create_dir_all(it.bench.path("taken/anechoic-nightly-test.service/x")).unwrap();
    check(
        &with(&["--user", "--print=taken"]),
        4,
        "error: failed to write `taken/anechoic-nightly-test.service`: Is a directory (os error 21)\n",
    );
    check(&with(&["--env-file", "absent"]), 2, "absent");
    check(&with(&["--results", "suite.toml"]), 4, "suite.toml");
    check(&with(&["--", "--confrim", "1"]), 2, "--confrim");
    check(&with(&["--", "--confirm", "100"]), 2, "100");
    check(
        &with(&["--", "--executor", "slurm"]),
        2,
        "measured on this machine",
    );
    check(
        &with(&["--", "--notify-test", "--notify-command", "true"]),
        2,
        "no night measures anything",
    );
    check(&with(&["--", "--accept"]), 2, "no night is compared");
    check(
        &with(&["--", "--notify-webhook", "ftp://host"]),
        2,
        "not the URL of a webhook",
    );
    check(&with(&["--", "--notify-webhook", "@absent"]), 4, "absent");
    check(&with(&["--baseline", "rolling:0"]), 2, "rolling:0");
    for command in ["remove", "run-now", "status"] {
        check(&[command, "absent"], 2, "there is no schedule `absent`");
    }
    assert_eq!(it.crontab(), "");
    assert!(!it.units().exists());
}

#[test]
fn a_folder_that_no_unit_can_hold_is_refused() {
    let it = Machine::with_systemd();
    let folder = it.folder("a\nb");
    fs::copy(it.bench.path("suite.toml"), folder.join("suite.toml")).unwrap();
    let mut command = it.command(&["schedule", "add", "suite.toml", "--at", "2:30", "--user"]);
    let ended = finish(command.current_dir(folder));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("control character"),
        "{}",
        ended.stderr
    );
    assert!(!it.units().exists());
}

#[test]
fn nights_that_clocks_take_are_named() {
    let it = Machine::with_systemd().in_berlin();
    let notes = |args: &[&str]| {
        it.scheduled(&[&["add", "suite.toml", "--print", "--system"], args].concat())
            .stderr
    };
    let told = notes(&["--at", "02:30"]);
    for part in [
        "clocks change in Europe/Berlin on 20",
        "systemd leaves the night out",
        "comes twice",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!notes(&["--at", "02:30", "--utc"]).contains("clocks change"));
    assert!(!notes(&["--at", "04:00"]).contains("clocks change"));
}

#[test]
fn secrets_are_named_and_not_written() {
    let it = Machine::with_systemd();
    let mut command = it.command(&[
        "schedule",
        "add",
        "suite.toml",
        "--at",
        "2:30",
        "--user",
        "--print",
    ]);
    command
        .env("ANECHOIC_WEBHOOK", "https://hidden")
        .env("OMP_NUM_THREADS", "3")
        .env("https_proxy", "http://proxy:3128")
        .env("HTTP_PROXY", "http://me:hidden@proxy:3128");
    let ended = finish(&mut command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains("hidden"), "{}", ended.stdout);
    for kept in ["OMP_NUM_THREADS=3", "https_proxy=http://proxy:3128"] {
        let line = format!("Environment=\"{kept}\"\n");
        assert!(ended.stdout.contains(&line), "{line}: {}", ended.stdout);
    }
    assert!(
        ended
            .stderr
            .contains("not written, as others could read it: `ANECHOIC_WEBHOOK`, `HTTP_PROXY`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_signs_messages_is_no_part_of_a_unit() {
    let it = Machine::with_systemd();
    let told = |hook: &str| {
        let add = [
            "schedule",
            "add",
            "suite.toml",
            "--at",
            "2:30",
            "--user",
            "--print",
            "--",
        ];
        let notify = [
            "--notify-webhook",
            hook,
            "--notify-secret-env=ANECHOIC_HOOK",
        ];
        let mut command = it.command(&[&add[..], &notify].concat());
        let ended = finish(command.env("ANECHOIC_HOOK", "hidden"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stdout.contains("hidden"), "{}", ended.stdout);
        ended.stderr
    };
    let open = told("https://example.org/abc");
    assert!(open.contains("read it: `ANECHOIC_HOOK`"), "{open}");
    assert!(open.contains("`--notify-webhook @FILE`"), "{open}");
    assert!(!told("@hook").contains("@FILE"));
}

#[test]
fn what_signs_messages_is_looked_for_where_the_job_will() {
    let it = Machine::with_systemd();
    let file = it.bench.write("env", "HOOK='hush hush'\n");
    let hook = [
        "--",
        "--notify-webhook",
        "https://example.org",
        "--notify-secret-env",
        "HOOK",
    ];
    let ended = it.schedule(&[&ADD[..], &["--user"], &hook].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("the variable `HOOK` (--notify-secret-env) is not set"),
        "{}",
        ended.stderr
    );
    assert!(!it.units().exists());
    let file = file.display().to_string();
    it.scheduled(&[&ADD[..], &["--user", "--env-file", &file], &hook].concat());
}

#[test]
fn what_is_only_shown_is_not_installed() {
    let it = Machine::without_systemd();
    let shown = it
        .scheduled(&[&ADD[..], &["--print", "--user"]].concat())
        .stdout;
    for kind in ["service", "timer"] {
        let path = it.units().join(format!("anechoic-nightly-test.{kind}"));
        assert!(
            shown.contains(&format!("# {}\n", path.display())),
            "{shown}"
        );
    }
    let block = it
        .scheduled(&[&ADD[..], &["--print", "--cron"]].concat())
        .stdout;
    assert!(
        block.starts_with("# anechoic schedule begin test\n"),
        "{block}"
    );
    for folder in ["shown", "shown", "deeper/shown"] {
        let print = format!("--print={folder}");
        it.scheduled(&[&ADD[..], &[&print, "--user"]].concat());
        let timer = it.bench.path(folder).join("anechoic-nightly-test.timer");
        let timer = fs::read_to_string(timer).unwrap();
        assert!(shown.ends_with(&timer), "{shown}");
    }
    assert!(!it.units().exists() && !it.bench.path("results").exists());
    assert_eq!((it.crontab(), it.asked()), (String::new(), Vec::new()));
}
