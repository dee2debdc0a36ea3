//! Every way to fail: one clear message with a next step, and nothing half-made left behind.

use std::fs;

use super::machine::{Machine, WHEEL};
use crate::setup::SetupError;

/// Sets up, and checks the message, the next step and that nothing is left.
fn check(machine: &Machine, message: &str, hint: &str) -> SetupError {
    let error = machine.setup().unwrap_err();
    let text = format!("{error}");
    assert!(text.contains(message), "`{message}` in `{text}`");
    assert!(
        error.hint().contains(hint),
        "`{hint}` in `{}`",
        error.hint()
    );
    assert_eq!(machine.linked(), None);
    assert_eq!(machine.cached(), [""; 0]);
    error
}

#[test]
fn an_exported_libtorch_must_be_one() {
    let mut machine = Machine::new();
    machine.lay_out("opt", |_| true);
    machine.write("opt/torch/version.py", "__version__ = '2.10.0'\n");
    machine.env.libtorch = Some(machine.path("opt/torch"));
    let error = check(
        &machine,
        "which is version 2.10.0; 2.11.0 is needed",
        "unset it",
    );
    assert!(error.to_string().contains("opt/torch"));
    machine.env.libtorch = Some(machine.path("nowhere"));
    check(
        &machine,
        "nowhere`, and `version.py` or `build-version` is not there",
        "holds `lib` and `include`",
    );
    machine.env.libtorch = Some("opt/torch".into());
    check(
        &machine,
        "LIBTORCH is `opt/torch`, and a relative path",
        "absolute",
    );
}

#[test]
fn no_compiler() {
    let mut machine = Machine::new();
    machine.uninstall("c++");
    check(
        &machine,
        "no C++ compiler: `c++` is not in PATH",
        "apt-get install g++",
    );
    machine.env.cxx = Some("clang++ -stdlib=libc++".into());
    check(&machine, "`clang++` is not in PATH", "CXX");
    machine.env.cxx = Some(machine.path("bin/python3").into());
    machine.setup().unwrap();
}

#[test]
fn no_python_and_no_pip() {
    let machine = Machine::new();
    machine.write("no-pip", "");
    check(&machine, "no pip", "python3-pip");
    machine.uninstall("python3");
    check(
        &machine,
        "no Python in PATH",
        "apt-get install python3 python3-pip",
    );
}

#[test]
fn no_space() {
    let mut machine = Machine::new();
    machine.env.free_bytes = |_| Ok(3 << 20);
    let error = check(
        &machine,
        "1500 MiB while it is unpacked, and 3 MiB are free",
        "XDG_CACHE_HOME",
    );
    assert!(
        error
            .to_string()
            .contains(&machine.path("cache").display().to_string())
    );
    assert_eq!(machine.downloads(), 0);
}

#[test]
fn no_cache_folder_and_no_wheels_for_the_architecture() {
    let mut machine = Machine::new();
    machine.env.arch = "riscv64";
    check(
        &machine,
        "no libtorch to download for riscv64",
        "export LIBTORCH",
    );
    machine.env.cache = None;
    check(
        &machine,
        "neither XDG_CACHE_HOME nor HOME",
        "XDG_CACHE_HOME",
    );
}

#[test]
fn no_network_shows_the_last_words_of_pip() {
    let machine = Machine::new();
    machine.write(
        "pip-fails",
        "WARNING: Retrying\nERROR: No matching distribution found\n\n",
    );
    let error = check(&machine, "(exit status: 1)", "check the network");
    let text = error.to_string();
    assert!(
        text.ends_with("the last it said: ERROR: No matching distribution found"),
        "{text}"
    );
    machine.write("pip-fails", "");
    check(&machine, "the last it said: nothing", "Without a network");
}

#[test]
fn another_checksum_is_told_from_other_failures() {
    let machine = Machine::new();
    machine.write(
        "pip-fails",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    torch==2.11.0:\n        Expected sha256 0f\n             Got        1a\n",
    );
    check(
        &machine,
        "differs from its pinned checksum",
        "do not use it",
    );
}

#[test]
fn a_wheel_that_is_none_or_lacks_something() {
    let machine = Machine::new();
    fs::write(machine.path("wheels/torch.whl"), "no archive").unwrap();
    check(&machine, "cannot unpack", "--force");
    let lacking: Vec<&str> = WHEEL
        .into_iter()
        .filter(|file| !file.contains("libc10"))
        .collect();
    machine.offer(&lacking);
    check(&machine, "`lib/libc10.so` is not there", "--force");
}

#[test]
fn a_wheel_cut_short() {
    let machine = Machine::new();
    let wheel = machine.path("wheels/torch.whl");
    let bytes = fs::read(&wheel).unwrap();
    fs::write(&wheel, &bytes[..bytes.len() / 2]).unwrap();
    check(&machine, "cannot unpack", "--force");
}

#[test]
fn a_wheel_that_leads_out_of_the_tree() {
    let machine = Machine::new();
    machine.offer(&["torch/include/../../../../../escaped"]);
    check(&machine, "cannot unpack", "--force");
    assert!(!machine.path("escaped").exists() && !machine.path("cache/escaped").exists());
}

#[test]
fn a_folder_in_the_way_of_the_link() {
    let machine = Machine::new();
    machine.write("repository/.libtorch/torch/mine", "");
    let error = machine.setup().unwrap_err();
    assert!(error.to_string().contains("in the way"), "{error}");
    assert!(error.hint().contains("move"), "{}", error.hint());
    assert!(machine.env.root.join(".libtorch/torch/mine").exists());
}

#[test]
fn a_failure_leaves_the_tree_there_was() {
    let machine = Machine::new();
    machine.setup().unwrap();
    machine.write("pip-fails", "ERROR: no route\n");
    let force = crate::setup::Request::new(false, false, true);
    crate::setup::setup(&machine.env, force).unwrap_err();
    crate::setup::ensure(&machine.env).unwrap();
}
