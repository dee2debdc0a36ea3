//! Processes that the worker leaves behind. The number of each goes to the log as `grandchild N`.

use std::process::{Command, Stdio};

/// In a session of its own, an orphan at once, with no environment and no pipe of ours.
pub(crate) fn daemon() {
    let script = "echo grandchild $$ >&2; exec sleep 3600 2>/dev/null";
    run(Command::new("setsid")
        .args(["--fork", "sh", "-c", script])
        .env_clear());
}

/// Ends by itself, after the worker and within the leak limit.
pub(crate) fn slow() {
    run(shell("sleep 0.3 2>/dev/null & echo grandchild $! >&2"));
}

/// SIGTERM does not end it.
pub(crate) fn stubborn() {
    run(shell(
        "trap '' TERM; sleep 3600 2>/dev/null & echo grandchild $! >&2",
    ));
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Runs a command that returns at once and leaves something.
fn run(mut command: impl std::borrow::BorrowMut<Command>) {
    let command = command
        .borrow_mut()
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.status().expect("the command is there");
    assert!(status.success(), "{status}");
}
