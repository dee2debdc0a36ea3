//! Isolation settings of a case while layers of them are put over each other, and what becomes of them once folders,
//! programs and CPUs are known.

use std::collections::BTreeMap;

use crate::cpus::cpu_ranges;
use crate::isolation_readers::{command, cpu_list, names, niceness, variables};
use crate::problem::{Placed, Problem};
use crate::readers::{folder, some};
use crate::size::size;
use crate::surroundings::Surroundings;
use crate::value::Value;
use crate::{Isolation, WorkerCommand};

/// A setting of a case that says which program its workers are, or what they are shielded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsolationSetting {
    Worker,
    PassEnvironment,
    Environment,
    WorkingDirectory,
    Cpus,
    Nice,
    MemoryLimit,
    FixedAddresses,
}

/// The isolation settings of one case, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Isolating {
    /// The words of the command; empty where there is none.
    worker: Vec<Placed<String>>,
    pass_environment: Vec<String>,
    environment: BTreeMap<String, String>,
    working_directory: Placed<Option<String>>,
    cpus: Placed<Option<Vec<u32>>>,
    nice: Placed<Option<i32>>,
    memory_limit: Placed<Option<u64>>,
    fixed_addresses: Placed<bool>,
}

/// What the settings of a case come to on this machine.
pub(crate) struct Isolated {
    pub(crate) isolation: Isolation,
    pub(crate) worker: Option<WorkerCommand>,
    pub(crate) threads: Option<u32>,
}

impl Default for Isolating {
    fn default() -> Self {
        Self {
            worker: Vec::new(),
            pass_environment: Vec::new(),
            environment: BTreeMap::new(),
            working_directory: Placed::by_default(None),
            cpus: Placed::by_default(None),
            nice: Placed::by_default(None),
            memory_limit: Placed::by_default(None),
            fixed_addresses: Placed::by_default(false),
        }
    }
}

impl IsolationSetting {
    /// The key as suites write it.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Worker => &["worker"],
            Self::PassEnvironment => &["pass-environment"],
            Self::Environment => &["environment"],
            Self::WorkingDirectory => &["working-directory"],
            Self::Cpus => &["cpus"],
            Self::Nice => &["nice"],
            Self::MemoryLimit => &["memory-limit"],
            Self::FixedAddresses => &["fixed-addresses"],
        }
    }
}

impl Isolating {
    pub(crate) fn put(
        &mut self,
        setting: IsolationSetting,
        key: &str,
        value: &Placed<Value>,
    ) -> Result<(), Problem> {
        match setting {
            IsolationSetting::Worker => self.worker = command(key, value)?,
            IsolationSetting::PassEnvironment => self.pass_environment = names(key, value)?,
            // Variable by variable: a case adds to what all cases have.
            IsolationSetting::Environment => self.environment.extend(variables(key, value)?),
            IsolationSetting::WorkingDirectory => {
                self.working_directory = some(folder(key, value)?);
            }
            IsolationSetting::Cpus => self.cpus = some(cpu_list(key, value)?),
            IsolationSetting::Nice => self.nice = some(niceness(key, value)?),
            IsolationSetting::MemoryLimit => self.memory_limit = some(size(key, value)?),
            IsolationSetting::FixedAddresses => self.fixed_addresses = value.flag(key)?,
        }
        Ok(())
    }

    /// Looks up what has a name, and checks CPUs and threads against those of the machine.
    pub(crate) fn resolve(
        &self,
        threads: &Placed<Option<u32>>,
        surroundings: &mut impl Surroundings,
    ) -> Result<Isolated, Problem> {
        let usable = surroundings.cpus();
        self.check_cpus(&usable)?;
        let usable = self.cpus.value.as_ref().unwrap_or(&usable);
        self.check_threads(threads, usable)?;
        let working_directory = self.find_folder(surroundings)?;
        let worker = self.find_program(working_directory.as_deref(), surroundings)?;
        Ok(Isolated {
            worker,
            threads: threads.value.or_else(|| self.threads()),
            isolation: Isolation {
                pass_environment: self.pass_environment.clone(),
                environment: self.environment.clone(),
                working_directory,
                cpus: self.cpus.value.clone(),
                nice: self.nice.value,
                memory_limit_bytes: self.memory_limit.value,
                fixed_addresses: self.fixed_addresses.value,
            },
        })
    }

    /// Threads of a case that leaves them open: one per CPU where it names CPUs, else what the machine takes.
    fn threads(&self) -> Option<u32> {
        let cpus = self.cpus.value.as_ref()?;
        Some(u32::try_from(cpus.len()).expect("the list is short"))
    }

    fn check_cpus(&self, usable: &[u32]) -> Result<(), Problem> {
        let asked = self.cpus.value.iter().flatten();
        let absent: Vec<_> = asked.copied().filter(|cpu| !usable.contains(cpu)).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let message = format!(
            "`cpus` names {}, which `anechoic` may not use here",
            cpu_ranges(&absent)
        );
        let accepted = format!("CPUs of `{}`", cpu_ranges(usable));
        Err(Problem::at(&self.cpus.origin, message).accepted(accepted))
    }

    fn check_threads(&self, threads: &Placed<Option<u32>>, usable: &[u32]) -> Result<(), Problem> {
        let count = usable.len();
        let Some(asked) = threads.value.filter(|&asked| asked as usize > count) else {
            return Ok(());
        };
        let message = format!(
            "{asked} threads are more than the {count} CPUs that the case may use (`{}`)",
            cpu_ranges(usable)
        );
        let origins = [&threads.origin, &self.cpus.origin];
        Err(Problem::between(&origins, message).accepted(format!("`threads` from 1 to {count}")))
    }

    fn find_folder(&self, surroundings: &mut impl Surroundings) -> Result<Option<String>, Problem> {
        let Some(name) = &self.working_directory.value else {
            return Ok(None);
        };
        let found = surroundings.folder(name);
        let found = found.map_err(|message| {
            Problem::at(&self.working_directory.origin, message).accepted("a folder that exists")
        });
        found.map(Some)
    }

    fn find_program(
        &self,
        folder: Option<&str>,
        surroundings: &mut impl Surroundings,
    ) -> Result<Option<WorkerCommand>, Problem> {
        let Some((program, arguments)) = self.worker.split_first() else {
            return Ok(None);
        };
        let found = surroundings.program(&program.value, folder);
        let found = found.map_err(|message| {
            let accepted = "a program in `PATH`, or a path with `/` to an executable file";
            Problem::at(&program.origin, message).accepted(accepted)
        });
        let arguments = arguments.iter().map(|word| word.value.clone());
        let words = std::iter::once(found?).chain(arguments);
        Ok(Some(WorkerCommand(words.collect())))
    }
}
