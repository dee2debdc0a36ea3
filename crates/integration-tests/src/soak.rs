//! What a soak must not find: judged here from what was counted, so that the verdict itself is tested.

use serde::Serialize;

/// What the resident set may grow by per attempt. The manifest holds every attempt: 0.93 KiB each were measured over
/// 2,000.
const GROWTH_KIB: u64 = 2;

/// What it may grow by in any case: an allocator takes memory from the system in pieces.
const SLACK_KIB: u64 = 2048;

/// The orchestrator, as a worker saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Seen {
    /// Number of the attempt among those of its case.
    pub round: u32,
    /// Files that it had open.
    pub open_files: u64,
    /// Its resident set.
    pub resident_kib: u64,
}

/// A soak that has ended.
#[derive(Debug, Clone, Default)]
pub struct Soaked {
    /// Attempts that were asked for.
    pub wanted: u64,
    /// Attempts that were made.
    pub attempts: u64,
    /// The exit code: with faults in half of the attempts, 10.
    pub code: i32,
    /// Processes that are left.
    pub alive: Vec<u32>,
    /// What the workers saw that looked, in the order of the rounds.
    pub seen: Vec<Seen>,
}

impl Soaked {
    /// All that is wrong; empty where nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.code != 10 {
            problems.push(format!("exit code {}, not 10", self.code));
        }
        if self.attempts != self.wanted {
            problems.push(format!("{} of {} attempts", self.attempts, self.wanted));
        }
        if !self.alive.is_empty() {
            problems.push(format!("still alive: {:?}", self.alive));
        }
        match (self.seen.first(), self.seen.last()) {
            (Some(first), Some(last)) => problems.extend(self.growth(*first, *last)),
            _ => problems.push("no worker looked at the orchestrator".to_owned()),
        }
        problems
    }

    fn growth(&self, first: Seen, last: Seen) -> Vec<String> {
        let mut problems = Vec::new();
        if first.open_files != last.open_files {
            let (first, last) = (first.open_files, last.open_files);
            problems.push(format!("open files: {first} at first, {last} at last"));
        }
        let bound = SLACK_KIB + GROWTH_KIB * self.attempts;
        let growth = last.resident_kib.saturating_sub(first.resident_kib);
        if growth > bound {
            problems.push(format!(
                "the resident set grew by {growth} KiB, and {bound} are accepted"
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(round: u32, open_files: u64, resident_kib: u64) -> Seen {
        Seen {
            round,
            open_files,
            resident_kib,
        }
    }

    #[test]
    fn a_soak_fails_on_what_it_looks_for() {
        let good = || Soaked {
            wanted: 2000,
            attempts: 2000,
            code: 10,
            alive: Vec::new(),
            seen: vec![seen(1, 21, 7548), seen(500, 21, 9404)],
        };
        assert_eq!(good().problems(), Vec::<String>::new());
        let check = |change: fn(&mut Soaked), expected: &str| {
            let mut soaked = good();
            change(&mut soaked);
            let problems = soaked.problems();
            assert!(
                problems.len() == 1 && problems[0].contains(expected),
                "{problems:?}"
            );
        };
        check(|soaked| soaked.code = 0, "exit code 0");
        check(|soaked| soaked.attempts = 1999, "1999 of 2000");
        check(|soaked| soaked.alive = vec![7], "still alive: [7]");
        check(|soaked| soaked.seen.clear(), "no worker looked");
        check(|soaked| soaked.seen[1].open_files = 22, "21 at first, 22");
        check(
            |soaked| soaked.seen[1].resident_kib = 7548 + 6049,
            "grew by 6049 KiB, and 6048",
        );
    }
}
