//! Where the programs under test are.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The `anechoic` program, built once per process with the profile of the running test.
///
/// # Panics
/// When it does not build.
pub fn anechoic() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    let messages = cargo_build("anechoic", &[]);
    let executable = messages.lines().filter_map(executable).next_back();
    executable.expect("cargo names the program that it built")
}

/// Builds a package; what cargo says about it, a JSON object a line.
fn cargo_build(package: &str, args: &[&OsStr]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", package, "--message-format", "json"])
        .args(["--profile", &profile()])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{package} does not build");
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// The stand-in for the driver library of NVIDIA GPUs; it reads the file that `FAKE_NVML` names.
///
/// # Panics
/// When it does not build.
pub fn fake_nvml() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_library(&[]))
}

/// The same as a driver of 2019 had it: without the newer versions of some functions.
///
/// # Panics
/// When it does not build.
pub fn old_fake_nvml() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = folder().join("old-driver");
        let options = ["--features", "old", "--target-dir"].map(OsStr::new);
        let [features, old, directory] = options;
        build_library(&[features, old, directory, target.as_os_str()])
    })
}

fn build_library(args: &[&OsStr]) -> PathBuf {
    let messages = cargo_build("fake-nvml", args);
    let library = messages.lines().filter_map(library).next_back();
    library.expect("cargo names the library that it built")
}

/// The file in a message of cargo, if it is the stand-in.
fn library(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_ours = message["target"]["name"] == "fake_nvml";
    is_ours.then(|| message["filenames"][0].as_str().map(PathBuf::from))?
}

/// The program in a message of cargo, if it is one of `anechoic`.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_ours = message["target"]["name"] == "anechoic";
    is_ours.then(|| message["executable"].as_str().map(PathBuf::from))?
}

/// The profile whose folder the running program is in.
fn profile() -> String {
    let folder = folder();
    let name = folder
        .file_name()
        .expect("programs are in the folder of a profile");
    match name.to_str() {
        Some("debug") | None => "dev".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// The folder of this profile's programs; tests are in `deps` below it.
fn folder() -> PathBuf {
    let own = env::current_exe().expect("a running program has a path");
    let folder = own.parent().expect("a program is in a folder");
    match folder.ends_with("deps") {
        true => folder.parent().expect("`deps` is in a folder").to_owned(),
        false => folder.to_owned(),
    }
}

/// The worker that misbehaves on request; cargo builds it with the tests of this package.
pub fn fake_worker() -> PathBuf {
    folder().join("fake-worker")
}
