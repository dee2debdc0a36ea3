//! Telling by a command of the user's.

use std::ffi::OsStr;

use super::message::Letter;
use super::pace::Pace;
use crate::process::{Errand, ErrandError, Remains, Waiting};

/// In seconds.
const LIMIT: u32 = 40;

/// Runs the command in a shell, once. What it leaves running is ended with it.
pub(super) fn run(
    command: &str,
    letter: &Letter<'_>,
    pace: Pace,
    waiting: &mut Waiting<'_>,
) -> Result<(), ErrandError> {
    let message = letter.message;
    let environment = [
        ("ANECHOIC_NEWS", message.kind().to_owned()),
        ("ANECHOIC_SUITE", message.suite.clone()),
        ("ANECHOIC_TITLE", message.line()),
        ("ANECHOIC_RUN", message.fact("run").to_owned()),
        ("ANECHOIC_VERDICT", message.fact("outcome").to_owned()),
        ("ANECHOIC_DELIVERY", letter.delivery.clone()),
    ];
    Errand {
        program: OsStr::new("/bin/sh"),
        arguments: &["-c", command],
        environment: &environment,
        input: &letter.json(),
        limit: pace.seconds(LIMIT),
        remains: Remains::End,
    }
    .run(waiting)
}
