//! Downloads the pinned wheels with pip. Index, proxy and certificates are those that the user's pip is set up with.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use super::SetupError;
use super::error::at;
use super::wheels::{Flavour, Wheel};
use crate::env::Env;

/// The wheels are for one Python, whichever runs pip.
const PYTHON_VERSION: &str = "3.12";

/// The oldest and the newest glibc (2.x) that the wheels are tagged with.
const GLIBC: std::ops::RangeInclusive<u32> = 5..=28;

/// Older spellings of such tags.
const OLD_PLATFORMS: [&str; 3] = [
    "manylinux1_x86_64",
    "manylinux2010_x86_64",
    "manylinux2014_x86_64",
];

/// Downloads a flavour's wheels into `dir`, which also takes pip's temporary files.
pub(super) fn wheels(env: &Env, flavour: Flavour, dir: &Path) -> Result<(), SetupError> {
    let mut pip = find_pip(env)?;
    let requirements = dir.join("requirements.txt");
    let lines: Vec<String> = flavour.wheels().iter().map(Wheel::requirement).collect();
    fs::write(&requirements, lines.join("\n") + "\n").map_err(at("write", &requirements))?;
    env.say(format!("downloading {}", flavour.tree()));
    let child = pip
        .args([
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
        ])
        .args([
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
        ])
        .args(["--python-version", PYTHON_VERSION])
        .args(platforms())
        .arg("--requirement")
        .arg(&requirements)
        .arg("--dest")
        .arg(dir)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(at("run pip in", dir))?;
    let said = child.stderr.take().map(pass_on).unwrap_or_default();
    let status = child.wait().map_err(at("wait for pip in", dir))?;
    judge(status, &said)
}

fn platforms() -> Vec<String> {
    let old = OLD_PLATFORMS.iter().map(|&tag| tag.to_owned());
    let new = GLIBC.map(|minor| format!("manylinux_2_{minor}_x86_64"));
    old.chain(new)
        .flat_map(|tag| ["--platform".to_owned(), tag])
        .collect()
}

/// pip as a module of Python, or as a program.
fn find_pip(env: &Env) -> Result<Command, SetupError> {
    let python = env.python().ok_or(SetupError::NoPython)?;
    let mut module = env.command(&python);
    module.args(["-m", "pip", "--version"]).stdin(Stdio::null());
    if module.output().is_ok_and(|answer| answer.status.success()) {
        let mut pip = env.command(&python);
        pip.args(["-m", "pip"]);
        return Ok(pip);
    }
    let program = env.program("pip3").or_else(|| env.program("pip"));
    let program = program.ok_or_else(|| SetupError::NoPip {
        python: python.display().to_string(),
    })?;
    Ok(env.command(program))
}

/// Shows what pip says on its standard error while it says it, and keeps it.
fn pass_on(stderr: impl Read) -> Vec<String> {
    let lines = BufReader::new(stderr).split(b'\n').map_while(Result::ok);
    let show = |line: Vec<u8>| {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        eprintln!("{line}");
        line
    };
    lines.map(show).collect()
}

/// What went wrong, by pip's words; all of them are on the screen already.
fn judge(status: ExitStatus, said: &[String]) -> Result<(), SetupError> {
    if status.success() {
        return Ok(());
    }
    if said
        .iter()
        .any(|line| line.contains("DO NOT MATCH THE HASHES"))
    {
        return Err(SetupError::Checksum);
    }
    let last = said.iter().rev().find(|line| !line.trim().is_empty());
    Err(SetupError::Download {
        status,
        last: last.map_or("nothing", |line| line.trim()).to_owned(),
    })
}
