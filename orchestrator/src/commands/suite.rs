//! From a suite file and options to a plan, with every model looked up.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_suite::{Plan, PlanOptions, Suite};

use super::CommandError;
use crate::settings::{find_text, resolve_model};

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
        source,
    })?;
    Ok(Suite::parse(&path.display().to_string(), &text)?)
}

/// The file that is meant.
pub(super) fn locate(named: &Path) -> PathBuf {
    let by_name = Path::new(FOLDER).join(named).with_extension("toml");
    let is_name = named.components().count() == 1 && named.extension().is_none();
    if is_name && !named.exists() && by_name.is_file() {
        return by_name;
    }
    named.to_owned()
}

/// Plans a suite. A model that is right and not here is the machine's fault, not the suite's.
pub(super) fn make_plan(suite: &Suite, options: &PlanOptions) -> Result<Plan, CommandError> {
    let mut absent = false;
    let look_up = |name: &str| {
        resolve_model(name).map_err(|error| {
            absent = error.is_absence();
            error.text()
        })
    };
    let planned = suite.plan(options, look_up, |name| {
        find_text(name).map_err(|error| error.text())
    });
    planned.map_err(|error| match absent {
        true => CommandError::NoModel(error),
        false => CommandError::Suite(error),
    })
}
