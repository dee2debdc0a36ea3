//! Whether this machine is fit to measure: facts are gathered, and pure checks make findings of them. Changes nothing.

mod checks;
mod facts;
mod finding;
mod gather;
mod render;

pub(crate) use checks::find;
pub(crate) use facts::{DeviceFacts, WorkerFacts};
pub(crate) use finding::{Check, Finding, Severity, is_fit};
pub(crate) use gather::{Question, gather, is_held};
pub(crate) use render::{json, text};
