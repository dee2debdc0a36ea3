//! Which orchestrator a process or a control group belongs to, in a form that survives the orchestrator.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process;

use super::table;

/// One life of one orchestrator: a process id alone is given again, also in another container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: u32,
    /// When it was started, in clock ticks since the machine was.
    started: u64,
    /// The PID namespace that the number belongs to.
    namespace: u64,
}

impl Identity {
    /// This process.
    pub(crate) fn own() -> Self {
        let pid = process::id();
        Self {
            pid,
            started: table::read(pid).map_or(0, |process| process.started),
            namespace: own_namespace(),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let identity = Self {
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            namespace: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(identity)
    }

    /// Its number, in its own PID namespace.
    pub(crate) fn pid(self) -> u32 {
        self.pid
    }

    /// Whether its number means nothing here: it belongs to another PID namespace.
    pub(crate) fn is_elsewhere(self) -> bool {
        self.namespace != own_namespace()
    }

    /// Whether a process that has its number and was started then is this one.
    pub(crate) fn is_that_of(self, started: u64) -> bool {
        self.started == started
    }

    /// Whether it has certainly ended. Of another PID namespace nothing is certain.
    pub(crate) fn is_dead(self) -> bool {
        !self.is_elsewhere()
            && table::read(self.pid)
                .is_none_or(|process| process.ended || process.started != self.started)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.pid, self.started, self.namespace)
    }
}

/// The number of this process's PID namespace; 0 where the kernel has none.
fn own_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let own = Identity::own();
        assert_eq!(Identity::parse(&own.to_string()), Some(own));
        for text in ["", "1", "1.2", "1.2.3.4", "1.x.3"] {
            assert_eq!(Identity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_certainly_gone_is_dead() {
        let own = Identity::own();
        let check = |identity: Identity, expected: bool| {
            assert_eq!(identity.is_dead(), expected, "{identity}");
        };
        check(own, false);
        // The number was given again.
        check(
            Identity {
                started: own.started + 1,
                ..own
            },
            true,
        );
        // In another container the same number is somebody else.
        check(
            Identity {
                started: 1,
                namespace: own.namespace + 1,
                ..own
            },
            false,
        );
    }
}
