//! Where libtorch is on the machine already.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::machine::Machine;
use crate::setup::{Request, ensure, setup};

/// A PyTorch that Python knows of, without the files that the filter drops.
fn with_pytorch(keep: impl Fn(&str) -> bool) -> Machine {
    let machine = Machine::new();
    machine.lay_out("site-packages", keep);
    let location = machine.path("site-packages/torch");
    machine.write("torch-location", &format!("{}\n", location.display()));
    machine
}

#[test]
fn an_exported_libtorch_wins() {
    let mut machine = with_pytorch(|_| true);
    machine.lay_out("opt", |_| true);
    machine.env.libtorch = Some(machine.path("opt/torch"));
    machine.setup().unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new("opt/torch"));
    assert_eq!(machine.asked(""), 0);
}

#[test]
fn an_exported_archive_states_its_version_elsewhere() {
    let mut machine = Machine::new();
    machine.lay_out("opt", |file| {
        file.starts_with("torch/") && file != "torch/version.py"
    });
    machine.write("opt/torch/build-version", "2.11.0+cpu\n");
    machine.env.libtorch = Some(machine.path("opt/torch"));
    machine.setup().unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new("opt/torch"));
    assert!(machine.said().contains("2.11.0+cpu"), "{}", machine.said());
    assert!(!machine.env.root.join(".libtorch/nvidia").exists());
}

#[test]
fn an_exported_libtorch_without_cuda_is_used_with_a_note() {
    let mut machine = Machine::new();
    machine.lay_out("opt", |file| !file.contains("cuda.so"));
    machine.env.libtorch = Some(machine.path("opt/torch"));
    machine.env.driver = true;
    machine.setup().unwrap();
    assert!(
        machine.said().contains("runs will use the CPU"),
        "{}",
        machine.said()
    );
}

#[test]
fn what_was_exported_once_stays_linked() {
    let mut machine = Machine::new();
    machine.lay_out("opt", |_| true);
    machine.env.libtorch = Some(machine.path("opt/torch"));
    ensure(&machine.env).unwrap();
    machine.env.libtorch = None;
    ensure(&machine.env).unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new("opt/torch"));
    setup(&machine.env, Request::new(false, false, true)).unwrap();
    assert_eq!(
        machine.linked().unwrap(),
        Path::new("cache/libtorch-2.11.0-cpu/torch")
    );
}

#[test]
fn an_installed_pytorch_is_used() {
    let machine = with_pytorch(|_| true);
    machine.setup().unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new("site-packages/torch"));
    assert_eq!(machine.downloads(), 0);
    assert!(machine.env.root.join(".libtorch/nvidia/cu13").is_dir());
}

#[test]
fn an_unfit_pytorch_is_skipped_with_the_reason() {
    let check = |machine: &Machine, reason: &str| {
        machine.setup().unwrap();
        assert!(
            machine.said().contains(reason),
            "{reason} in {}",
            machine.said()
        );
        assert_eq!(machine.downloads(), 1);
    };
    let other = with_pytorch(|_| true);
    other.write(
        "site-packages/torch/version.py",
        "__version__ = '2.10.0+cu128'\n",
    );
    check(&other, "it is version 2.10.0+cu128; 2.11.0 is needed");
    let headless = with_pytorch(|file| !file.contains("include"));
    check(&headless, "torch.h` is not there");
    let alone = with_pytorch(|file| !file.contains("cupti"));
    check(&alone, "`nvidia/cu13/lib/libcupti.so.13` is not there");
    let mut without_cuda = with_pytorch(|file| !file.contains("libtorch_cuda.so"));
    without_cuda.env.driver = true;
    check(&without_cuda, "it has no CUDA libraries");
}

#[test]
fn the_link_is_replaced_whatever_it_was() {
    let machine = with_pytorch(|_| true);
    let folder = machine.env.root.join(".libtorch");
    let check = |name: &str| {
        machine.setup().unwrap();
        assert_eq!(
            machine.linked().unwrap(),
            Path::new("site-packages/torch"),
            "{name}"
        );
        assert!(!folder.is_symlink(), "{name}");
        let names = fs::read_dir(&folder).unwrap().count();
        assert_eq!(names, 2, "{name}: only `torch` and `nvidia`");
        fs::remove_dir_all(&folder).unwrap();
    };
    check("nothing");
    symlink(machine.path("gone"), &folder).unwrap();
    check("a link that leads nowhere");
    symlink(machine.path("wheels"), &folder).unwrap();
    check("a link to something else");
    fs::create_dir(&folder).unwrap();
    symlink(machine.path("wheels"), folder.join("torch")).unwrap();
    check("a folder with a link to something else");
}

#[test]
fn a_libtorch_that_lies_in_the_repository_is_left_alone() {
    let machine = Machine::new();
    machine.lay_out("repository/.libtorch", |_| true);
    machine.setup().unwrap();
    ensure(&machine.env).unwrap();
    assert_eq!(
        machine.linked().unwrap(),
        Path::new("repository/.libtorch/torch")
    );
    assert!(!machine.env.root.join(".libtorch/torch").is_symlink());
}
