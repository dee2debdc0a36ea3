//! From cases and attempts to slots. The same seed gives the same slots on every machine and in
//! every later build: the generator and the shuffle are both fixed here.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Order, Slot};

impl Order {
    /// Every attempt of every case, in this order.
    pub fn slots(self, cases: usize, attempts: u32) -> Vec<Slot> {
        let round = |attempt| (0..cases).map(move |case| Slot { case, attempt });
        match self {
            Self::Listed => {
                let of_case = |case| (1..=attempts).map(move |attempt| Slot { case, attempt });
                (0..cases).flat_map(of_case).collect()
            }
            Self::Interleaved => (1..=attempts).flat_map(round).collect(),
            Self::Random(seed) => {
                let mut generator = generator(seed);
                let mut shuffled = |attempt| {
                    let mut slots: Vec<_> = round(attempt).collect();
                    shuffle(&mut slots, &mut generator);
                    slots
                };
                (1..=attempts).flat_map(&mut shuffled).collect()
            }
        }
    }
}

impl Order {
    /// The order of cases in a round behind those of the plan, the `round`th of all, from 1. Only a random order changes it.
    pub fn further_round(self, cases: &[usize], round: u32) -> Vec<usize> {
        let mut slots: Vec<_> = cases
            .iter()
            .map(|&case| Slot {
                case,
                attempt: round,
            })
            .collect();
        match self {
            Self::Listed | Self::Interleaved => {}
            Self::Random(seed) => shuffle(&mut slots, &mut of_round(seed, round)),
        }
        slots.into_iter().map(|slot| slot.case).collect()
    }
}

/// A generator of its own for a further round, so that its order does not depend on what was made before it.
fn of_round(seed: u64, round: u32) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..12].copy_from_slice(&round.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// ChaCha8 with the seed as the first bytes of its key; `seed_from_u64` may change between versions.
fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Fisher-Yates. The product's upper half is a number below `end`, even to 1 part in 2⁵⁰ here.
fn shuffle(slots: &mut [Slot], generator: &mut ChaCha8Rng) {
    for end in (2..=slots.len()).rev() {
        let pick = (u128::from(generator.next_u64()) * end as u128) >> 64;
        slots.swap(end - 1, pick as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn written(order: Order, cases: usize, attempts: u32) -> String {
        let slots = order.slots(cases, attempts);
        let one = |slot: &Slot| format!("{}.{}", slot.case, slot.attempt);
        slots.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn orders() {
        let check =
            |order: Order, expected: &str| assert_eq!(written(order, 4, 2), expected, "{order}");
        check(Order::Listed, "0.1 0.2 1.1 1.2 2.1 2.2 3.1 3.2");
        check(Order::Interleaved, "0.1 1.1 2.1 3.1 0.2 1.2 2.2 3.2");
    }

    #[test]
    fn random_orders_never_change() {
        // From an independent ChaCha8. The same seed must give the same plan in every later build.
        let check = |seed, expected: &str| {
            assert_eq!(written(Order::Random(seed), 5, 3), expected, "{seed}")
        };
        check(
            0,
            "1.1 3.1 0.1 2.1 4.1 4.2 2.2 3.2 0.2 1.2 3.3 0.3 4.3 2.3 1.3",
        );
        check(
            7,
            "4.1 2.1 0.1 1.1 3.1 2.2 0.2 3.2 4.2 1.2 0.3 2.3 1.3 4.3 3.3",
        );
        check(
            u64::MAX,
            "2.1 4.1 1.1 0.1 3.1 0.2 1.2 3.2 4.2 2.2 3.3 4.3 0.3 1.3 2.3",
        );
    }

    #[test]
    fn further_rounds_are_shuffled_alike_every_time_and_each_in_its_own_way() {
        let cases: Vec<usize> = (0..8).collect();
        assert_eq!(Order::Interleaved.further_round(&cases, 4), cases);
        assert_eq!(Order::Listed.further_round(&[2, 5], 4), [2, 5]);
        let round = |seed, round| Order::Random(seed).further_round(&cases, round);
        assert_eq!(round(7, 4), round(7, 4));
        assert_ne!(round(7, 4), round(7, 5));
        assert_ne!(round(7, 4), round(8, 4));
        let mut sorted = round(7, 4);
        sorted.sort_unstable();
        assert_eq!(sorted, cases);
        assert_eq!(Order::Random(0).further_round(&[], 4), Vec::<usize>::new());
    }

    #[test]
    fn random_rounds_are_even() {
        // 6 permutations of 3 cases, 600 rounds: each should come about 100 times.
        let slots = Order::Random(1).slots(3, 600);
        let mut counts = std::collections::BTreeMap::new();
        for round in slots.chunks(3) {
            let order: Vec<_> = round.iter().map(|slot| slot.case).collect();
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(
            counts.values().all(|count| (70..=130).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn every_attempt_comes_once(cases in 0_usize..20, attempts in 0_u32..8, seed: u64) {
            for order in [Order::Listed, Order::Interleaved, Order::Random(seed)] {
                let slots = order.slots(cases, attempts);
                let distinct: BTreeSet<_> = slots.iter().map(|s| (s.case, s.attempt)).collect();
                prop_assert_eq!(slots.len(), cases * attempts as usize);
                prop_assert_eq!(distinct.len(), slots.len());
                prop_assert!(slots.iter().all(|s| s.case < cases && (1..=attempts).contains(&s.attempt)));
                // No case is two attempts ahead of another, but where the file's order is wanted.
                let ascending = slots.is_sorted_by_key(|s| s.attempt);
                prop_assert!(ascending || order == Order::Listed);
                prop_assert_eq!(order.slots(cases, attempts), slots);
            }
        }
    }
}
