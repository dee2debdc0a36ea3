//! The world outside the suites of these tests.

use anechoic_suite::{FoundText, KnownModel, Surroundings};

/// Models and texts as two functions tell; folders and programs are there unless they are called `nowhere`, and CPUs 0
/// to 7 may be used.
pub(crate) struct Here<M, T>(pub(crate) M, pub(crate) T);

impl<M, T> Surroundings for Here<M, T>
where
    M: FnMut(&str) -> Result<KnownModel, String>,
    T: FnMut(&str) -> Result<FoundText, String>,
{
    fn model(&mut self, name: &str) -> Result<KnownModel, String> {
        (self.0)(name)
    }

    fn text(&mut self, path: &str) -> Result<FoundText, String> {
        (self.1)(path)
    }

    fn folder(&mut self, path: &str) -> Result<String, String> {
        match path {
            "nowhere" => Err(format!("the folder `{path}` does not exist")),
            _ => Ok(format!("/here/{path}")),
        }
    }

    fn program(&mut self, name: &str, folder: Option<&str>) -> Result<String, String> {
        match name {
            "nowhere" => Err(format!("no program `{name}` in `PATH`")),
            _ if name.contains('/') => Ok(format!("{}/{name}", folder.unwrap_or("/here"))),
            _ => Ok(format!("/bin/{name}")),
        }
    }

    fn cpus(&self) -> Vec<u32> {
        (0..8).collect()
    }
}
