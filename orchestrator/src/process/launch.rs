//! What a worker process is started with, and the command that starts it so.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anechoic_record::{Containment, MemoryEnforcement};
use anechoic_suite::{ATTEMPT_MARK, Case, Isolation, ORCHESTRATOR_MARK};
use nix::fcntl::OFlag;
use nix::sched::CpuSet;
use nix::unistd::{getpid, pipe2};
use tokio::process::{Child, Command};

use super::confine::{Confinement, Setting, confine, highest_file};
use super::identity::Identity;
use super::scope::Scope;

/// A program with all that it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Absolute path of the program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// What it is shielded from.
    pub(crate) isolation: Isolation,
    /// `run/case/attempt`.
    pub(crate) mark: String,
}

/// A program that could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// The system does not start it.
    #[error("{0}")]
    Start(io::Error),
    /// It cannot be started as asked for.
    #[error("cannot {what}: {source}")]
    Setting {
        /// What was to be done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A process that was started.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) scope: Option<Scope>,
    pub(super) containment: Containment,
}

impl Launch {
    /// A program with the default isolation.
    pub(crate) fn plain(program: PathBuf, mark: &str) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            isolation: Isolation::default(),
            mark: mark.to_owned(),
        }
    }

    /// A case's own worker, or else the run's.
    pub(crate) fn of_case(case: &Case, worker: &Path, mark: &str) -> Self {
        let own = case.worker.as_ref().and_then(|own| own.0.split_first());
        let (program, arguments) = match own {
            Some((program, arguments)) => (PathBuf::from(program), arguments.to_vec()),
            None => (worker.to_owned(), Vec::new()),
        };
        Self {
            program,
            arguments,
            isolation: case.isolation.clone(),
            mark: mark.to_owned(),
        }
    }

    /// Starts it. Must be called on the main thread: the parent-death signal follows the thread.
    pub(super) fn start(&self) -> Result<Launched, LaunchError> {
        let limit = self.isolation.memory_limit_bytes;
        let scope = Scope::make(limit);
        let in_group = scope.as_ref().is_some_and(Scope::limits_memory);
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|e| LaunchError::Start(e.into()))?;
        let mut command = self.command();
        confine(
            &mut command,
            self.confinement(scope.as_ref(), in_group, writer)?,
        );
        let spawned = command.spawn();
        // With the command goes this process's end of the pipe.
        drop(command);
        let refused = refused(reader);
        let child = spawned.map_err(|error| self.error(&refused, error))?;
        let scope = scope.filter(|_| !refused.contains(&Setting::ControlGroup));
        let memory = limit.map(|_| match in_group && scope.is_some() {
            true => MemoryEnforcement::ControlGroup,
            false => MemoryEnforcement::DataSegment,
        });
        let containment = Containment {
            control_group: scope.is_some(),
            memory,
        };
        Ok(Launched {
            child,
            scope,
            containment,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_clear()
            .envs(environment(&self.isolation, env::vars_os()))
            .env(ATTEMPT_MARK, &self.mark)
            .env(ORCHESTRATOR_MARK, Identity::own().to_string())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
    fn confinement(
        &self,
        scope: Option<&Scope>,
        group_limits_memory: bool,
        told: OwnedFd,
    ) -> Result<Confinement, LaunchError> {
        let Isolation {
            working_directory,
            cpus,
            nice,
            memory_limit_bytes,
            ..
        } = &self.isolation;
        let folder = working_directory.as_deref().map(CString::new).transpose();
        let cpus = cpus.as_deref().map(cpu_set).transpose();
        let named = |setting| move |source| self.refused(setting, source);
        Ok(Confinement {
            parent: getpid(),
            door: scope
                .map(Scope::door)
                .transpose()
                .map_err(LaunchError::Start)?,
            group_limits_memory,
            folder: folder
                .map_err(|e| e.into())
                .map_err(named(Setting::Folder))?,
            cpus: cpus.map_err(|e| e.into()).map_err(named(Setting::Cpus))?,
            nice: *nice,
            fixed_addresses: self.isolation.fixed_addresses,
            data_limit: *memory_limit_bytes,
            highest_file: highest_file(),
            told,
        })
    }

    /// What made a start fail: the setting that was refused last, else the program itself.
    fn error(&self, refused: &[Setting], source: io::Error) -> LaunchError {
        let is_fatal = |setting: &&Setting| **setting != Setting::ControlGroup;
        let fatal = refused.iter().rfind(is_fatal);
        match fatal {
            Some(setting) => self.refused(*setting, source),
            None => LaunchError::Start(source),
        }
    }

    fn refused(&self, setting: Setting, source: io::Error) -> LaunchError {
        let isolation = &self.isolation;
        let what = match setting {
            Setting::ParentDeath => "have it end with anechoic".to_owned(),
            Setting::ControlGroup => "put it into its control group".to_owned(),
            Setting::Folder => format!(
                "start it in the working directory `{}`",
                isolation.working_directory.as_deref().unwrap_or_default()
            ),
            Setting::Cpus => format!(
                "bind it to the CPUs {:?}",
                isolation.cpus.as_deref().unwrap_or_default()
            ),
            Setting::Niceness => {
                format!("add {} to its niceness", isolation.nice.unwrap_or_default())
            }
            Setting::FixedAddresses => "turn address-space randomisation off".to_owned(),
            Setting::DataLimit => format!(
                "limit its memory to {} bytes",
                isolation.memory_limit_bytes.unwrap_or_default()
            ),
            Setting::Files => "close inherited files".to_owned(),
        };
        LaunchError::Setting { what, source }
    }
}

/// The environment of a worker: what it is passed of ours, then what the suite sets. CUDA numbers GPUs as the driver
/// does, unless our environment says otherwise: a number has to mean the GPU that is held and watched.
fn environment(
    isolation: &Isolation,
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let mut environment: BTreeMap<OsString, OsString> = ours
        .filter(|(name, _)| name.to_str().is_some_and(|name| isolation.passes(name)))
        .collect();
    environment
        .entry("CUDA_DEVICE_ORDER".into())
        .or_insert_with(|| "PCI_BUS_ID".into());
    let own = isolation.environment.iter();
    environment.extend(own.map(|(name, value)| (name.into(), value.into())));
    environment
}

fn cpu_set(cpus: &[u32]) -> nix::Result<CpuSet> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(usize::try_from(*cpu).unwrap_or(usize::MAX))?;
    }
    Ok(set)
}

/// The settings that the new process was refused.
fn refused(reader: OwnedFd) -> Vec<Setting> {
    let mut bytes = Vec::new();
    let _ = File::from(reader).read_to_end(&mut bytes);
    Setting::read(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_s_own_variables_win_over_those_that_are_kept() {
        let isolation = Isolation {
            pass_environment: vec!["MINE".to_owned()],
            environment: [("TZ".to_owned(), "UTC".to_owned())].into(),
            ..Isolation::default()
        };
        let ours = ["PATH", "TZ", "MINE", "HF_TOKEN"].map(|name| (name.into(), "ours".into()));
        let found = environment(&isolation, ours.into_iter());
        let expected = [
            ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
            ("MINE", "ours"),
            ("PATH", "ours"),
            ("TZ", "UTC"),
        ];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn an_order_of_gpus_that_the_user_has_set_is_kept() {
        let ours = [("CUDA_DEVICE_ORDER".into(), "FASTEST_FIRST".into())];
        let found = environment(&Isolation::default(), ours.clone().into_iter());
        assert_eq!(found, BTreeMap::from(ours));
    }

    #[test]
    fn a_setting_that_was_refused_is_named_with_its_value() {
        let launch = Launch {
            isolation: Isolation {
                cpus: Some(vec![0, 9]),
                ..Isolation::default()
            },
            ..Launch::plain("/bin/true".into(), "mark")
        };
        let told = |refused: &[Setting]| {
            let source = io::Error::from_raw_os_error(nix::libc::ENODEV);
            launch.error(refused, source).to_string()
        };
        assert_eq!(
            told(&[Setting::Cpus]),
            "cannot bind it to the CPUs [0, 9]: No such device (os error 19)"
        );
        // To do without a control group is no failure.
        assert_eq!(
            told(&[Setting::ControlGroup]),
            "No such device (os error 19)"
        );
        assert!(told(&[Setting::ControlGroup, Setting::Cpus]).contains("bind it"));
    }
}
