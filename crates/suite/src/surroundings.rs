//! What a plan has to know of the world outside the suite, which this crate never looks at itself.

use crate::{FoundText, KnownModel};

/// Looks things up for a plan. The text of an error becomes the message at the place where the name is written.
pub trait Surroundings {
    /// The model of this name.
    fn model(&mut self, name: &str) -> Result<KnownModel, String>;

    /// The text file at this path.
    fn text(&mut self, path: &str) -> Result<FoundText, String>;

    /// The absolute path of the folder at this path, which is relative to the orchestrator's working directory.
    fn folder(&mut self, path: &str) -> Result<String, String>;

    /// The absolute path of the program of this name: one in `PATH`, or where the name has a `/`, relative to `folder`
    /// or else to the orchestrator's working directory.
    fn program(&mut self, name: &str, folder: Option<&str>) -> Result<String, String>;

    /// The logical CPUs that the orchestrator may use, ascending.
    fn cpus(&self) -> Vec<u32>;
}
