//! Where libtorch has to be downloaded.

use std::fs;
use std::path::Path;

use super::machine::{Machine, WHEEL};
use crate::setup::{Request, ensure, setup};

const CPU: &str = "cache/libtorch-2.11.0-cpu";
const CUDA: &str = "cache/libtorch-2.11.0-cuda";

#[test]
fn a_bare_machine_gets_the_cpu_libraries_and_the_link() {
    let machine = Machine::new();
    machine.setup().unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new(CPU).join("torch"));
    let has = |file: &str| machine.path(CPU).join(file).is_file();
    for file in WHEEL {
        let expected = ![
            "torch/__init__.py",
            "torch/lib/libtorch_cuda.so",
            "nvidia/cudnn/lib/libcudnn.so.9",
        ]
        .contains(&file);
        assert_eq!(has(file), expected, "{file}");
    }
    let library = machine.env.root.join(".libtorch/torch/lib/libc10.so");
    assert_eq!(fs::read_to_string(library).unwrap(), "torch/lib/libc10.so");
    assert!(machine.env.root.join(".libtorch/nvidia/cu13/lib").is_dir());
    assert_eq!(machine.cached(), ["libtorch-2.11.0-cpu"]);
}

#[test]
fn pip_is_asked_for_pinned_wheels_with_checksums() {
    let machine = Machine::new();
    machine.setup().unwrap();
    let asked = fs::read_to_string(machine.path("asked")).unwrap();
    let download = asked
        .lines()
        .find(|line| line.contains("download"))
        .unwrap();
    for word in [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--python-version 3.12",
        "--platform manylinux_2_28_x86_64",
    ] {
        assert!(download.contains(word), "{word} in {download}");
    }
    let requirements = fs::read_to_string(machine.path("requirements")).unwrap();
    let names: Vec<&str> = requirements
        .lines()
        .filter_map(|line| line.split(" --hash=sha256:").next())
        .collect();
    assert_eq!(
        names,
        [
            "torch==2.11.0",
            "nvidia-cuda-runtime==13.0.96",
            "nvidia-cuda-cupti==13.0.85"
        ]
    );
}

#[test]
fn the_second_time_nothing_is_asked() {
    let machine = Machine::new();
    machine.setup().unwrap();
    let asked = machine.asked("");
    machine.setup().unwrap();
    ensure(&machine.env).unwrap();
    assert_eq!(machine.asked(""), asked);
}

#[test]
fn a_second_clone_shares_the_cache() {
    let machine = Machine::new();
    machine.setup().unwrap();
    let clone = Machine::env(&machine.path(""), "clone", Default::default());
    ensure(&clone).unwrap();
    assert!(
        clone
            .root
            .join(".libtorch/torch/lib/libtorch_cpu.so")
            .is_file()
    );
    assert_eq!(machine.downloads(), 1);
}

#[test]
fn two_clones_at_once_download_once() {
    let machine = Machine::new();
    let dir = machine.path("");
    std::thread::scope(|scope| {
        for clone in ["one", "two", "three"] {
            let dir = &dir;
            scope.spawn(move || ensure(&Machine::env(dir, clone, Default::default())).unwrap());
        }
    });
    assert_eq!(machine.downloads(), 1);
    for clone in ["one", "two", "three"] {
        assert!(
            dir.join(clone).join(".libtorch/torch/version.py").is_file(),
            "{clone}"
        );
    }
}

#[test]
fn a_driver_or_the_flag_brings_the_cuda_libraries() {
    let check = |driver: bool, cuda: bool, cpu: bool, tree: &str, wheels: usize| {
        let mut machine = Machine::new();
        machine.env.driver = driver;
        setup(&machine.env, Request::new(cuda, cpu, false)).unwrap();
        assert_eq!(machine.linked().unwrap(), Path::new(tree).join("torch"));
        let cudnn = machine
            .env
            .root
            .join(".libtorch/nvidia/cudnn/lib/libcudnn.so.9");
        assert_eq!(cudnn.is_file(), tree == CUDA);
        let requirements = fs::read_to_string(machine.path("requirements")).unwrap();
        assert_eq!(requirements.lines().count(), wheels);
    };
    check(false, false, false, CPU, 3);
    check(false, true, false, CUDA, 16);
    check(true, false, false, CUDA, 16);
    check(true, false, true, CPU, 3);
}

#[test]
fn what_is_linked_stays_good_enough_when_a_driver_appears() {
    let mut machine = Machine::new();
    machine.setup().unwrap();
    machine.env.driver = true;
    ensure(&machine.env).unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new(CPU).join("torch"));
    assert!(
        machine.said().contains("setup --cuda"),
        "{}",
        machine.said()
    );
    machine.setup().unwrap();
    assert_eq!(machine.linked().unwrap(), Path::new(CUDA).join("torch"));
}

#[test]
fn a_damaged_tree_is_noticed_and_fetched_again() {
    let check = |name: &str, harm: fn(&Path)| {
        let machine = Machine::new();
        machine.setup().unwrap();
        harm(&machine.path(CPU));
        fs::remove_dir_all(machine.env.root.join(".libtorch")).unwrap();
        ensure(&machine.env).unwrap();
        assert_eq!(machine.downloads(), 2, "{name}");
        assert!(
            machine.said().contains("is damaged"),
            "{name}: {}",
            machine.said()
        );
        let library = fs::read_to_string(machine.path(CPU).join("torch/lib/libc10.so")).unwrap();
        assert_eq!(library, "torch/lib/libc10.so", "{name}");
    };
    check("file gone", |tree| {
        fs::remove_file(tree.join("torch/lib/libc10.so")).unwrap()
    });
    check("file cut short", |tree| {
        fs::write(tree.join("torch/lib/libc10.so"), "tor").unwrap()
    });
    check("stamp gone", |tree| {
        fs::remove_file(tree.join(".anechoic-complete")).unwrap()
    });
    check("folder gone", |tree| {
        fs::remove_dir_all(tree.join("torch/include")).unwrap()
    });
}

#[test]
fn a_damaged_tree_is_noticed_through_the_link() {
    let machine = Machine::new();
    machine.setup().unwrap();
    machine.write(&format!("{CPU}/torch/lib/libtorch_cpu.so"), "");
    ensure(&machine.env).unwrap();
    assert_eq!(machine.downloads(), 2);
}

#[test]
fn force_fetches_again() {
    let machine = Machine::new();
    machine.setup().unwrap();
    setup(&machine.env, Request::new(false, false, true)).unwrap();
    assert_eq!(machine.downloads(), 2);
}

#[test]
fn what_a_killed_setup_left_is_removed() {
    let machine = Machine::new();
    machine.write(
        "cache/libtorch-2.11.0-cpu.partial.1/tree/torch/lib/stale.so",
        "",
    );
    machine.write(
        "cache/libtorch-2.11.0-cpu.partial.2/stale.whl",
        "not a wheel",
    );
    machine.setup().unwrap();
    assert!(!machine.path(CPU).join("torch/lib/stale.so").exists());
    assert_eq!(machine.cached(), ["libtorch-2.11.0-cpu"]);
}

#[test]
fn pip_can_be_a_program_of_its_own() {
    let machine = Machine::new();
    machine.write("no-pip", "");
    machine.install("pip3", "python3");
    machine.setup().unwrap();
    assert_eq!(machine.asked("pip3 download"), 1);
}
