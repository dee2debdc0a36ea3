//! Who makes the attempts of a run, and what Slurm is asked for.

use anechoic_record::{Executor, SlurmOptions};
use clap::{Args, ValueEnum};

use crate::slurm::check_further;

/// Where attempts are made.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Slurm")]
pub(crate) struct ExecutorArgs {
    /// `local`: on this machine. `slurm`: each attempt as a job of a Slurm cluster.
    #[arg(long, value_enum, default_value_t = ExecutorKind::Local)]
    pub(crate) executor: ExecutorKind,
    /// The partition of the jobs.
    #[arg(long, value_name = "NAME")]
    pub(crate) partition: Option<String>,
    /// Generic resources of the jobs, such as `gpu:1`; the node is shared then, unless `--exclusive` is given.
    #[arg(long, value_name = "LIST")]
    pub(crate) gres: Option<String>,
    /// The account that is charged.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The quality of service of the jobs.
    #[arg(long, value_name = "NAME")]
    pub(crate) qos: Option<String>,
    /// Features that a node has to have, such as `a100`.
    #[arg(long, value_name = "FEATURES")]
    pub(crate) constraint: Option<String>,
    /// The nodes to choose from.
    #[arg(long, value_name = "NODES")]
    pub(crate) nodelist: Option<String>,
    /// Nobody else on the node meanwhile; by default where no `--gres` is asked for.
    #[arg(long)]
    pub(crate) exclusive: bool,
    /// A further option of `sbatch`, such as `reservation=maintenance`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = further)]
    pub(crate) slurm_option: Vec<(String, String)>,
}

/// The kinds of executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExecutorKind {
    /// This machine.
    #[default]
    Local,
    /// A Slurm cluster.
    Slurm,
}

impl ExecutorArgs {
    /// What was asked for; the option that means nothing without Slurm where there is one.
    pub(crate) fn resolve(&self) -> Result<Executor, &'static str> {
        if self.executor == ExecutorKind::Slurm {
            return Ok(Executor::Slurm(self.options()));
        }
        let given = [
            ("--partition", self.partition.is_some()),
            ("--gres", self.gres.is_some()),
            ("--account", self.account.is_some()),
            ("--qos", self.qos.is_some()),
            ("--constraint", self.constraint.is_some()),
            ("--nodelist", self.nodelist.is_some()),
            ("--exclusive", self.exclusive),
            ("--slurm-option", !self.slurm_option.is_empty()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(option),
            None => Ok(Executor::Local),
        }
    }

    fn options(&self) -> SlurmOptions {
        SlurmOptions {
            partition: self.partition.clone(),
            gres: self.gres.clone(),
            account: self.account.clone(),
            qos: self.qos.clone(),
            constraint: self.constraint.clone(),
            nodelist: self.nodelist.clone(),
            exclusive: self.exclusive || self.gres.is_none(),
            further: self.slurm_option.iter().cloned().collect(),
        }
    }
}

fn further(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    check_further(key)?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_shared_only_where_a_part_of_it_is_asked_for() {
        let check = |gres: Option<&str>, exclusive, expected| {
            let args = ExecutorArgs {
                executor: ExecutorKind::Slurm,
                gres: gres.map(str::to_owned),
                exclusive,
                ..ExecutorArgs::default()
            };
            let Ok(Executor::Slurm(options)) = args.resolve() else {
                panic!("Slurm was asked for");
            };
            assert_eq!(options.exclusive, expected, "{gres:?}");
        };
        check(None, false, true);
        check(Some("gpu:1"), false, false);
        check(Some("gpu:1"), true, true);
    }

    #[test]
    fn options_of_slurm_are_refused_without_it() {
        let args = ExecutorArgs {
            partition: Some("p".to_owned()),
            ..ExecutorArgs::default()
        };
        assert_eq!(args.resolve(), Err("--partition"));
        assert_eq!(ExecutorArgs::default().resolve(), Ok(Executor::Local));
    }
}
