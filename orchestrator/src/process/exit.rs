//! How a process ended, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitKind {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        number: i32,
        /// Its name, e.g. `SIGSEGV`.
        name: String,
    },
}

impl ExitKind {
    pub(crate) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(number)) => Self::by_signal(number),
            (None, None) => unreachable!("a reaped process ended by a code or a signal"),
        }
    }

    pub(crate) fn by_signal(number: i32) -> Self {
        let name = match Signal::try_from(number) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {number}"),
        };
        Self::Signal { number, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_codes_and_named_signals() {
        let check = |raw: i32, expected: ExitKind| {
            assert_eq!(ExitKind::of(ExitStatus::from_raw(raw)), expected);
        };
        let signal = |number, name: &str| ExitKind::Signal {
            number,
            name: name.to_owned(),
        };
        check(0, ExitKind::Code(0));
        check(3 << 8, ExitKind::Code(3));
        check(9, signal(9, "SIGKILL"));
        check(11 | 0x80, signal(11, "SIGSEGV"));
        check(40, signal(40, "signal 40"));
    }
}
