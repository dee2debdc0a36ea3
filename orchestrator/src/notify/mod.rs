//! Telling people what a night came to: by a command, a webhook, by mail. Decides nothing, and never fails what it tells of. Secrets stay
//! in here: none is in a record, a message, or the environment of a process.

mod address;
mod command;
mod error;
mod mail;
mod message;
mod pace;
mod secret;
mod signature;
mod tell;
#[cfg(test)]
mod tests;
mod ways;
mod webhook;

pub(crate) use error::NotifyError;
pub(crate) use message::Message;
pub(crate) use tell::{tell, try_out, untold};
pub(crate) use ways::Ways;
