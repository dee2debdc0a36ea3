//! The ways by which people are told, from the options: all that can be wrong with them is found here, before any work.

use std::ffi::OsString;
use std::path::Path;

use super::NotifyError;
use super::address::Address;
use super::mail::Mail;
use super::pace::Pace;
use super::secret::{Secret, read_private};
use super::webhook::Webhook;
use crate::cli::NotifyArgs;
use crate::process::take_variable;

/// By which ways people are told. It holds secrets, none of which it shows.
#[derive(Debug)]
pub(crate) struct Ways {
    pub(super) command: Option<String>,
    pub(super) webhook: Option<Webhook>,
    pub(super) mail: Option<Mail>,
    pub(super) pace: Pace,
}

impl Ways {
    /// Those of the options that can be used, and of each other one why it cannot. The variable that holds the secret is removed from the
    /// environment, so that no worker or command inherits it: to be called before anything is started.
    pub(crate) fn that_work(args: &NotifyArgs) -> (Self, Vec<(&'static str, NotifyError)>) {
        Self::with(args, take_variable)
    }

    /// Those of the options, where variables are looked up like this.
    pub(crate) fn with(
        args: &NotifyArgs,
        variable: impl FnOnce(&str) -> Option<OsString>,
    ) -> (Self, Vec<(&'static str, NotifyError)>) {
        let mut broken = Vec::new();
        let command = args.notify_command.as_deref().map(command).transpose();
        let ways = Self {
            command: usable("command", command, &mut broken),
            webhook: usable("webhook", webhook(args, variable), &mut broken),
            mail: usable("mail", Mail::to(&args.notify_mail), &mut broken),
            pace: Pace::here(),
        };
        (ways, broken)
    }

    /// Whether nobody would be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.command.is_none() && self.webhook.is_none() && self.mail.is_none()
    }
}

fn usable<T>(
    way: &'static str,
    found: Result<Option<T>, NotifyError>,
    broken: &mut Vec<(&'static str, NotifyError)>,
) -> Option<T> {
    found.unwrap_or_else(|error| {
        broken.push((way, error));
        None
    })
}

/// With its secret: without one that was named nothing is sent.
fn webhook(
    args: &NotifyArgs,
    variable: impl FnOnce(&str) -> Option<OsString>,
) -> Result<Option<Webhook>, NotifyError> {
    let secret = secret(args, variable)?;
    let address = args.notify_webhook.as_deref().map(address).transpose()?;
    Ok(address.map(|address| Webhook { address, secret }))
}

fn command(text: &str) -> Result<String, NotifyError> {
    match text.trim().is_empty() || text.contains('\0') {
        true => Err(NotifyError::NoCommand),
        false => Ok(text.to_owned()),
    }
}

/// `@FILE` keeps a URL that is itself a secret from lists of processes.
fn address(text: &str) -> Result<Address, NotifyError> {
    let Some(file) = text.strip_prefix('@') else {
        return Address::parse(text);
    };
    let content = read_private("--notify-webhook", Path::new(file))?;
    let text = String::from_utf8(content).map_err(|_| NotifyError::Url("it is malformed"))?;
    Address::parse(&text)
}

fn secret(
    args: &NotifyArgs,
    variable: impl FnOnce(&str) -> Option<OsString>,
) -> Result<Option<Secret>, NotifyError> {
    match (&args.notify_secret_env, &args.notify_secret_file) {
        (Some(name), _) => {
            let is_name = !name.is_empty() && !name.contains(['=', '\0']);
            let value = if is_name { variable(name) } else { None };
            Secret::of_variable(name, value).map(Some)
        }
        (None, Some(path)) => Secret::of_file("--notify-secret-file", path).map(Some),
        (None, None) => Ok(None),
    }
}
