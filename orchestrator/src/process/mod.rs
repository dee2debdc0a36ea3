//! Worker processes, programs that people hook in, and programs of the system: the only place that builds a `Command` or holds `unsafe`. Knows pipes,
//! signals, process groups and control groups; knows nothing of messages, phases or outcomes.

mod ask;
mod awaited;
mod confine;
mod errand;
mod exit;
mod file_limit;
mod guard;
mod identity;
mod launch;
mod leftovers;
mod lines;
mod log;
mod scope;
mod stale;
mod system;
mod table;
mod tool;
mod variable;
mod waiting;
mod worker;

pub(crate) use ask::{HELLO_MARK, first_line, no_logs};
pub(crate) use errand::{Errand, ErrandError, Remains};
pub(crate) use exit::ExitKind;
pub(crate) use file_limit::survive_file_limit;
pub(crate) use guard::{Guard, keep_guard};
pub(crate) use identity::Identity;
pub(crate) use launch::{Launch, LaunchError};
pub(crate) use leftovers::adopt_orphans;
pub(crate) use stale::end_stale;
pub(crate) use system::{Answer, NoAnswer, Question, ask_system, become_program};
pub(crate) use table::{children, cpu_time};
pub(crate) use tool::{Said, Surroundings, ask_tool};
pub(crate) use variable::take_variable;
pub(crate) use waiting::Waiting;
pub(crate) use worker::{Logs, MemoryKills, ProcessEvent, Swept, Worker};
