//! The tasks as a person starts them, with stand-ins for cargo and the orchestrator.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up shall fail"
)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A repository with a libtorch of the right version, exported.
struct Repository {
    dir: TempDir,
}

/// How a task ended: its code, and its output with both streams in one.
struct Ended {
    code: Option<i32>,
    output: String,
}

impl Repository {
    fn new() -> Self {
        let repository = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        repository.install("bin/cargo", "cargo");
        repository.install("bin/c++", "cargo");
        repository.install("target/release/anechoic", "anechoic");
        for file in [
            "lib/libtorch.so",
            "lib/libtorch_cpu.so",
            "lib/libc10.so",
            "include/torch/csrc/api/include/torch/torch.h",
        ] {
            repository.write(&format!("libtorch/{file}"), "");
        }
        repository.write("libtorch/build-version", "2.11.0+cpu");
        fs::create_dir_all(repository.path("crates/xtask")).unwrap();
        repository
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Links a stand-in: a file just written may be too busy to run.
    fn install(&self, below: &str, program: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
        symlink(programs.join(program), path).unwrap();
    }

    fn xtask(&self, args: &[&str]) -> Ended {
        let output = self.path("output");
        let file = File::create(&output).unwrap();
        let code = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(args)
            .env_clear()
            .env("CARGO", self.path("bin/cargo"))
            .env("CARGO_MANIFEST_DIR", self.path("crates/xtask"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("HOME", self.path("home"))
            .env("LD_LIBRARY_PATH", self.library_path())
            .env("LIBTORCH", self.path("libtorch"))
            .env("PATH", self.path("bin"))
            .current_dir(self.path("crates"))
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap()
            .code();
        Ended {
            code,
            output: fs::read_to_string(output).unwrap(),
        }
    }

    /// As `cargo run` leaves it: its own target folder, the toolchain's libraries, then the user's.
    fn library_path(&self) -> OsString {
        let dirs = [
            self.path("target/debug/deps"),
            self.path("lib/rustlib"),
            "/opt/own".into(),
        ];
        std::env::join_paths(dirs).unwrap()
    }

    /// What the stand-ins were asked, in order.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.path("asked")).unwrap_or_default();
        asked
            .lines()
            .map(|line| line.trim_end_matches(" RUSTDOCFLAGS=").to_owned())
            .collect()
    }
}

#[test]
fn ci_checks_everything_in_order_and_ends_with_the_test_runner() {
    let repository = Repository::new();
    let ended = repository.xtask(&["ci"]);
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert_eq!(
        repository.asked(),
        [
            "cargo fmt --all --check",
            "cargo clippy --workspace --all-targets -- -D warnings",
            "cargo doc --workspace --no-deps RUSTDOCFLAGS=-D warnings",
            "cargo build --workspace --bins",
            "cargo test --workspace",
        ]
    );
    for step in ["format", "lints", "docs", "build", "test"] {
        assert!(
            ended.output.contains(&format!("==> {step}: cargo ")),
            "{}",
            ended.output
        );
    }
    assert!(
        ended.output.ends_with("test result: ok. 1 passed\n"),
        "{}",
        ended.output
    );
}

#[test]
fn ci_stops_at_the_first_failure_with_its_code() {
    for (at, fails) in ["fmt", "clippy", "doc", "build", "test"]
        .into_iter()
        .enumerate()
    {
        let repository = Repository::new();
        repository.write("cargo-fails", fails);
        let ended = repository.xtask(&["ci"]);
        assert_eq!(ended.code, Some(7), "{fails}: {}", ended.output);
        assert_eq!(repository.asked().len(), at + 1, "{fails}");
    }
}

#[test]
fn test_builds_the_programs_first_and_hands_arguments_on() {
    let check = |args: &[&str], last: &str| {
        let repository = Repository::new();
        assert_eq!(repository.xtask(args).code, Some(0));
        assert_eq!(repository.asked(), ["cargo build --workspace --bins", last]);
    };
    check(&["test"], "cargo test --workspace");
    check(
        &["test", "layers", "--", "--exact"],
        "cargo test --workspace layers -- --exact",
    );
    check(
        &["test", "--", "--nocapture"],
        "cargo test --workspace -- --nocapture",
    );
    check(
        &["test", "-p", "anechoic-suite"],
        "cargo test -p anechoic-suite",
    );
    check(&["test", "--package=xtask"], "cargo test --package=xtask");
    check(&["test", "--", "-p"], "cargo test --workspace -- -p");
}

#[test]
fn bench_builds_for_release_and_becomes_the_orchestrator() {
    let repository = Repository::new();
    let ended = repository.xtask(&["bench"]);
    assert_eq!(ended.code, Some(10), "{}", ended.output);
    let root = repository.path("").display().to_string();
    let root = root.trim_end_matches('/');
    let expected = format!("anechoic run suites/quick.toml in {root} LD_LIBRARY_PATH=/opt/own");
    assert_eq!(
        repository.asked(),
        [
            "cargo build --release -p anechoic -p anechoic-worker",
            &expected
        ]
    );
}

#[test]
fn bench_takes_a_suite_from_where_the_user_stands() {
    let repository = Repository::new();
    repository.write("crates/mine.toml", "");
    repository.xtask(&["bench", "mine.toml", "--", "--device", "cpu"]);
    let mine = repository.path("crates/mine.toml");
    let expected = format!("anechoic run {} --device cpu in ", mine.display());
    assert!(
        repository.asked()[1].starts_with(&expected),
        "{:?}",
        repository.asked()
    );
}

#[test]
fn bench_stops_where_the_build_fails() {
    let repository = Repository::new();
    repository.write("cargo-fails", "build");
    assert_eq!(repository.xtask(&["bench"]).code, Some(7));
    assert_eq!(repository.asked().len(), 1);
}

#[test]
fn an_unfit_machine_is_code_4_with_a_hint_and_nothing_runs() {
    let repository = Repository::new();
    repository.write("libtorch/build-version", "2.10.0");
    for task in ["setup", "bench", "test", "ci"] {
        let ended = repository.xtask(&[task]);
        assert_eq!(ended.code, Some(4), "{task}: {}", ended.output);
        assert!(
            ended.output.starts_with("error: LIBTORCH is `"),
            "{task}: {}",
            ended.output
        );
        assert!(
            ended.output.contains("version 2.10.0"),
            "{task}: {}",
            ended.output
        );
        assert!(
            ended
                .output
                .contains("\n  hint: point LIBTORCH at libtorch 2.11.0"),
            "{task}: {}",
            ended.output
        );
    }
    assert!(repository.asked().is_empty());
}

#[test]
fn a_wrong_command_line_is_code_2() {
    assert_eq!(Repository::new().xtask(&["dance"]).code, Some(2));
}
