//! Slurm's commands and what they say: what is asked for becomes arguments, what is said becomes values. Knows nothing of
//! runs but what its two sides hand each other as files.

mod client;
mod handover;
mod job;
mod submission;

pub(crate) use client::{JobFiles, Nodes, Slurm, SlurmError, Urgent};
pub(crate) use handover::{Desk, End, Request};
pub(crate) use job::{JobEnd, JobState, Shown};
pub(crate) use submission::{Need, check_further, job_name};
