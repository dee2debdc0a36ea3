//! `anechoic index …`.

use clap::{Args, Subcommand};

use super::Results;
use crate::reporter::Format;

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    #[command(subcommand)]
    pub(crate) action: IndexAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexAction {
    /// Make the index of a results folder anew from its runs and nights.
    Rebuild(IndexOfArgs),
    /// Compare the index of a results folder with its runs and nights, and change nothing.
    Check(IndexOfArgs),
}

/// Which index.
#[derive(Debug, Args)]
pub(crate) struct IndexOfArgs {
    #[command(flatten)]
    pub(crate) results: Results,
    /// Sentences for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
