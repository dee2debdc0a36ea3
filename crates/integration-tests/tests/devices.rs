//! Which device a run uses where its workers are of several kinds. The GPU is a device file in a stand-in for `/dev`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anechoic_integration_tests::{Bench, fake_worker, finish};
use anechoic_protocol::{Device, Phase};
use nix::sys::signal::Signal;

/// Cases whose workers are a shell with a script of their own.
const OWN: &str =
    "[[case]]\nid = \"own\"\nmode = \"baseline\"\nworker = { command = [\"sh\", \"own.sh\"] }\n";

/// `anechoic` where a GPU is visible whose driver has no library.
fn beside_a_gpu(bench: &Bench, args: &[&str]) -> Command {
    let dev = bench.path("probe-root/dev");
    fs::create_dir_all(&dev).expect("the test's folder can be written");
    for name in ["nvidiactl", "nvidia0"] {
        fs::write(dev.join(name), "").expect("the test's folder can be written");
    }
    let mut command = bench.command(args);
    command
        .env("CUDA_VISIBLE_DEVICES", "0")
        .env("ANECHOIC_NVML", bench.path("no-library"));
    command
}

/// A bench whose only case has a script as its worker.
fn own_worker(faults: &str) -> Bench {
    let bench = Bench::new(OWN, faults);
    let script = format!("exec '{}'\n", fake_worker().display());
    bench.write("own.sh", &script);
    bench
}

#[test]
fn a_gpu_is_taken_only_where_every_worker_offers_it() {
    let bench = Bench::new("", "offers-gpu");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let results = bench.path("results");
    let suite = "suites/own-worker.toml";
    let mut command = beside_a_gpu(&bench, &["run", suite, "--attempts", "1"]);
    command.current_dir(&root).arg("--results").arg(&results);
    let run = finish(&mut command);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("examples/worker.py` does not offer it"),
        "{}",
        run.stderr
    );
    assert_eq!(bench.manifest().settings.device, Device::Cpu);

    let refused = ["run", suite, "--device", "cuda"];
    let run = finish(beside_a_gpu(&bench, &refused).current_dir(&root));
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("examples/worker.py` does not offer cuda:0; it offers cpu"),
        "{}",
        run.stderr
    );
}

/// The program alone would be a shell that waits for its script.
#[test]
fn workers_of_cases_are_asked_as_they_are_started() {
    for (faults, expected) in [("", Device::Cpu), ("offers-gpu", Device::Cuda(0))] {
        let bench = own_worker(faults);
        let mut command = beside_a_gpu(&bench, &["run", "suite.toml"]);
        let run = finish(command.env_remove("ANECHOIC_WORKER"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let settings = bench.manifest().settings;
        assert_eq!(settings.device, expected, "{faults}");
        let command = settings.worker;
        assert!(command.ends_with("/sh own.sh"), "{command}");
        let again = finish(&mut beside_a_gpu(
            &bench,
            &["rerun", "latest", "--case", "*"],
        ));
        assert_eq!(again.code, 0, "{}", again.stderr);

        let args = ["doctor", "suite.toml", "--format", "json"];
        let doctor = finish(&mut beside_a_gpu(&bench, &args));
        let device = format!("\"device\": \"{expected}\"");
        assert!(doctor.stdout.contains(&device), "{}", doctor.stdout);
    }
}

#[test]
fn a_worker_is_not_started_beside_a_measurement() {
    let case = "[[case]]\nid = \"a\"\nmode = \"baseline\"\n";
    let bench = Bench::new(case, "hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.a", Phase::Measure);
    let doctor = bench.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("was not asked for its hello"),
        "{}",
        doctor.stdout
    );
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}
