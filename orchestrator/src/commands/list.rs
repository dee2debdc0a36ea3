//! `anechoic list`: models, versions, modes, suites, runs and certificates.

use std::fs;
use std::path::Path;

use anechoic_protocol::{CaptureMode, ModelConfig, Preset, Version};
use anechoic_record::{RunListing, RunState, list_runs};
use anechoic_suite::Suite;
use serde_json::{Value, json};

use super::CommandError;
use super::certificates;
use super::suite::FOLDER;
use crate::cli::{ListArgs, Listed};
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};
use crate::settings::{Shipped, read_config};

/// One listed thing: its columns for people and its object for programs.
pub(super) struct Entry {
    pub(super) row: Vec<String>,
    pub(super) object: Value,
}

pub(super) fn list(args: &ListArgs) -> Result<ExitCode, CommandError> {
    let entries = match args.what {
        Listed::Models => models(),
        Listed::Versions => Version::ALL.map(version).into(),
        Listed::Modes => CaptureMode::ALL.map(mode).into(),
        Listed::Suites => suites(Path::new(FOLDER)),
        Listed::Runs => {
            let root = &args.results.root;
            let runs = list_runs(root).map_err(CommandError::NoRecord)?;
            if runs.is_empty() {
                say(&format!("no runs in `{}`", root.display()));
            }
            runs.iter().map(run).collect()
        }
        Listed::Certificates => certificates::entries(&args.results.root)?,
    };
    let text = match args.format {
        Format::Text => columns(&entries.into_iter().map(|e| e.row).collect::<Vec<_>>()),
        Format::Json => {
            let objects: Vec<_> = entries.into_iter().map(|e| e.object).collect();
            format!("{:#}\n", Value::Array(objects))
        }
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}

/// Presets, then what is shipped.
fn models() -> Vec<Entry> {
    let presets = Preset::ALL.map(|preset| model(preset.as_str(), &preset.config(), "random"));
    let shipped = Shipped::here().all();
    let shipped = shipped
        .iter()
        .map(|(name, folder)| checkpoint(name, folder));
    presets.into_iter().chain(shipped).collect()
}

/// A shipped model, or what is wrong with it.
fn checkpoint(name: &str, folder: &Path) -> Entry {
    match read_config(name, folder) {
        Ok(config) => model(name, &config, "trained"),
        Err(error) => {
            let error = error.text();
            Entry {
                row: vec![name.to_owned(), "unreadable".to_owned(), error.clone()],
                object: json!({ "name": name, "error": error }),
            }
        }
    }
}

fn model(name: &str, config: &ModelConfig, weights: &str) -> Entry {
    let family = config.family().as_str();
    Entry {
        row: vec![
            name.to_owned(),
            family.to_owned(),
            format!("{} layers", config.layers()),
            format!("hidden {}", config.hidden()),
            format!("window {}", config.window()),
            format!("{:.1} M parameters", config.parameters() as f64 / 1e6),
            format!("{weights} weights"),
        ],
        object: json!({
            "name": name,
            "family": family,
            "layers": config.layers(),
            "hidden": config.hidden(),
            "window": config.window(),
            "parameters": config.parameters(),
            "weights": weights,
        }),
    }
}

fn version(version: Version) -> Entry {
    let flags = [
        ("use_cache", version.use_cache()),
        ("kv_cache_quant", version.kv_cache_quant()),
        ("cross_layer_sharing", version.cross_layer_sharing()),
    ];
    let mut row = vec![
        version.as_str().to_owned(),
        version.description().to_owned(),
    ];
    row.extend(flags.map(|(name, is_on)| format!("{name} {}", if is_on { "yes" } else { "no" })));
    Entry {
        row,
        object: json!({
            "name": version.as_str(),
            "description": version.description(),
            "use_cache": version.use_cache(),
            "kv_cache_quant": version.kv_cache_quant(),
            "cross_layer_sharing": version.cross_layer_sharing(),
        }),
    }
}

fn mode(mode: CaptureMode) -> Entry {
    let meaning = match mode {
        CaptureMode::Baseline => "no machinery of any kind in the model",
        CaptureMode::ZeroLayer => "machinery on, no layer selected",
        CaptureMode::AllLayers => "every decoder layer",
        CaptureMode::Custom => "the layers of `layers`",
    };
    Entry {
        row: vec![mode.as_str().to_owned(), meaning.to_owned()],
        object: json!({ "name": mode.as_str(), "meaning": meaning }),
    }
}

fn suites(folder: &Path) -> Vec<Entry> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths.iter().map(|path| suite(path)).collect()
}

/// A suite, or what is wrong with its file.
fn suite(path: &Path) -> Entry {
    let file = path.display().to_string();
    let read = fs::read_to_string(path).map_err(|error| error.to_string());
    let parsed =
        read.and_then(|text| Suite::parse(&file, &text).map_err(|error| error.to_string()));
    match parsed {
        Ok(suite) => {
            let cases = suite.case_ids().count();
            let question = suite.question().unwrap_or_default();
            Entry {
                row: vec![file.clone(), format!("{cases} cases"), question.to_owned()],
                object: json!({ "file": file, "name": suite.name(), "cases": cases, "question": question }),
            }
        }
        Err(error) => {
            let first = error.lines().next().unwrap_or_default().to_owned();
            Entry {
                row: vec![file.clone(), "unreadable".to_owned(), first],
                object: json!({ "file": file, "error": error }),
            }
        }
    }
}

/// A run, or what is wrong with its directory.
fn run(listing: &RunListing) -> Entry {
    let manifest = match &listing.manifest {
        Ok(manifest) => manifest,
        Err(error) => {
            let error = error.to_string();
            return Entry {
                row: vec![listing.run.clone(), "unreadable".to_owned(), error.clone()],
                object: json!({ "run": listing.run, "error": error }),
            };
        }
    };
    let state = match manifest.state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Interrupted => "interrupted",
    };
    let cases = manifest.cases.iter();
    let planned: usize = cases
        .map(|case| case.planned(&manifest.plan) as usize)
        .sum();
    let good: usize = manifest
        .cases
        .iter()
        .map(|case| case.ok_attempts().count())
        .sum();
    Entry {
        row: vec![
            listing.run.clone(),
            state.to_owned(),
            format!("{good}/{planned} good attempts"),
            manifest.settings.device.to_string(),
        ],
        object: json!({
            "run": listing.run,
            "suite": manifest.plan.name,
            "started": manifest.started,
            "state": manifest.state,
            "device": manifest.settings.device,
            "good_attempts": good,
            "planned_attempts": planned,
        }),
    }
}

/// Rows with aligned columns.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate();
        let padded: Vec<_> = cells
            .map(|(i, cell)| format!("{cell:<0$}", width(i)))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
