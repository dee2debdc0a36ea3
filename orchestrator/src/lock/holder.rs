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
    pub(super) fn read(text: &str) -> Option<Self> {
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

fn command(arguments: impl Iterator<Item = std::ffi::OsString>) -> String {
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    let words: Vec<_> = std::iter::once("anechoic".to_owned())
        .chain(words)
        .collect();
    words.join(" ")
}
