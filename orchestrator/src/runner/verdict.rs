//! What is found after a worker's end changes how its attempt ended. Pure.

use anechoic_protocol::FailureKind;
use anechoic_record::{MemoryEvidence, Outcome};
use nix::libc::SIGKILL;

use crate::process::{MemoryKills, Swept};

/// The outcome of a worker that said why it failed.
pub(crate) fn said(kind: FailureKind, message: String) -> Outcome {
    match kind {
        FailureKind::Verification => Outcome::VerificationFailed { detail: message },
        FailureKind::OutOfMemory => Outcome::HostOutOfMemory {
            evidence: MemoryEvidence::Refused { message },
        },
        FailureKind::DeviceOutOfMemory => Outcome::DeviceOutOfMemory { message },
        FailureKind::InvalidJob
        | FailureKind::DeviceUnavailable
        | FailureKind::ModelLoad
        | FailureKind::Stopped
        | FailureKind::Internal => Outcome::WorkerFailed { kind, message },
    }
}

/// The outcome in the light of out-of-memory kills: a SIGKILL that nobody here sent is one of them.
pub(crate) fn with_memory_kills(outcome: Outcome, kills: MemoryKills) -> Outcome {
    let evidence = match (&outcome, kills) {
        (
            Outcome::Signal {
                number: SIGKILL, ..
            },
            MemoryKills { in_group: 1.., .. },
        ) => MemoryEvidence::ControlGroup {
            kills: kills.in_group,
        },
        (
            Outcome::Signal {
                number: SIGKILL, ..
            },
            MemoryKills {
                on_machine: 1.., ..
            },
        ) => MemoryEvidence::Kernel {
            kills: kills.on_machine,
        },
        (_, MemoryKills { .. }) => return outcome,
    };
    Outcome::HostOutOfMemory { evidence }
}

/// The outcome in the light of what was left behind: what ran beside a measurement may have spoilt it.
pub(crate) fn with_leftovers(outcome: Outcome, swept: &Swept) -> Outcome {
    let clean = swept.left.is_empty() && !swept.held_pipes;
    if clean || !outcome.is_ok() {
        return outcome;
    }
    Outcome::Leaked {
        processes: u32::try_from(swept.left.len()).unwrap_or(u32::MAX),
        held_pipes: swept.held_pipes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anechoic_protocol::Phase;
    use anechoic_record::{Fate, Leftover};

    #[test]
    fn a_sigkill_is_the_kernel_s_where_the_kernel_counts_one() {
        let killed = |number: i32, name: &str| Outcome::Signal {
            number,
            name: name.to_owned(),
        };
        let check = |outcome: Outcome, in_group, on_machine, expected: &str| {
            let kills = MemoryKills {
                in_group,
                on_machine,
            };
            assert_eq!(with_memory_kills(outcome, kills).cause(), expected);
        };
        let unexplained = "ended by SIGKILL (signal 9)";
        let group = "the host has no memory left: killed at the memory limit of its control group (2 kill(s))";
        let kernel =
            "the host has no memory left: killed while the kernel counted 3 out-of-memory kill(s)";
        check(killed(9, "SIGKILL"), 0, 0, unexplained);
        check(killed(9, "SIGKILL"), 2, 3, group);
        check(killed(9, "SIGKILL"), 0, 3, kernel);
        // Nobody runs out of memory by a segmentation fault, and a limit of time stays one.
        check(killed(11, "SIGSEGV"), 2, 3, "ended by SIGSEGV (signal 11)");
        let timeout = Outcome::Timeout {
            phase: Phase::Load,
            limit_ms: 1000,
        };
        check(timeout, 2, 3, "timed out in load after 1 s");
        check(Outcome::Ok, 2, 3, "ok");
    }

    #[test]
    fn only_a_good_end_becomes_a_leak() {
        let left = Leftover {
            pid: 1,
            name: None,
            left_group: true,
            fate: Fate::Ended,
        };
        let check = |outcome: Outcome, left: Vec<Leftover>, held_pipes, expected: &str| {
            let swept = Swept {
                left,
                held_pipes,
                ..Swept::default()
            };
            assert_eq!(with_leftovers(outcome, &swept).cause(), expected);
        };
        check(Outcome::Ok, Vec::new(), false, "ok");
        check(
            Outcome::Ok,
            vec![left.clone()],
            false,
            "ended well but left 1 process(es) behind",
        );
        check(
            Outcome::Ok,
            Vec::new(),
            true,
            "ended well but left 0 process(es) behind, and its pipes were held open",
        );
        check(
            Outcome::ExitCode { code: 3 },
            vec![left],
            true,
            "exited with code 3",
        );
    }

    #[test]
    fn every_kind_of_failure_has_one_ending() {
        let names = FailureKind::ALL.map(|kind| {
            let outcome = said(kind, "why".to_owned());
            assert!(outcome.cause().contains("why"), "{kind:?}");
            (kind.as_str(), outcome.name())
        });
        for (kind, ending) in names {
            let expected = match kind {
                "verification" => "verification-failed",
                "out-of-memory" => "host-out-of-memory",
                "device-out-of-memory" => "device-out-of-memory",
                _ => "worker-failed",
            };
            assert_eq!(ending, expected, "{kind}");
        }
    }
}
