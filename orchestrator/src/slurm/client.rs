//! Asking Slurm: by its own commands, which find the cluster and prove who asks. Each has a limit of time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_record::SlurmOptions;

use super::job::{JobEnd, JobState, Shown};
use super::submission::{Need, needs, script, submission};
use crate::process::{Said, Surroundings, ask_tool};

/// How long `sbatch` may take, which asks a controller that is away again and again by itself.
const HANDOVER: Duration = Duration::from_secs(120);

/// How long the other commands of Slurm may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Times in UTC, in a form that can be read.
const ENVIRONMENT: [(&str, &str); 2] = [("TZ", "UTC"), ("SLURM_TIME_FORMAT", "standard")];

/// How variables begin by which people set options of these commands. They would speak where nothing is said here.
const OPTIONS: [&str; 5] = ["SBATCH_", "SCANCEL_", "SCONTROL_", "SINFO_", "SQUEUE_"];

/// Slurm refused something, or could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlurmError {
    /// A command of Slurm cannot be run.
    #[error("`{program}` cannot be run: {source}")]
    NotRun {
        /// Which.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A command of Slurm failed.
    #[error("`{program}` says: {message}")]
    Refused {
        /// Which.
        program: &'static str,
        /// Its words.
        message: String,
    },
    /// No node of the cluster fits.
    #[error("no node of {0} is known to Slurm")]
    NoNodes(String),
    /// The event loop could not be set up.
    #[error("start the event loop: {0}")]
    Runtime(io::Error),
}

/// How urgent the end of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgent {
    /// A job that waits is cancelled, one that runs is told to stop.
    Orderly,
    /// All of it ends now.
    Now,
}

/// What the nodes that may be given have at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// Physical cores.
    pub(crate) cores: u32,
    /// Logical CPUs.
    pub(crate) cpus: u32,
}

/// The cluster, with what is asked of it for every attempt.
#[derive(Debug, Clone)]
pub(crate) struct Slurm {
    /// What is asked for.
    pub(crate) options: SlurmOptions,
}

impl Slurm {
    /// Asks whether Slurm would take such a job, without handing one over.
    pub(crate) fn check(&self, need: &Need) -> Result<(), SlurmError> {
        let mut arguments = needs(&self.options, need);
        arguments.extend(["--test-only".to_owned(), "--wrap=true".to_owned()]);
        blocking(say("sbatch", &arguments))?.map(|_| ())
    }

    /// What the nodes that may be given have.
    pub(crate) fn nodes(&self) -> Result<Nodes, SlurmError> {
        let mut arguments = vec!["--noheader", "--Node", "--format=%P %X %Y %c"];
        if let Some(partition) = &self.options.partition {
            arguments.extend(["--partition", partition]);
        }
        if let Some(nodes) = &self.options.nodelist {
            arguments.extend(["--nodes", nodes]);
        }
        let said = blocking(say("sinfo", &arguments))??;
        least(&said.stdout, self.options.partition.is_some()).ok_or_else(|| {
            let partition = self.options.partition.as_ref();
            let named = partition.map(|name| format!("the partition `{name}`"));
            SlurmError::NoNodes(named.unwrap_or_else(|| "the default partition".to_owned()))
        })
    }

    /// Writes the script of a job beside its request and hands it over. Its number.
    pub(crate) async fn submit(
        &self,
        need: &Need,
        name: &str,
        files: &JobFiles<'_>,
    ) -> Result<u64, SlurmError> {
        let path = files.script;
        let text = script(files.program, files.request);
        std::fs::write(path, text).map_err(|source| SlurmError::NotRun {
            program: "sbatch",
            source,
        })?;
        let arguments = submission(&self.options, need, name, files.output, path);
        let said = say("sbatch", &arguments).await?;
        number(&said.stdout).ok_or_else(|| SlurmError::Refused {
            program: "sbatch",
            message: format!("`{}`, which is no number of a job", said.stdout.trim()),
        })
    }

    /// How far a job has come.
    pub(crate) async fn show(&self, job: u64) -> Result<Shown, SlurmError> {
        let arguments = ["--oneliner", "show", "job", &job.to_string()];
        let gone = Shown {
            state: JobState::Over(JobEnd::Gone),
            node: None,
            submitted: None,
            started: None,
            ended: None,
        };
        match say("scontrol", &arguments).await {
            Ok(said) => Ok(Shown::read(&said.stdout).unwrap_or(gone)),
            Err(SlurmError::Refused { message, .. }) if message.contains("Invalid job id") => {
                Ok(gone)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a job, by its name: its number may not be known. Whatever has ended already is no error.
    pub(crate) async fn cancel(&self, name: &str, urgent: Urgent) {
        let by_name = |more: &[&str]| {
            let words = [&["--quiet", "--name", name], more].concat();
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let commands = match urgent {
            // The supervisor alone is told: it stops the worker in order and records that.
            Urgent::Orderly => vec![
                by_name(&["--state=PENDING"]),
                by_name(&["--batch", "--signal=TERM"]),
            ],
            Urgent::Now => vec![by_name(&["--full", "--signal=KILL"]), by_name(&[])],
        };
        for arguments in commands {
            let _ = say("scancel", &arguments).await;
        }
    }
}

/// The files of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobFiles<'a> {
    /// This program, as the node finds it.
    pub(crate) program: &'a Path,
    /// What is to be made.
    pub(crate) request: &'a Path,
    /// Where the script goes.
    pub(crate) script: &'a PathBuf,
    /// Where all goes that the supervisor writes.
    pub(crate) output: &'a Path,
}

async fn say<A: AsRef<std::ffi::OsStr>>(
    program: &'static str,
    arguments: &[A],
) -> Result<Said, SlurmError> {
    let limit = match program {
        "sbatch" => HANDOVER,
        _ => PATIENCE,
    };
    let said = ask_tool(program, arguments, environment(program), limit).await;
    let said = said.map_err(|source| SlurmError::NotRun { program, source })?;
    match said.is_good() {
        true => Ok(said),
        false => Err(SlurmError::Refused {
            program,
            message: words(&said),
        }),
    }
}

/// The environment of `sbatch` is that of the job: beside options nothing of it is changed.
fn environment(program: &str) -> Surroundings<'static> {
    Surroundings {
        set: match program {
            "sbatch" => &[],
            _ => &ENVIRONMENT,
        },
        without: &OPTIONS,
    }
}

/// What a command complained of, on one line, without its own name.
fn words(said: &Said) -> String {
    let lines = said.stderr.lines().map(|line| {
        let line = line.trim();
        let named = line.split_once(": error: ").map(|(_, rest)| rest);
        named.unwrap_or(line)
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    match lines.is_empty() {
        true => format!("nothing, and ended with {:?}", said.exit),
        false => lines.join("; "),
    }
}

/// `12` or `12;cluster`.
fn number(said: &str) -> Option<u64> {
    said.lines().last()?.split(';').next()?.trim().parse().ok()
}

/// The least of the lines `partition sockets cores cpus`: those of the default partition, which has a star, where none was
/// named.
fn least(said: &str, is_named: bool) -> Option<Nodes> {
    let rows = said.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [partition, sockets, cores, cpus] = words[..] else {
            return None;
        };
        let counts = is_named || partition.ends_with('*');
        let of = |text: &str| text.parse::<u32>().ok();
        counts.then_some(())?;
        Some((of(sockets)? * of(cores)?, of(cpus)?))
    });
    let rows: Vec<_> = rows.collect();
    Some(Nodes {
        cores: rows.iter().map(|(cores, _)| *cores).min()?.max(1),
        cpus: rows.iter().map(|(_, cpus)| *cpus).min()?.max(1),
    })
}

/// Before a run there is no event loop yet.
fn blocking<T>(asked: impl Future<Output = T>) -> Result<T, SlurmError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Ok(runtime.map_err(SlurmError::Runtime)?.block_on(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ExitKind;

    #[test]
    fn numbers_of_jobs_are_read() {
        assert_eq!(number("12\n"), Some(12));
        assert_eq!(number("12;cluster\n"), Some(12));
        assert_eq!(number("sbatch: note\n7\n"), Some(7));
        assert_eq!(number(""), None);
    }

    #[test]
    fn the_smallest_node_counts() {
        let text = "fast* 2 32 128\nslow 1 4 4\nfast* 2 16 64\n";
        let check = |named, cores, cpus| {
            assert_eq!(least(text, named), Some(Nodes { cores, cpus }));
        };
        check(false, 32, 64);
        check(true, 4, 4);
        assert_eq!(least("slow 1 4 4\n", false), None);
        assert_eq!(least("", true), None);
    }

    #[test]
    fn complaints_are_told_without_the_program_s_name() {
        let said = Said {
            exit: ExitKind::Code(1),
            stdout: String::new(),
            stderr: "sbatch: error: invalid partition specified: x\n\
                     sbatch: error: Batch job submission failed: Invalid partition name specified\n"
                .to_owned(),
        };
        assert_eq!(
            words(&said),
            "invalid partition specified: x; Batch job submission failed: Invalid partition name specified"
        );
    }
}
