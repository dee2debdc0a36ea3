//! `anechoic doctor` on the real binary, before a machine that is made of files and a driver library that is a stand-in.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anechoic_integration_tests::{Bench, Finished, fake_nvml, finish, old_fake_nvml};
use serde_json::Value;

const CASE: &str = "[[case]]\nid = \"a\"\nmode = \"baseline\"\n";

/// A machine at rest that is as it should be, as the kernel would show it.
const MACHINE: [(&str, &str); 23] = [
    ("proc/stat", "cpu  100 0 100 9800 0 0 0 0 0 0\n"),
    ("proc/cpuinfo", "model name\t: A CPU\nflags\t\t: fpu avx2\n"),
    (
        "proc/meminfo",
        "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
    ),
    ("proc/self/cgroup", "0::/job\n"),
    (
        "proc/self/mountinfo",
        "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    ),
    ("sys/fs/cgroup/job/cgroup.controllers", "cpu memory\n"),
    ("sys/fs/cgroup/job/cgroup.procs", ""),
    ("proc/sys/kernel/randomize_va_space", "0\n"),
    ("proc/sys/kernel/numa_balancing", "0\n"),
    (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "always [madvise] never\n",
    ),
    (
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "tsc\n",
    ),
    ("sys/devices/system/cpu/smt/active", "0\n"),
    ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "performance\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
        "3000000\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        "2900000\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
        "3000000\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
        "0\n",
    ),
    ("sys/class/hwmon/hwmon0/name", "k10temp\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "41000\n"),
    ("sys/class/hwmon/hwmon0/temp1_crit", "100000\n"),
    ("sys/devices/system/node/node0/cpulist", "0\n"),
];

/// A GPU at rest. The process numbers of others are those of a host that a container cannot see.
const GPU: &str = "driver = 580.1
[gpu]
name = NVIDIA H100
uuid = GPU-aaa1
memory-total = 80000000000
memory-used = 2000000
memory-reserved = 600000000
temperature = 35
slowdown = 90
clock = 345
reasons = 1
processes =
persistence = 1
power-limit = 700000
default-power-limit = 700000
ecc = 1
";

/// A bench with a made machine.
struct Made {
    bench: Bench,
}

impl Made {
    fn new() -> Self {
        let made = Self {
            bench: Bench::new(CASE, "offers-gpu"),
        };
        for (name, text) in MACHINE {
            made.put(name, text);
        }
        made
    }

    /// With a GPU as well, described to the driver's library like this.
    fn with_gpu(description: &str) -> Self {
        let made = Self::new();
        made.put("dev/nvidiactl", "");
        made.put("dev/nvidia0", "");
        made.describe(description);
        made
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.bench.path("root").join(name);
        fs::create_dir_all(path.parent().expect("files are in folders"))
            .expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }

    fn describe(&self, description: &str) {
        self.bench.write("nvml", description);
    }

    fn command(&self, args: &[&str], library: &Path) -> Command {
        let mut command = self.bench.command(args);
        command
            .env("ANECHOIC_PROBE_ROOT", self.bench.path("root"))
            .env("ANECHOIC_NVML", library)
            .env("FAKE_NVML", self.bench.path("nvml"))
            .env("CUDA_VISIBLE_DEVICES", "0");
        command
    }

    fn doctor(&self, args: &[&str]) -> Report {
        self.doctor_with(fake_nvml(), args)
    }

    fn doctor_with(&self, library: &Path, args: &[&str]) -> Report {
        let args: Vec<_> = ["doctor", "--format", "json"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        Report::of(&finish(&mut self.command(&args, library)))
    }
}

/// What the doctor said.
#[derive(Debug)]
struct Report {
    code: i32,
    value: Value,
}

impl Report {
    fn of(finished: &Finished) -> Self {
        let value = serde_json::from_str(&finished.stdout);
        Self {
            code: finished.code,
            value: value.unwrap_or_else(|error| panic!("{error}: {finished:?}")),
        }
    }

    /// Severity and evidence of a finding; `absent` without one.
    fn finding(&self, id: &str) -> (&str, &str) {
        let findings = self.value["findings"].as_array().expect("a list");
        let found = findings.iter().find(|finding| finding["id"] == id);
        let text = |key: &str| found.and_then(|finding| finding[key].as_str());
        (
            text("severity").unwrap_or("absent"),
            text("evidence").unwrap_or(""),
        )
    }

    fn expect(&self, id: &str, severity: &str, words: &str) {
        let (found, evidence) = self.finding(id);
        assert!(
            found == severity && evidence.contains(words),
            "{id}: {found}, {evidence}"
        );
    }

    fn names(&self, severity: &str) -> Vec<&str> {
        let findings = self.value["findings"].as_array().expect("a list").iter();
        let such = findings.filter(|finding| finding["severity"] == severity);
        such.filter_map(|finding| finding["id"].as_str()).collect()
    }
}

#[test]
fn a_machine_in_order_is_fit() {
    let report = Made::with_gpu(GPU).doctor(&[]);
    assert_eq!(report.code, 0);
    assert_eq!(report.value["fit"], true);
    assert_eq!(report.value["device"], "cuda:0");
    for severity in ["blocker", "warning", "note"] {
        // The quotas of the machine that the test runs on are not read, its disk is.
        let names: Vec<_> = report
            .names(severity)
            .into_iter()
            .filter(|id| *id != "disk-space")
            .collect();
        assert!(names.is_empty(), "{severity}: {names:?}");
    }
    let state = &report.value["state"];
    assert_eq!(state["cpu_temperature_millicelsius"], 41_000);
    assert_eq!(state["cpu_frequency_khz"], 2_900_000);
    assert_eq!(state["gpu"]["used_memory_bytes"], 2_000_000);
    assert_eq!(state["gpu"]["clock_khz"], 345_000);
    assert_eq!(state["gpu"]["compute_processes"], Value::Array(Vec::new()));
    assert_eq!(report.value["machine"]["gpu_uuid"], "GPU-aaa1");
}

#[test]
fn what_is_out_of_order_is_named_with_what_was_read() {
    let made = Made::new();
    made.put(
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "powersave\n",
    );
    made.put("sys/devices/system/cpu/cpufreq/boost", "1\n");
    made.put(
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "hpet\n",
    );
    made.put("sys/class/hwmon/hwmon0/temp1_input", "96000\n");
    made.put("sys/fs/cgroup/job/cpu.max", "50000 100000\n");
    made.put(
        "proc/77/stat",
        "77 (old worker) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5\n",
    );
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
    // Of an orchestrator that has another start than whoever has its number now.
    let dead = format!("{}.1.{namespace}", std::process::id());
    let marks = format!("ANECHOIC_ATTEMPT=r/capture.a/1\0ANECHOIC_ORCHESTRATOR={dead}\0");
    made.put("proc/77/environ", &marks);
    let report = made.doctor(&["--device", "cpu"]);
    assert_eq!(report.code, 0, "a warning is no blocker: {report:?}");
    report.expect("cpu-governor", "warning", "powersave");
    report.expect("cpu-boost", "warning", "on");
    report.expect("clock-source", "warning", "hpet");
    report.expect("cpu-temperature", "warning", "96 °C");
    report.expect("cpu-quota", "warning", "0.50 CPUs");
    report.expect(
        "leftovers",
        "warning",
        "process 77 (old worker) of `r/capture.a/1`",
    );
    report.expect("gpu-driver", "ok", "no NVIDIA GPU");
}

/// An empty folder stands for a machine that shows nothing.
#[test]
fn a_machine_that_shows_nothing_has_notes_and_no_errors() {
    let bench = Bench::new(CASE, "");
    let nothing = bench.path("nothing");
    let mut command = bench.command(&["doctor", "--format", "json"]);
    let report = Report::of(&finish(command.env("ANECHOIC_PROBE_ROOT", nothing)));
    assert_eq!(report.code, 0, "{report:?}");
    for id in [
        "cpu-governor",
        "cpu-temperature",
        "cpu-load",
        "available-memory",
        "clock-source",
    ] {
        report.expect(id, "note", "");
    }
}

#[test]
fn nothing_is_made_or_changed() {
    let made = Made::new();
    let entries = || {
        let folder = made.bench.path("");
        let names = fs::read_dir(folder)
            .expect("the test has a folder")
            .flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = entries();
    let report = made.doctor(&["suite.toml"]);
    report.expect("suite", "ok", "1 case(s)");
    report.expect("locks", "ok", "anechoic-cpu.lock");
    assert_eq!(entries(), before);
}

#[test]
fn a_worker_that_cannot_be_used_blocks() {
    let made = Made::new();
    let report = made.doctor(&["--worker", "nowhere/worker"]);
    assert_eq!(report.code, 4);
    report.expect("worker", "blocker", "nowhere/worker");
    let with = |fault: &str| {
        let mut command = made.command(&["doctor", "--format", "json"], fake_nvml());
        Report::of(&finish(command.env("ANECHOIC_FAKE_WORKER", fault)))
    };
    let foreign = with("foreign-hello");
    assert_eq!(foreign.code, 4);
    foreign.expect("worker", "blocker", "version 99");
    with("no-hello").expect("worker", "blocker", "no worker");
}

/// A suite whose cases all name their own worker needs no other.
#[test]
fn a_suite_with_workers_of_its_own_needs_no_other() {
    let made = Made::new();
    let suite = "schema-version = 1\nname = \"t\"\n[defaults]\nbenchmark = \"capture\"\nmodel = \"gpt2-tiny\"\nprefill-tokens = 4\ndecode-tokens = 3\nworker = { command = [\"sh\"] }\n[[case]]\nid = \"a\"\nmode = \"baseline\"\n";
    made.bench.write("suite.toml", suite);
    let mut command = made.command(&["doctor", "suite.toml", "--format", "json"], fake_nvml());
    let report = Report::of(&finish(command.env("ANECHOIC_WORKER", "nowhere")));
    assert_eq!(report.code, 0, "{report:?}");
    report.expect("worker", "ok", "names its own");
    report.expect("libtorch", "absent", "");
}

#[test]
fn a_suite_that_requires_more_than_there_is_blocks() {
    let check = |requires: &str, code: i32, id: &str, severity: &str| {
        let made = Made::new();
        let suite = fs::read_to_string(made.bench.path("suite.toml")).expect("there is a suite");
        let (head, rest) = suite.split_once("[defaults]").expect("it has defaults");
        let text = format!("{head}[requires]\n{requires}\n\n[defaults]{rest}");
        made.bench.write("suite.toml", &text);
        let report = made.doctor(&["suite.toml"]);
        assert_eq!(report.code, code, "{requires}: {report:?}");
        report.expect(id, severity, "the suite requires");
    };
    check("memory = \"8GiB\"", 0, "required-memory", "ok");
    check("memory = \"80GiB\"", 4, "required-memory", "blocker");
    check("disk = \"900000GiB\"", 4, "required-disk", "blocker");
    check("device = \"cuda\"", 4, "required-device", "blocker");
    check("cpus = 100000", 4, "required-cpus", "blocker");
    check("quiet = true", 0, "required-quiet", "ok");
}

#[test]
fn suites_that_are_bad_or_name_what_is_not_here() {
    let made = Made::new();
    let run = |suite: &str| {
        made.bench.write("suite.toml", suite);
        finish(&mut made.command(&["doctor", "suite.toml"], fake_nvml()))
    };
    assert_eq!(run("schema-version = 1\nnonsense = 1\n").code, 3);
    let model = "schema-version = 1\nname = \"t\"\n[[case]]\nid = \"a\"\nbenchmark = \"capture\"\nmode = \"baseline\"\nmodel = \"org/absent\"\n";
    let finished = run(model);
    assert_eq!(finished.code, 4, "{finished:?}");
    assert!(finished.stdout.contains("suite ") && finished.stdout.contains("org/absent"));
    assert_eq!(
        finish(&mut made.command(&["doctor", "none.toml"], fake_nvml())).code,
        3
    );
}

#[test]
fn the_table_shows_the_worst_first_and_sums_up() {
    let made = Made::new();
    made.put("sys/devices/system/cpu/cpufreq/boost", "1\n");
    let finished = finish(&mut made.command(&["doctor", "--worker", "nowhere"], fake_nvml()));
    let mut lines = finished.stdout.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("blocker  worker "))
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.trim().starts_with("→ build it"))
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("warning  cpu-boost "))
    );
    let last = finished.stdout.lines().next_back();
    assert!(
        last.is_some_and(|line| line.starts_with("not fit to measure: 1 blocker(s), 1 warning(s)")),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_busy_gpu_is_described_by_its_driver() {
    let busy = GPU
        .replace("processes =", "processes = 424242 424243")
        .replace("memory-used = 2000000", "memory-used = 70000000000")
        .replace("reasons = 1", "reasons = 36")
        .replace("temperature = 35", "temperature = 85")
        .replace("persistence = 1", "persistence = 0");
    // Newer functions, and those of a driver of 2019, say the same but for what the driver keeps for itself.
    for (library, used) in [
        (fake_nvml(), 70_000_000_000u64),
        (old_fake_nvml(), 70_600_000_000),
    ] {
        let report = Made::with_gpu(&busy).doctor_with(library, &[]);
        assert_eq!(report.code, 0, "{report:?}");
        report.expect("gpu-processes", "warning", "process 424242, 424243");
        report.expect("gpu-memory", "warning", "of 80.0 GB");
        report.expect("gpu-throttling", "warning", "power-cap, software-thermal");
        report.expect("gpu-temperature", "warning", "85 °C");
        report.expect("gpu-persistence", "warning", "off");
        assert_eq!(report.value["state"]["gpu"]["used_memory_bytes"], used);
    }
}

#[test]
fn more_processes_than_expected_are_all_told() {
    let all: Vec<_> = (1000..1100).map(|pid: u32| pid.to_string()).collect();
    let many = GPU.replace("processes =", &format!("processes = {}", all.join(" ")));
    let report = Made::with_gpu(&many).doctor(&[]);
    let told = report.value["state"]["gpu"]["compute_processes"]
        .as_array()
        .map(Vec::len);
    assert_eq!(told, Some(100));
}

#[test]
fn what_a_gpu_does_not_know_is_absent() {
    let poor = "[gpu]\nname = NVIDIA T400\nuuid = GPU-bbb2\ntemperature = 40\n";
    let report = Made::with_gpu(poor).doctor(&[]);
    assert_eq!(report.code, 0, "{report:?}");
    report.expect("gpu-processes", "note", "does not tell");
    report.expect("gpu-driver", "ok", "unknown version");
    report.expect("gpu-ecc", "ok", "not supported");
    let gpu = &report.value["state"]["gpu"];
    assert_eq!(gpu["temperature_millicelsius"], 40_000);
    assert!(gpu["used_memory_bytes"].is_null() && gpu["compute_processes"].is_null());
}

#[test]
fn a_driver_that_does_not_answer_is_a_finding_and_no_error() {
    let check = |library: PathBuf, description: &str, severity: &str, words: &str| {
        let report = Made::with_gpu(description).doctor_with(&library, &[]);
        report.expect("gpu-driver", severity, words);
        assert!(report.value["state"]["gpu"].is_null());
        assert_eq!(report.code, if severity == "blocker" { 4 } else { 0 });
    };
    let fake = || fake_nvml().to_owned();
    check(
        "/nowhere/libnvidia-ml.so.1".into(),
        GPU,
        "warning",
        "/nowhere/libnvidia-ml.so.1",
    );
    check(
        "libc.so.6".into(),
        GPU,
        "warning",
        "no function `nvmlInit_v2`",
    );
    check(fake(), "init = 9\n", "warning", "driver is not loaded");
    check(fake(), "init = 18\n", "warning", "two versions");
    let lost = GPU.replace("name =", "code = 15\nname =");
    check(fake(), &lost, "blocker", "fallen off the bus");
}

#[test]
fn a_gpu_is_found_by_its_identifier_where_numbers_are_not_certain() {
    let two = format!(
        "{}\n{}",
        GPU.replace("GPU-aaa1", "GPU-ccc3").replace("H100", "A100"),
        GPU.replace("driver = 580.1\n", "")
    );
    let made = Made::with_gpu(&two);
    made.put("dev/nvidia1", "");
    let with = |list: &str, order: &str| {
        let mut command = made.command(&["doctor", "--format", "json"], fake_nvml());
        command
            .env("CUDA_VISIBLE_DEVICES", list)
            .env("CUDA_DEVICE_ORDER", order);
        Report::of(&finish(&mut command))
    };
    let chosen = |report: &Report| {
        report.value["machine"]["gpu_uuid"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(chosen(&with("GPU-aaa", "")).as_deref(), Some("GPU-aaa1"));
    assert_eq!(
        chosen(&with("1", "PCI_BUS_ID")).as_deref(),
        Some("GPU-aaa1")
    );
    let uncertain = with("1", "FASTEST_FIRST");
    assert_eq!(chosen(&uncertain), None);
    uncertain.expect("gpu-numbering", "warning", "only CUDA knows");
    assert!(uncertain.value["state"]["gpu"].is_null());
}

#[test]
fn a_run_records_which_gpu_it_was() {
    let made = Made::with_gpu(GPU);
    let args = ["run", "suite.toml", "--device", "cuda:0"];
    let finished = finish(&mut made.command(&args, fake_nvml()));
    assert_eq!(finished.code, 0, "{finished:?}");
    let machine = made.bench.manifest().machine;
    assert_eq!(machine.gpu.as_deref(), Some("NVIDIA H100"));
    assert_eq!(machine.gpu_uuid.as_deref(), Some("GPU-aaa1"));
}

/// Where the kernel lists locks, the doctor says who holds the device's.
#[test]
fn a_held_lock_is_a_warning_that_names_the_holder() {
    let bench = Bench::new(CASE, "");
    fs::create_dir(bench.path("locks")).expect("the test's folder can be written");
    let own = std::process::id();
    let words = format!(
        r#"{{"pid":{own},"user":"u","command":"anechoic run s","since":"2026-11-22T03:45:00Z","run":"results/r1"}}"#
    );
    let path = bench.write("locks/anechoic-cpu.lock", &words);
    let file = fs::File::open(path).expect("it was just written");
    file.lock().expect("nobody else holds it");
    let look = || {
        let mut command = bench.command(&["doctor", "--format", "json", "--device", "cpu"]);
        Report::of(&finish(command.env_remove("ANECHOIC_PROBE_ROOT")))
    };
    let report = look();
    report.expect("locks", "warning", &format!("process {own} of user u"));
    report.expect("locks", "warning", "results/r1");
    // Whoever measures would hear a worker start.
    report.expect(
        "worker",
        "note",
        "was not asked for its hello: a measurement is going on",
    );
    // Looking takes no lock: the file is as it was, and nobody else has it.
    drop(file);
    let report = look();
    report.expect("locks", "ok", "nobody holds");
    report.expect("worker", "ok", "fake-worker");
}
