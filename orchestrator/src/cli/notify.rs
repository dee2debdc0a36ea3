//! How people are told: options of the nightly job.

use std::path::PathBuf;

use clap::Args;

/// By which ways people are told. Values are checked where they are used, so that no message of the command line repeats a secret.
#[derive(Debug, Default, Args)]
pub(crate) struct NotifyArgs {
    /// Tell by this shell command: it reads the message as JSON, and finds the main facts in variables.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) notify_command: Option<String>,
    /// Tell by a JSON request (POST) to this URL; `@FILE` reads the URL from a file that only you can read.
    #[arg(long, value_name = "URL")]
    pub(crate) notify_webhook: Option<String>,
    /// Sign requests with the secret in this variable of the environment.
    #[arg(
        long,
        value_name = "NAME",
        requires = "notify_webhook",
        conflicts_with = "notify_secret_file"
    )]
    pub(crate) notify_secret_env: Option<String>,
    /// Sign requests with the secret in this file, which only you can read.
    #[arg(long, value_name = "FILE", requires = "notify_webhook")]
    pub(crate) notify_secret_file: Option<PathBuf>,
    /// Tell by mail to this address, through the system's sendmail; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) notify_mail: Vec<String>,
}
