//! Why people could not be told as the options say. Found before any work; no text holds a secret or more of a URL than its host.

use std::io;
use std::path::PathBuf;

/// What is wrong with the options.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotifyError {
    #[error("`--notify-command` is empty")]
    NoCommand,
    #[error("`--notify-webhook` is not the URL of a webhook: {0}")]
    Url(&'static str),
    #[error("the variable `{0}` (--notify-secret-env) {1}")]
    Variable(String, &'static str),
    #[error("the file `{}` ({option}) cannot be read", path.display())]
    File {
        option: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the file `{}` ({option}) {what}", path.display())]
    Content {
        option: &'static str,
        path: PathBuf,
        what: &'static str,
    },
    #[error("the file `{}` ({option}) can be read by others: its mode is {mode:03o}", path.display())]
    Open {
        option: &'static str,
        path: PathBuf,
        mode: u32,
    },
    #[error("`{0}` (--notify-mail) is no mail address")]
    Address(String),
    #[error("no `sendmail` was found, which `--notify-mail` needs")]
    NoSendmail,
    #[error("`{}` ($ANECHOIC_SENDMAIL) is not an executable file", .0.display())]
    NotRunnable(PathBuf),
    #[error("no way to tell anybody was named")]
    NoWay,
}

impl NotifyError {
    /// Whether it is the machine that lacks something, and not the command line that is wrong.
    pub(crate) fn is_of_machine(&self) -> bool {
        match self {
            Self::Variable(..)
            | Self::File { .. }
            | Self::Content { .. }
            | Self::Open { .. }
            | Self::NoSendmail
            | Self::NotRunnable(_) => true,
            Self::NoCommand | Self::Url(_) | Self::Address(_) | Self::NoWay => false,
        }
    }

    /// The next step.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoCommand => "write what a shell would run, or leave the option out".to_owned(),
            Self::Url(_) => "write it as `https://host/path`, or name a file that holds it as `@FILE`".to_owned(),
            Self::Variable(name, _) => {
                format!("set `{name}` for this command, in a unit with `EnvironmentFile=`, or name a file with --notify-secret-file")
            }
            Self::File { .. } => "check that the file is there and belongs to the user of this command".to_owned(),
            Self::Content { .. } => "write it alone into the file, on one line".to_owned(),
            Self::Open { path, .. } => format!("`chmod 600 {}`", path.display()),
            Self::Address(_) => "write it as `name@host`, one for each --notify-mail".to_owned(),
            Self::NoSendmail => {
                "install a mail program that has it, such as msmtp-mta or postfix, or name one in ANECHOIC_SENDMAIL".to_owned()
            }
            Self::NotRunnable(_) => "name a program that takes `-t -i` as sendmail does".to_owned(),
            Self::NoWay => "name one with --notify-command, --notify-webhook or --notify-mail".to_owned(),
        }
    }
}
