//! How long a worker may take, for its work and for everything around it.

use std::time::Duration;

/// Longer timeouts than this are the same as none; the cap keeps arithmetic on instants in range.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The limits of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The whole attempt.
    pub(crate) attempt: Duration,
    /// From spawn to `hello`.
    pub(crate) hello: Duration,
    /// From the last message to the end of the process.
    pub(crate) exit: Duration,
    /// From closing standard input to SIGTERM.
    pub(crate) close_grace: Duration,
    /// From SIGTERM to SIGKILL, and between repeated SIGKILLs.
    pub(crate) term_grace: Duration,
    /// From the end of the process to the end of its pipes, and the other way round.
    pub(crate) leak: Duration,
}

impl Limits {
    /// The limits of a case with this timeout.
    pub(crate) fn of(attempt: Duration) -> Self {
        Self {
            attempt: attempt.min(LONGEST),
            hello: Duration::from_secs(120),
            exit: Duration::from_secs(30),
            close_grace: Duration::from_secs(1),
            term_grace: Duration::from_secs(2),
            leak: Duration::from_secs(1),
        }
    }
}
