//! Where the attempts of a run are made: on this machine, or on nodes that Slurm gives.

use std::env;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anechoic_protocol::Device;
use anechoic_record::{Executor, Manifest};
use anechoic_suite::Plan;

use super::CommandError;
use crate::cli::Place;
use crate::exit_code::ExitCode;
use crate::runner::need;
use crate::settings::DeviceChoice;
use crate::slurm::{Need, Nodes, Slurm, SlurmError};

/// Why a cluster cannot be used for a run, or a node of it for an attempt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error("Slurm cannot be used: {0}")]
    Slurm(#[from] SlurmError),
    #[error("`{0}` means nothing without `--executor slurm`")]
    WithoutSlurm(&'static str),
    #[error("`--wait` means nothing with `--executor slurm`: its jobs wait in the queue")]
    WaitsInQueue,
    #[error(
        "a night is measured on this machine, against nights of this machine, and not with `--executor slurm`"
    )]
    NightElsewhere,
    #[error("Slurm has started the job again; what it has recorded before is not measured anew")]
    StartedAgain,
    #[error("the run is made by anechoic {0}, and the node has anechoic {own}", own = env!("CARGO_PKG_VERSION"))]
    OtherVersion(String),
    #[error("cannot tell where this program is: {0}")]
    OwnProgram(io::Error),
}

impl ClusterError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Slurm(_) | Self::StartedAgain | Self::OtherVersion(_) => ExitCode::Unfit,
            Self::WithoutSlurm(_) | Self::WaitsInQueue | Self::NightElsewhere => ExitCode::Usage,
            Self::OwnProgram(_) => ExitCode::Internal,
        }
    }

    pub(super) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Slurm(SlurmError::NotRun { .. }) => {
                "`--executor slurm` needs Slurm's commands on this machine; docs/slurm.md says what else"
            }
            Self::Slurm(_) => {
                "`sinfo` shows partitions and their limits; docs/slurm.md says what is asked for"
            }
            Self::WithoutSlurm(_) => "add `--executor slurm`, or leave it out",
            Self::WaitsInQueue => "leave it out",
            Self::NightElsewhere => {
                "schedule the night on the machine that is to be watched; `run`, `capture` and `kv` measure on a cluster"
            }
            Self::OtherVersion(_) => {
                "have nodes find the same program under the same path as the machine that submits"
            }
            Self::StartedAgain | Self::OwnProgram(_) => return None,
        })
    }
}

/// As it was asked for, and as Slurm has it.
#[derive(Debug)]
pub(super) enum Ground {
    /// This machine.
    Here,
    /// A cluster, and what its nodes have at least.
    Cluster { slurm: Slurm, nodes: Nodes },
}

impl Ground {
    /// Where this place is.
    pub(super) fn of(place: &Place) -> Result<Self, CommandError> {
        let executor = place.executor.resolve();
        match executor.map_err(ClusterError::WithoutSlurm)? {
            Executor::Local => Ok(Self::Here),
            Executor::Slurm(_) if place.wait.is_some() => Err(ClusterError::WaitsInQueue.into()),
            Executor::Slurm(options) => {
                let slurm = Slurm { options };
                let nodes = slurm.nodes().map_err(ClusterError::from)?;
                Ok(Self::Cluster { slurm, nodes })
            }
        }
    }
}

/// Refuses a night on a cluster, whose nodes nobody looks at before.
pub(super) fn refuse_cluster(place: &Place) -> Result<(), ClusterError> {
    match place
        .executor
        .resolve()
        .map_err(ClusterError::WithoutSlurm)?
    {
        Executor::Local => Ok(()),
        Executor::Slurm(_) => Err(ClusterError::NightElsewhere),
    }
}

/// Where an existing run was made, and is gone on with.
pub(super) fn recorded(manifest: &Manifest) -> Option<Slurm> {
    match &manifest.settings.executor {
        Executor::Local => None,
        Executor::Slurm(options) => Some(Slurm {
            options: options.clone(),
        }),
    }
}

/// The device that a node is to have: what Slurm was asked for, unless one is named. The node looks whether it is there.
pub(super) fn device(choice: DeviceChoice, slurm: &Slurm) -> Device {
    let gres = slurm.options.gres.as_deref().unwrap_or_default();
    match choice {
        DeviceChoice::This(device) => device,
        DeviceChoice::Auto if gres.split(',').any(|part| part.starts_with("gpu")) => {
            Device::Cuda(0)
        }
        DeviceChoice::Auto => Device::Cpu,
    }
}

/// Asks whether Slurm would take the job of every case, each kind once, before any work.
pub(super) fn check(
    slurm: &Slurm,
    plan: &Plan,
    threads: u32,
    timeout: Option<Duration>,
) -> Result<(), CommandError> {
    let mut needs: Vec<Need> = Vec::new();
    for case in &plan.cases {
        let need = need(plan, case, threads, timeout);
        if !needs.contains(&need) {
            slurm.check(&need).map_err(ClusterError::from)?;
            needs.push(need);
        }
    }
    Ok(())
}

/// This program, under the path that nodes have to find it by.
pub(super) fn own_program() -> Result<PathBuf, ClusterError> {
    let path = env::current_exe().and_then(|path| path.canonicalize());
    path.map_err(ClusterError::OwnProgram)
}
