//! The plan of a contamination audit: the cases of a plan, each alone in a process and together with the others in one.
//! Pure: the same plan and seed give the same audit.

use serde::{Deserialize, Serialize};

use crate::audit_orders::orders;
use crate::{Case, Order, Plan, Retries, Slot};

/// How often, and in which orders, the cases of an audit are made. Beside the plan of its run, whose cases are those of
/// the suite, once for each [`Arrangement`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSettings {
    /// How often each arrangement is made.
    pub rounds: u32,
    /// Shuffled orders in each round.
    pub shuffles: u32,
    /// Seed of the shuffled orders.
    pub seed: u64,
    /// What each case of the plan is, in its order.
    pub cases: Vec<AuditedCase>,
    /// The attempts that one process makes, one after the other; every other attempt has a process of its own.
    pub sessions: Vec<Vec<Slot>>,
}

/// A case of the suite in one arrangement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedCase {
    /// Its id in the suite.
    pub case: String,
    /// With what it is made.
    #[serde(flatten)]
    pub arrangement: Arrangement,
}

/// With what a case shares its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "arrangement", rename_all = "kebab-case")]
pub enum Arrangement {
    /// With nothing.
    Fresh,
    /// With all others, in the suite's order.
    Listed,
    /// With all others, in an order that is drawn anew in every round.
    Shuffled {
        /// Which of the shuffles of a round, from 1.
        number: u32,
    },
}

impl Arrangement {
    /// The end of the ids of cases in it.
    pub fn suffix(self) -> String {
        match self {
            Self::Fresh => "fresh".to_owned(),
            Self::Listed => "listed".to_owned(),
            Self::Shuffled { number } => format!("shuffled-{number}"),
        }
    }
}

/// Where an attempt stands in the process that it shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlace {
    /// The session, from 1.
    pub session: usize,
    /// The attempt's number among those of the session, from 1.
    pub position: usize,
    /// Ids in the suite of the cases that were made before it in the same process, in their order.
    pub before: Vec<String>,
}

impl AuditSettings {
    /// Where an attempt stands; `None` where its process is its own.
    pub fn place(&self, slot: Slot) -> Option<SessionPlace> {
        self.sessions.iter().enumerate().find_map(|(index, made)| {
            let at = made.iter().position(|other| *other == slot)?;
            let before = made[..at].iter();
            let before = before.filter_map(|slot| Some(self.cases.get(slot.case)?.case.clone()));
            Some(SessionPlace {
                session: index + 1,
                position: at + 1,
                before: before.collect(),
            })
        })
    }

    /// The ids of the suite's cases, in its order.
    pub fn suite_cases(&self) -> Vec<&str> {
        let fresh = self.cases.iter();
        let fresh = fresh.filter(|case| case.arrangement == Arrangement::Fresh);
        fresh.map(|case| case.case.as_str()).collect()
    }
}

impl Plan {
    /// The audit of this plan's cases. In each round every case is made in a process of its own, then all in one process
    /// in their order, then all in one process in each of `shuffles` orders. Nothing is retried.
    pub fn audited(self, rounds: u32, shuffles: u32, seed: u64) -> (Self, AuditSettings) {
        let arrangements = arrangements(shuffles);
        let arranged = |arrangement: &Arrangement| {
            let arrangement = *arrangement;
            self.cases.iter().map(move |case| (case, arrangement))
        };
        let pairs: Vec<(&Case, Arrangement)> = arrangements.iter().flat_map(arranged).collect();
        let groups = groups(self.cases.len(), &arrangements, rounds, seed);
        let settings = AuditSettings {
            rounds,
            shuffles,
            seed,
            cases: pairs.iter().map(audited_case).collect(),
            sessions: (groups.iter())
                .filter(|group| group.is_shared)
                .map(|group| group.slots.clone())
                .collect(),
        };
        let plan = Self {
            cases: pairs.iter().map(arranged_case).collect(),
            slots: groups.into_iter().flat_map(|group| group.slots).collect(),
            attempts: rounds,
            order: Order::Random(seed),
            retries: Retries::default(),
            until: None,
            ..self
        };
        (plan, settings)
    }
}

fn arrangements(shuffles: u32) -> Vec<Arrangement> {
    let shuffled = (1..=shuffles).map(|number| Arrangement::Shuffled { number });
    let first = [Arrangement::Fresh, Arrangement::Listed];
    first.into_iter().chain(shuffled).collect()
}

/// The attempts of one arrangement in one round.
struct Group {
    slots: Vec<Slot>,
    /// Whether one process makes them.
    is_shared: bool,
}

/// All attempts in order, round by round.
fn groups(cases: usize, arrangements: &[Arrangement], rounds: u32, seed: u64) -> Vec<Group> {
    let shuffles = arrangements.iter().filter(|a| is_shuffled(**a)).count();
    let drawn = rounds.saturating_mul(u32::try_from(shuffles).unwrap_or(u32::MAX));
    let mut drawn = orders(cases, drawn, seed).into_iter();
    let mut groups = Vec::new();
    for attempt in 1..=rounds {
        for (index, arrangement) in arrangements.iter().enumerate() {
            let shuffled = is_shuffled(*arrangement).then(|| drawn.next()).flatten();
            let order = shuffled.unwrap_or_else(|| (0..cases).collect());
            let slot = |case| Slot {
                case: index * cases + case,
                attempt,
            };
            groups.push(Group {
                slots: order.into_iter().map(slot).collect(),
                is_shared: *arrangement != Arrangement::Fresh,
            });
        }
    }
    groups
}

fn is_shuffled(arrangement: Arrangement) -> bool {
    match arrangement {
        Arrangement::Fresh | Arrangement::Listed => false,
        Arrangement::Shuffled { .. } => true,
    }
}

fn audited_case((case, arrangement): &(&Case, Arrangement)) -> AuditedCase {
    AuditedCase {
        case: case.id.clone(),
        arrangement: *arrangement,
    }
}

/// The case under an id that no case of a suite can have.
fn arranged_case((case, arrangement): &(&Case, Arrangement)) -> Case {
    Case {
        id: format!("{}@{}", case.id, arrangement.suffix()),
        ..(*case).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use anechoic_protocol::{Benchmark, CustomWork};

    use super::*;
    use crate::Isolation;

    fn plan(ids: &[&str]) -> Plan {
        let case = |id: &&str| Case {
            id: (*id).to_owned(),
            seed: 0,
            threads: None,
            timeout: Duration::from_secs(1),
            isolation: Isolation::default(),
            worker: None,
            work: Benchmark::Custom(CustomWork {
                parameters: Default::default(),
                warmup_iterations: 0,
                iterations: 1,
            }),
        };
        Plan {
            name: "x".to_owned(),
            question: None,
            cooldown: Duration::ZERO,
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Interleaved,
            attempts: 9,
            until: None,
            cases: ids.iter().map(case).collect(),
            slots: Vec::new(),
        }
    }

    #[test]
    fn every_case_comes_once_in_every_arrangement_and_round() {
        let (plan, audit) = plan(&["a", "b", "c"]).audited(2, 2, 7);
        let ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids[..4], ["a@fresh", "b@fresh", "c@fresh", "a@listed"]);
        assert_eq!(ids[9..], ["a@shuffled-2", "b@shuffled-2", "c@shuffled-2"]);
        assert_eq!((plan.attempts, plan.slots.len()), (2, 24));
        let distinct: BTreeSet<_> = plan.slots.iter().map(|s| (s.case, s.attempt)).collect();
        assert_eq!(distinct.len(), 24);
        assert_eq!(audit.suite_cases(), ["a", "b", "c"]);
        assert_eq!(audit.sessions.len(), 6);
        assert!(audit.sessions.iter().all(|session| session.len() == 3));
    }

    #[test]
    fn a_place_tells_what_ran_before() {
        let (plan, audit) = plan(&["a", "b", "c"]).audited(1, 1, 7);
        assert_eq!(audit.place(plan.slots[0]), None, "alone");
        let place = audit.place(plan.slots[5]).unwrap();
        assert_eq!((place.session, place.position), (1, 3));
        assert_eq!(place.before, ["a", "b"]);
        let first = audit.place(plan.slots[6]).unwrap();
        assert_eq!((first.session, first.position), (2, 1));
        assert!(first.before.is_empty());
    }

    #[test]
    fn settings_are_read_back() {
        let (_, audit) = plan(&["a", "b"]).audited(1, 1, 7);
        let text = serde_json::to_string(&audit).unwrap();
        assert!(
            text.contains(r#"{"case":"a","arrangement":"shuffled","number":1}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<AuditSettings>(&text).unwrap(), audit);
    }
}
