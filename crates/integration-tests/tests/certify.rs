//! Certificates of the fake worker: made, refused, interrupted, expired; and the clocks that they depend on.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs::{self, File};
use std::process::Stdio;

use anechoic_integration_tests::{
    Bench, Finished, Started, fake_nvml, fake_worker, finish, wait_for,
};
use anechoic_protocol::Phase;
use anechoic_record::{Certificate, RunState, certificates, list_runs};
use nix::sys::signal::Signal;
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "first"
mode = "baseline"

[[case]]
id = "second"
mode = "all-layers"
"#;

const THREE: [&str; 4] = ["certify", "suite.toml", "--rounds", "3"];

fn kept(bench: &Bench) -> Vec<Certificate> {
    let all = certificates(&bench.path("results")).unwrap();
    all.into_iter().map(|kept| kept.content.unwrap()).collect()
}

fn runs(bench: &Bench) -> Vec<String> {
    let all = list_runs(&bench.path("results")).unwrap();
    all.into_iter().map(|listing| listing.run).collect()
}

#[test]
fn equal_runs_become_a_certificate_that_expires_with_its_worker() {
    let bench = Bench::new(CASES, "");
    let worker = bench.path("worker");
    fs::copy(fake_worker(), &worker).unwrap();
    let run = |args: &[&str]| finish(bench.command(args).env("ANECHOIC_WORKER", &worker));
    let made = run(&THREE);
    assert_eq!(made.code, 0, "{}", made.stderr);
    for words in ["Judged by", "total-time", "stored in results/certificates"] {
        assert!(made.stdout.contains(words), "{words}: {}", made.stdout);
    }
    assert!(made.stderr.contains("round 3 of 3"), "{}", made.stderr);
    let [certificate] = &kept(&bench)[..] else {
        panic!("there is one certificate");
    };
    assert_eq!(certificate.runs, runs(&bench));
    let total = certificate.cells.iter().find(|cell| cell.primary).unwrap();
    // The times of the fake worker are made up, and the same in all runs.
    assert_eq!(
        (total.runs, total.deviation, total.detectable),
        (3, 0.0, 0.0)
    );

    let listed = || run(&["list", "certificates", "--format", "json"]);
    let status = |listed: &Finished| {
        let all: Value = serde_json::from_str(&listed.stdout).unwrap();
        assert_eq!(all[0]["suite"], "test");
        (
            all[0]["status"].clone(),
            all[0]["differences"][0]["what"].clone(),
        )
    };
    assert_eq!(status(&listed()), ("valid".into(), Value::Null));
    let was = worker.metadata().unwrap().modified().unwrap();
    let file = File::options().append(true).open(&worker).unwrap();
    file.set_modified(was + std::time::Duration::from_secs(1))
        .unwrap();
    assert_eq!(status(&listed()), ("expired".into(), "worker".into()));
    fs::remove_file(&worker).unwrap();
    let text = run(&["list", "certificates"]).stdout;
    assert!(text.contains("and is not there"), "{text}");
}

#[test]
fn runs_that_are_there_are_certified_where_they_are_alike() {
    let bench = Bench::new(CASES, "");
    let run = |dials: &str| {
        let args = ["run", "suite.toml", "--attempts", "2"];
        let dials = format!("--slow-down 0% {dials}");
        let made = finish(bench.command(&args).env("ANECHOIC_FAKE_DIALS", dials));
        assert_eq!(made.code, 0, "{}", made.stderr);
    };
    let from = |more: &[&str]| {
        let all = runs(&bench);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let args = [&["certify", "--format", "json", "--from"], &all[..], more].concat();
        bench.run(&args)
    };
    for seed in 1..=2 {
        run(&format!("--noise 2% --noise-seed {seed}"));
    }
    let few = from(&[]);
    assert_eq!(few.code, 12, "{}", few.stderr);
    assert!(
        few.stderr.contains("2 runs cannot tell how runs scatter"),
        "{}",
        few.stderr
    );
    run("--noise 2% --noise-seed 3");
    let made = from(&[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let told: Value = serde_json::from_str(&made.stdout).unwrap();
    let cell = &told["cells"][0];
    assert_eq!(cell["metric"], "total-time");
    let deviation = cell["deviation"].as_f64().unwrap();
    assert!((1e-4..0.1).contains(&deviation), "{cell}");
    assert!(cell["promised"].as_f64().unwrap() > 0.0);
    assert!(cell["deviation_interval"]["high"].as_f64().unwrap() > deviation);
    let again = from(&["latest"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("is named twice"), "{}", again.stderr);
    // One more, of another worker.
    let worker = bench.path("worker");
    fs::copy(fake_worker(), &worker).unwrap();
    let other = ["run", "suite.toml", "--worker", "worker"];
    assert_eq!(bench.run(&other).code, 0);
    let mixed = from(&[]);
    assert_eq!(mixed.code, 12, "{}", mixed.stderr);
    assert!(
        mixed.stderr.contains("under other conditions"),
        "{}",
        mixed.stderr
    );
    assert_eq!(kept(&bench).len(), 1);
}

#[test]
fn cases_that_fail_are_not_certified() {
    let bench = Bench::new(CASES, "second=segv");
    let made = bench.run(&THREE);
    assert_eq!(made.code, 10, "{}", made.stderr);
    assert!(made.stdout.contains("Not certified"), "{}", made.stdout);
    let certificate = &kept(&bench)[0];
    assert!(
        certificate
            .cells
            .iter()
            .all(|cell| cell.id.case == "capture.first")
    );
    let [left_out] = &certificate.left_out[..] else {
        panic!("one case is left out");
    };
    assert_eq!(left_out.case, "capture.second");
    assert!(left_out.why.contains("SIGSEGV"), "{}", left_out.why);

    let bench = Bench::new(CASES, "segv");
    let made = bench.run(&THREE);
    assert_eq!(made.code, 12, "{}", made.stderr);
    assert!(
        made.stdout.is_empty() && made.stderr.contains("SIGSEGV"),
        "{}",
        made.stderr
    );
    assert!(kept(&bench).is_empty());
    assert_eq!(runs(&bench).len(), 1, "further runs would be in vain");
}

#[test]
fn a_stop_in_a_run_leaves_the_runs() {
    let bench = Bench::new(CASES, "second=obedient");
    let run = bench.start(&THREE);
    bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert_eq!(bench.manifest().state, RunState::Interrupted);
    assert_eq!((runs(&bench).len(), kept(&bench).len()), (1, 0));
}

#[test]
fn the_device_is_held_between_runs_and_a_stop_there_is_heard() {
    let bench = Bench::new(CASES, "");
    let told = bench.path("told");
    let args = [&THREE[..], &["--pause", "30m"]].concat();
    let mut command = bench.command(&args);
    command
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap());
    let run = Started::from(command.spawn().unwrap());
    wait_for("the pause", || {
        let text = fs::read_to_string(&told).unwrap();
        text.contains("pause of 30 min").then_some(())
    });
    let second = bench.run(&["run", "suite.toml", "--results", "other"]);
    assert_eq!(second.code, 4, "{}", second.stderr);
    assert!(
        second.stderr.contains("the device cpu is held"),
        "{}",
        second.stderr
    );
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
    let text = fs::read_to_string(&told).unwrap();
    assert!(text.contains("runs begun: 1 of 3"), "{text}");
    assert_eq!(bench.manifest().state, RunState::Complete);
    assert_eq!((runs(&bench).len(), kept(&bench).len()), (1, 0));
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let bench = Bench::new(CASES, "");
    let check = |args: &[&str], words: &str| {
        let run = bench.run(&[&["certify"], args].concat());
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    };
    check(&[], "<SUITE>");
    check(&["suite.toml", "--rounds", "2"], "3..=1000");
    check(&["--from", "a", "--rounds", "3"], "cannot be used with");
    check(&["--from", "a", "--only", "b"], "cannot be used with");
    check(&["--from", "a"], "no such run");
}

fn put(bench: &Bench, name: &str, text: &str) {
    let path = bench.path("probe-root").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn describe_gpu(bench: &Bench, driver: &str, limits: &str) {
    let gpu = "[gpu]\nname = A GPU\nuuid = GPU-1\ntemperature = 30\nprocesses =\n";
    put(bench, "nvml", &format!("driver = {driver}\n{gpu}{limits}"));
}

#[test]
fn runs_record_clocks_and_driver_and_go_on_under_the_same_alone() {
    let bench = Bench::new(
        "[[case]]\nid = \"one\"\nmode = \"baseline\"\n",
        "offers-gpu",
    );
    put(&bench, "dev/nvidiactl", "");
    put(&bench, "dev/nvidia0", "");
    let cpufreq = "sys/devices/system/cpu/cpu0/cpufreq";
    put(
        &bench,
        &format!("{cpufreq}/scaling_governor"),
        "performance\n",
    );
    put(&bench, &format!("{cpufreq}/scaling_max_freq"), "3000000\n");
    put(&bench, "sys/devices/system/cpu/cpufreq/boost", "0\n");
    let limits = "highest-clock = 1980\npower-limit = 700000\nenforced-power-limit = 650000\n";
    describe_gpu(&bench, "550.1", limits);
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command
            .env("CUDA_VISIBLE_DEVICES", "0")
            .env("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
            .env("ANECHOIC_NVML", fake_nvml())
            .env("FAKE_NVML", bench.path("probe-root/nvml"));
        finish(&mut command)
    };
    let made = run(&["run", "suite.toml", "--device", "cuda:0"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let clocks = bench.manifest().starts[0].clocks.clone();
    assert_eq!(clocks.cpu_governor.as_deref(), Some("performance"));
    assert_eq!(clocks.cpu_frequency_limit_khz, Some(3_000_000));
    assert_eq!(clocks.cpu_boost, Some(false));
    assert_eq!(clocks.gpu_driver.as_deref(), Some("550.1"));
    assert_eq!(clocks.gpu_clock_limit_khz, Some(1_980_000));
    assert_eq!(clocks.gpu_power_limit_milliwatts, Some(650_000));

    describe_gpu(&bench, "560.2", "power-limit = 500000\n");
    put(
        &bench,
        &format!("{cpufreq}/scaling_governor"),
        "powersave\n",
    );
    let rerun = ["rerun", "latest", "--case", "*"];
    let again = run(&rerun);
    assert_eq!(again.code, 4, "{}", again.stderr);
    for words in [
        "GPU driver was 550.1 and is 560.2",
        "GPU power limit (mW) was 650000 and is 500000",
        "CPU governor was performance and is powersave",
    ] {
        assert!(again.stderr.contains(words), "{words}: {}", again.stderr);
    }
    // What cannot be read now is no difference.
    assert!(!again.stderr.contains("clock limit"), "{}", again.stderr);
}
