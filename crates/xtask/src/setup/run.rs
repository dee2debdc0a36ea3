//! The order in which libtorch is looked for: exported, linked already, installed, cached or fetched.

use super::libtorch::Libtorch;
use super::wheels::Flavour;
use super::{SetupError, cache, link, source};
use crate::env::Env;

/// What a set-up is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    wish: Wish,
    force: bool,
}

/// Which libraries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// CUDA where a driver is loaded.
    Auto,
    Cpu,
    Cuda,
}

impl Request {
    /// From the flags; the command line excludes `cuda` with `cpu`.
    pub(crate) fn new(cuda: bool, cpu: bool, force: bool) -> Self {
        let wish = match (cuda, cpu) {
            (true, _) => Wish::Cuda,
            (false, true) => Wish::Cpu,
            (false, false) => Wish::Auto,
        };
        Self { wish, force }
    }

    fn flavour(self, env: &Env) -> Flavour {
        match self.wish {
            Wish::Cuda => Flavour::Cuda,
            Wish::Auto if env.driver => Flavour::Cuda,
            Wish::Auto | Wish::Cpu => Flavour::Cpu,
        }
    }
}

/// Looks for libtorch, fetches it where there is none, and links `.libtorch` to it.
pub(crate) fn setup(env: &Env, request: Request) -> Result<(), SetupError> {
    check_compiler(env)?;
    let found = find(env, request)?;
    link::point(env, &found)?;
    env.say(format!(
        "libtorch {}: {}",
        found.version,
        found.dir.display()
    ));
    Ok(())
}

/// Makes sure that the project can be built. What is linked already is good enough, with CUDA or without.
pub(crate) fn ensure(env: &Env) -> Result<(), SetupError> {
    check_compiler(env)?;
    if env.libtorch.is_none()
        && let Some(found) = link::current(env)
    {
        if env.driver && !found.has_cuda() {
            env.say("note: an NVIDIA driver is loaded, but libtorch here has no CUDA libraries; `cargo xtask setup --cuda` fetches them");
        }
        return Ok(());
    }
    setup(env, Request::new(false, false, false))
}

fn find(env: &Env, request: Request) -> Result<Libtorch, SetupError> {
    let flavour = request.flavour(env);
    if let Some(dir) = &env.libtorch {
        let found = source::exported(dir)?;
        if flavour == Flavour::Cuda && !found.has_cuda() {
            env.say(format!(
                "note: {} has no CUDA libraries; runs will use the CPU",
                dir.display()
            ));
        }
        return Ok(found);
    }
    if !request.force
        && let Some(found) = link::current(env).filter(|found| flavour.is_met_by(found))
    {
        return Ok(found);
    }
    if let Some(found) = source::installed(env, flavour) {
        return Ok(found);
    }
    cache::tree(env, flavour, request.force)
}

/// libtorch's bindings are C++ and compiled here.
fn check_compiler(env: &Env) -> Result<(), SetupError> {
    let asked = env
        .cxx
        .as_ref()
        .map(|cxx| cxx.to_string_lossy().into_owned());
    let name = asked
        .as_deref()
        .and_then(|cxx| cxx.split_whitespace().next())
        .unwrap_or("c++");
    let exists = if name.contains('/') {
        env.cwd.join(name).is_file()
    } else {
        env.program(name).is_some()
    };
    if exists {
        Ok(())
    } else {
        Err(SetupError::NoCompiler {
            name: name.to_owned(),
        })
    }
}
