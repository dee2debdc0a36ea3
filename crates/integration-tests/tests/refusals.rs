//! What is refused before any worker starts, and with which exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anechoic_integration_tests::{Bench, Finished, finish};

const CASE: &str = r#"
[[case]]
id = "one"
mode = "all-layers"
"#;

/// Nothing may have been started: not even a run's folder is there.
fn refused(bench: &Bench, args: &[&str], code: i32, parts: &[&str]) -> Finished {
    let run = bench.run(args);
    assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
    for part in parts {
        assert!(
            run.stderr.contains(part),
            "{args:?}: no `{part}` in {}",
            run.stderr
        );
    }
    assert_eq!(run.stdout, "", "{args:?}");
    assert!(!bench.path("results").join("latest").exists(), "{args:?}");
    run
}

#[test]
fn usage() {
    let bench = Bench::new(CASE, "");
    refused(&bench, &[], 2, &["Usage"]);
    refused(&bench, &["run"], 2, &["<SUITE>"]);
    refused(
        &bench,
        &["run", "suite.toml", "--frobnicate"],
        2,
        &["--frobnicate"],
    );
    refused(
        &bench,
        &["run", "suite.toml", "--device", "gpu"],
        2,
        &["`gpu` is not a device"],
    );
    refused(
        &bench,
        &["run", "suite.toml", "--order", "upwards"],
        2,
        &["`upwards` is not an order"],
    );
    refused(
        &bench,
        &["run", "suite.toml", "--set", "five"],
        2,
        &["KEY=VALUE"],
    );
    refused(
        &bench,
        &["report", "latest"],
        2,
        &["no such run", "anechoic list runs"],
    );
    refused(
        &bench,
        &["rerun", "latest", "--results", "my runs"],
        2,
        &["no such run", "`anechoic list runs --results 'my runs'`"],
    );
}

#[test]
fn bad_suites_are_named_with_their_place() {
    let check = |cases: &str, parts: &[&str]| {
        let bench = Bench::new(cases, "");
        refused(&bench, &["run", "suite.toml"], 3, parts);
    };
    check(
        "[[case]]\nid = \"one\"\nmode = \"sideways\"\n",
        &["suite.toml:16:", "sideways"],
    );
    check(
        "[[case]]\nid = \"one\"\nmode = \"baseline\"\nmodel = \"gpt5\"\n",
        &["suite.toml:17:", "`gpt5` is no model"],
    );
    check(
        "[[case]]\nid = \"one\"\nmode = \"custom\"\nlayers = \"0,99\"\n",
        &["suite.toml:17:", "99"],
    );
    check("", &["the suite has no case"]);
    check("nonsense", &["suite.toml:14:"]);
    let bench = Bench::new(CASE, "");
    let missing = ["run", "missing.toml"];
    refused(
        &bench,
        &missing,
        3,
        &["cannot read the suite `missing.toml`: No", "list suites"],
    );
    let named = ["run", "mien"];
    let tried = "the suite `mien`, and there is no `suites/mien.toml`: No such";
    refused(&bench, &named, 3, &[tried]);
    let set = ["run", "suite.toml", "--set", "batch-size=none"];
    refused(&bench, &set, 3, &["batch-size"]);
}

#[test]
fn sizes_that_cannot_be() {
    let bench = Bench::new(CASE, "");
    let check = |setting: &str, parts: &[&str]| {
        refused(&bench, &["run", "suite.toml", "--set", setting], 3, parts);
    };
    check("prefill-tokens=0", &["--set prefill-tokens=0"]);
    check("decode-tokens=0", &["--set decode-tokens=0"]);
    check("batch-size=0", &["--set batch-size=0"]);
    check("iterations=0", &["--set iterations=0"]);
    // The window of gpt2-tiny is 128 positions.
    check("prefill-tokens=127", &["127", "128"]);
    let capture = ["capture", "--model", "gpt2-tiny", "--prefill-tokens", "0"];
    refused(&bench, &capture, 3, &["prefill-tokens"]);
}

#[test]
fn filters_that_leave_nothing() {
    let bench = Bench::new(CASE, "");
    let args = ["run", "suite.toml", "--skip", "*"];
    refused(&bench, &args, 12, &["nothing to run"]);
}

#[test]
fn workers_that_are_not_there() {
    let bench = Bench::new(CASE, "");
    let missing = ["run", "suite.toml", "--worker", "nowhere"];
    refused(
        &bench,
        &missing,
        4,
        &[
            "`nowhere` (from --worker) does not exist",
            "cargo xtask setup",
        ],
    );
    bench.write("plain", "");
    let plain = ["run", "suite.toml", "--worker", "plain"];
    refused(&bench, &plain, 4, &["is not an executable file"]);
}

#[test]
fn devices_that_are_not_there() {
    let bench = Bench::new(CASE, "");
    let args = ["run", "suite.toml", "--device", "cuda"];
    refused(&bench, &args, 4, &["needs an NVIDIA GPU", "--device cpu"]);
}

#[test]
fn results_folders_that_cannot_be_written() {
    let bench = Bench::new(CASE, "");
    bench.write("file", "");
    let args = ["run", "suite.toml", "--results", "file"];
    refused(&bench, &args, 4, &["results folder `file`", "--results"]);
    let readers: [&[&str]; 5] = [
        &["history"],
        &["prune"],
        &["list", "runs"],
        &["list", "certificates"],
        &["index", "check"],
    ];
    for reader in readers {
        let args = [reader, &["--results", "file"]].concat();
        let hint = "hint: choose another folder with --results\n";
        refused(&bench, &args, 4, &["error: failed to list ", "`file", hint]);
    }
}

/// Also where everything is asked to be coloured.
#[test]
fn usage_is_not_coloured() {
    let bench = Bench::new(CASE, "");
    for args in [&["run"][..], &["--help"], &["run", "--frobnicate"]] {
        let mut command = bench.command(args);
        command.env("CLICOLOR_FORCE", "1");
        let run = finish(&mut command);
        let text = run.stdout + &run.stderr;
        assert!(!text.is_empty() && !text.contains('\x1b'), "{text:?}");
    }
}

#[test]
fn weights_that_are_not_there() {
    let bench = Bench::new(CASE, "");
    let folder = bench.path("model");
    fs::create_dir(&folder).unwrap();
    let config = r#"{"model_type":"gpt2","vocab_size":257,"n_positions":128,"n_embd":64,"n_layer":4,"n_head":4}"#;
    fs::write(folder.join("config.json"), config).unwrap();
    let args = ["run", "suite.toml", "--set", "model=model"];
    refused(
        &bench,
        &args,
        4,
        &["`model` is incomplete", "model.safetensors"],
    );
}

#[test]
fn models_that_are_incomplete_or_of_another_family() {
    let bench = Bench::new(CASE, "");
    fs::create_dir(bench.path("model")).unwrap();
    let args = ["run", "suite.toml", "--set", "model=model"];
    bench.write("model/config.json", r#"{"model_type":"mamba"}"#);
    refused(&bench, &args, 3, &["`model` cannot be used", "mamba"]);
    let config = r#"{"model_type":"gpt2","vocab_size":257,"n_positions":128,"n_embd":64,"n_layer":4,"n_head":4}"#;
    bench.write("model/config.json", config);
    bench.write("model/one.safetensors", "");
    let index = r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;
    bench.write("model/model.safetensors.index.json", index);
    let missing = ["`model` is incomplete", "`two.safetensors`"];
    refused(&bench, &args, 4, &missing);
}

#[test]
fn an_output_that_cannot_be_written() {
    let bench = Bench::new(CASE, "");
    let small = [
        "capture",
        "--model",
        "gpt2-tiny",
        "--dtype",
        "f32",
        "--prefill-tokens",
        "4",
        "--decode-tokens",
        "3",
    ];
    let with = |output: &'static str| [small.as_slice(), &["--output", output]].concat();
    refused(
        &bench,
        &with("nowhere/result.json"),
        4,
        &["`nowhere` is no folder"],
    );
    refused(&bench, &with("."), 4, &["no regular file"]);
    refused(
        &bench,
        &[small.as_slice(), &["--layers", "0"]].concat(),
        3,
        &["layers"],
    );
}

/// A damaged run is named, not guessed at.
#[test]
fn damaged_records() {
    let bench = Bench::new(CASE, "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let manifest = bench.latest().join("run.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let report = bench.run(&["report", "latest"]);
    assert_eq!(report.code, 1);
    for part in ["run.json", "hint: put the file back"] {
        assert!(report.stderr.contains(part), "{}", report.stderr);
    }
    let listed = bench.run(&["list", "runs"]);
    assert_eq!(listed.code, 0);
    assert!(listed.stdout.contains("unreadable"), "{}", listed.stdout);
}

/// The record becomes unwritable while the worker runs: the run ends, and the worker with it.
#[test]
fn a_record_that_cannot_be_written_ends_the_run() {
    let bench = Bench::new(CASE, "obedient");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.one", anechoic_protocol::Phase::Measure);
    // Permissions do not stop root; a folder that is gone does.
    fs::set_permissions(bench.latest(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(bench.latest()).unwrap();
    run.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(run.code(), Some(1));
    assert!(anechoic_integration_tests::gone(worker));
}
