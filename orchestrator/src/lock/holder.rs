//! Who holds a device, in one line of the lock's file.

use std::env;
use std::path::Path;

use jiff::Timestamp;
use nix::unistd::{User, geteuid};
use serde::{Deserialize, Serialize};

/// A process that holds a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Its process id.
    pub(crate) pid: u32,
    /// Its user.
    pub(crate) user: String,
    /// What it was called with.
    pub(crate) command: String,
    /// Since when it holds the device.
    pub(crate) since: Timestamp,
    /// The directory of its run, once there is one.
    pub(crate) run: Option<String>,
}

impl Holder {
    /// This process.
    pub(super) fn this_process() -> Self {
        let uid = geteuid();
        let user = User::from_uid(uid).ok().flatten();
        Self {
            pid: std::process::id(),
            user: user.map_or_else(|| uid.to_string(), |user| user.name),
            command: command(env::args_os().skip(1)),
            since: Timestamp::now(),
            run: None,
        }
    }

    /// What a lock's file says; nothing where it was left half-written.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn line(&self) -> String {
        let text = serde_json::to_string(self).expect("holders always serialise");
        format!("{text}\n")
    }

    /// Whether the process is there. One in another container cannot be seen.
    pub(super) fn is_seen(&self) -> bool {
        Path::new("/proc").join(self.pid.to_string()).exists()
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        let run = self.run.iter().map(|run| format!(" for the run `{run}`"));
        format!(
            "`{}` (process {} of user {}, since {}){}",
            self.command,
            self.pid,
            self.user,
            self.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            run.collect::<String>()
        )
    }
}

/// Options whose values may be secrets, which every user would read in the lock's file.
const PRIVATE: [&str; 2] = ["--notify-webhook", "--notify-command"];

fn command(arguments: impl Iterator<Item = std::ffi::OsString>) -> String {
    let mut line = "anechoic".to_owned();
    let mut is_private = false;
    for word in arguments {
        let word = word.to_string_lossy();
        let option = word.split_once('=').map_or(&*word, |(option, _)| option);
        line.push(' ');
        match is_private {
            true => line.push('…'),
            false if PRIVATE.contains(&option) && option != word => {
                line.push_str(option);
                line.push_str("=…");
            }
            false => line.push_str(&word),
        }
        is_private = !is_private && PRIVATE.contains(&&*word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secrets_are_left_out() {
        let check = |words: &[&str], expected: &str| {
            assert_eq!(command(words.iter().map(Into::into)), expected);
        };
        check(
            &["run", "quick", "--set", "a=b"],
            "anechoic run quick --set a=b",
        );
        check(
            &[
                "nightly",
                "--notify-webhook",
                "https://hush",
                "--notify-command=hush x",
                "quick",
            ],
            "anechoic nightly --notify-webhook … --notify-command=… quick",
        );
    }
}
