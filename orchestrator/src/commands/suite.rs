//! From a suite file and options to a plan, with every model looked up.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_suite::{FoundText, KnownModel, Plan, PlanOptions, Suite, Surroundings};

use super::CommandError;
use super::ground::Ground;
use crate::cli::Place;
use crate::probe::usable_cpus;
use crate::settings::{find_folder, find_program, find_text, resolve_model};

/// Where suites are looked for by name.
pub(super) const FOLDER: &str = "suites";

/// What `anechoic kv` takes its cases from, wherever it is called.
const KV: &str = include_str!("../../../suites/kv.toml");

/// The KV-cache suite that is built in.
pub(super) fn kv_suite() -> Result<Suite, CommandError> {
    Ok(Suite::parse("suites/kv.toml (built in)", KV)?)
}

/// Reads a suite: a file, or the name of a file in [`FOLDER`] without its ending.
pub(super) fn read_suite(named: &Path) -> Result<Suite, CommandError> {
    let path = locate(named);
    let text = fs::read_to_string(&path).map_err(|source| CommandError::NoSuite {
        path: path.clone(),
        by_name: by_name(named).filter(|path| !path.exists()),
        source,
    })?;
    Ok(Suite::parse(&path.display().to_string(), &text)?)
}

/// The file that is meant.
pub(super) fn locate(named: &Path) -> PathBuf {
    let by_name = by_name(named).filter(|path| path.is_file());
    by_name.unwrap_or_else(|| named.to_owned())
}

/// The file in [`FOLDER`] that a name stands for, where no file is called so.
fn by_name(named: &Path) -> Option<PathBuf> {
    let is_name = named.components().count() == 1 && named.extension().is_none();
    let file = || Path::new(FOLDER).join(named).with_extension("toml");
    (is_name && !named.exists()).then(file)
}

/// Plans a suite. A model or a worker that is right and not here is the machine's fault, not the suite's.
pub(super) fn make_plan(suite: &Suite, options: &PlanOptions) -> Result<Plan, CommandError> {
    plan_for(Here::default(), suite, options)
}

/// The same for a place that may be a cluster, whose nodes have other CPUs.
pub(super) fn make_plan_at(
    place: &Place,
    suite: &Suite,
    options: &PlanOptions,
) -> Result<Plan, CommandError> {
    let here = Here {
        cpus: match Ground::of(place)? {
            Ground::Here => None,
            Ground::Cluster { nodes, .. } => Some(nodes.cpus),
        },
        ..Here::default()
    };
    plan_for(here, suite, options)
}

fn plan_for(mut here: Here, suite: &Suite, options: &PlanOptions) -> Result<Plan, CommandError> {
    let planned = suite.plan(options, &mut here);
    planned.map_err(|error| match here.absent {
        Some(Absent::Model) => CommandError::NoModel(error),
        Some(Absent::Program) => CommandError::NoProgram(error),
        None => CommandError::Suite(error),
    })
}

/// This machine as a plan sees it.
#[derive(Debug, Default)]
struct Here {
    /// What could not be found, and so ended the planning.
    absent: Option<Absent>,
    /// CPUs of the nodes where attempts are made elsewhere.
    cpus: Option<u32>,
}

/// Something that a suite rightly names and that is not here.
#[derive(Debug, Clone, Copy)]
enum Absent {
    Model,
    Program,
}

impl Surroundings for Here {
    fn model(&mut self, name: &str) -> Result<KnownModel, String> {
        resolve_model(name).map_err(|error| {
            self.absent = error.is_absence().then_some(Absent::Model);
            error.text()
        })
    }

    fn text(&mut self, path: &str) -> Result<FoundText, String> {
        find_text(path).map_err(|error| error.text())
    }

    fn folder(&mut self, path: &str) -> Result<String, String> {
        find_folder(path).map_err(|error| error.to_string())
    }

    fn program(&mut self, name: &str, folder: Option<&str>) -> Result<String, String> {
        find_program(name, Path::new(folder.unwrap_or("."))).map_err(|error| {
            self.absent = Some(Absent::Program);
            error.to_string()
        })
    }

    fn cpus(&self) -> Vec<u32> {
        self.cpus
            .map_or_else(usable_cpus, |cpus| (0..cpus).collect())
    }
}
