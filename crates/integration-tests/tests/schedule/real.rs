//! What the programs of systemd and cron themselves say of what is written. They only read: nothing is installed.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anechoic_integration_tests::{Finished, anechoic, finish};

use crate::machine::{Machine, installed};

/// Characters that systemd, cron or a shell read in their own way.
const ODD: &str = "a 5% $HOME ${X} 'q' \"d\" \\s ö; #x";

/// The same without those that systemd takes in no program's path.
const ODD_PROGRAM: &str = "a 5% $HOME ${X} ö; #x";

/// Where the program has to be, its absence is a failure.
fn skip(program: &str) {
    let line = format!("skipped: no `{program}` in PATH; what it says was not tested\n");
    assert!(env::var_os("CI").is_none(), "{line}");
    // Past the capture of output, so that it is seen.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A folder of that name with the suite and, where a link can be made, with the program.
fn odd_folder(it: &Machine) -> (PathBuf, PathBuf) {
    let folder = it.folder(ODD);
    fs::copy(it.bench.path("suite.toml"), folder.join("suite.toml")).unwrap();
    let program = it.folder(ODD_PROGRAM).join("anechoic");
    match fs::hard_link(anechoic(), &program) {
        Ok(()) => (folder, program),
        Err(_) => (folder, anechoic().to_owned()),
    }
}

fn print(it: &Machine, folder: &Path, program: &Path, args: &[&str]) -> Finished {
    let like = it.command(&[]);
    let mut command = Command::new(program);
    for (name, value) in like.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("OMP_PLACES", ODD).current_dir(folder);
    let ended = finish(
        command
            .args(["schedule", "add", "suite.toml", "--at", "02:30"])
            .args(args),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended
}

#[test]
fn systemd_verifies_units_with_any_path() {
    let Some(analyze) = installed("systemd-analyze") else {
        return skip("systemd-analyze");
    };
    let it = Machine::without_systemd();
    let (folder, program) = odd_folder(&it);
    let target = it.folder("units");
    let to = format!("--print={}", target.display());
    let days = ["--days", "mon,wed-fri", "--at", "14:00"];
    for (scope, options) in [
        ("--user", &["--nice", "5"][..]),
        ("--system", &["--utc", "--on-failure", "tell@%n.service"]),
    ] {
        print(
            &it,
            &folder,
            &program,
            &[
                &[&to, scope],
                options,
                &days,
                &["--", "--notify-command", "echo $HOME %i \"x\" ; true"],
            ]
            .concat(),
        );
        let unit = |kind: &str| target.join(format!("anechoic-nightly-test.{kind}"));
        let mut command = Command::new(&analyze);
        command
            .args([scope, "verify"])
            .args([unit("service"), unit("timer")])
            .env("XDG_RUNTIME_DIR", it.bench.path(""));
        let ended = finish(&mut command);
        let said = ended.stderr.contains("anechoic-nightly-test");
        assert!(ended.code == 0 && !said, "{scope}: {}", ended.stderr);
    }
    let timer = fs::read_to_string(target.join("anechoic-nightly-test.timer")).unwrap();
    let broken = timer.replace("02:30:00", "noon");
    fs::write(target.join("anechoic-nightly-test.timer"), broken).unwrap();
    let path = target.join("anechoic-nightly-test.timer");
    let ended = finish(Command::new(&analyze).arg("verify").arg(path));
    assert!(
        ended.stderr.contains("anechoic-nightly-test"),
        "it would have told: {}",
        ended.stderr
    );
}

/// With Debian's cron, which has a dry run.
#[test]
fn cron_takes_lines_with_any_path() {
    let Some(crontab) = installed("crontab") else {
        return skip("crontab");
    };
    let it = Machine::without_systemd();
    let (folder, program) = odd_folder(&it);
    let block = print(&it, &folder, &program, &["--print", "--cron"]).stdout;
    let help = Command::new(&crontab).arg("-h").output().unwrap();
    let help = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).into_owned();
    if !help.contains("dry run") {
        return;
    }
    let dry_run = |text: &str| {
        let path = it.bench.write("crontab", text);
        finish(Command::new(&crontab).arg("-n").arg(path)).code
    };
    assert_eq!(dry_run(&block), 0, "{block}");
    assert_ne!(dry_run(&block.replace("30 2 ", "61 2 ")), 0);
}
