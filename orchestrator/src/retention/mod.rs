//! Which runs of a results root may go. Plain functions of what the root holds; they read and remove nothing.

mod baselines;
mod choice;
#[cfg(test)]
mod tests;

pub(crate) use choice::{Choice, Known, Reason, Rules, Shelf, choose};
