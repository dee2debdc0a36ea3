//! Shuffled orders for an audit, chosen so that few of them tell causes apart. Pure: the same seed gives the same orders.

use crate::Order;

/// Orders that are drawn for each that is taken.
const DRAWN: u32 = 64;

/// What it is worth to tell two causes apart that so many orders have told apart. After the second time, nothing.
fn worth(told: u8) -> usize {
    match told {
        0 => 100,
        1 => 1,
        _ => 0,
    }
}

/// So many orders of `cases` cases. Of every 64 that are drawn the one is taken that tells most causes apart that the
/// listed order and those before it have not: two causes of what a case takes on (that a certain other one has run before
/// it, that any has, or none) are told apart by an order in which one holds and the other does not.
pub(crate) fn orders(cases: usize, count: u32, seed: u64) -> Vec<Vec<usize>> {
    let mut known = Known::new(cases);
    known.take(&(0..cases).collect::<Vec<_>>());
    let drawn = Order::Random(seed).slots(cases, count.saturating_mul(DRAWN));
    let drawn: Vec<Vec<usize>> = (drawn.chunks(cases.max(1)))
        .map(|order| order.iter().map(|slot| slot.case).collect())
        .collect();
    let choices = drawn.chunks(DRAWN as usize);
    choices
        .filter_map(|choice| {
            let scores = choice.iter().map(|order| known.score(order));
            // The first of the best.
            let best = scores
                .enumerate()
                .max_by_key(|(at, score)| (*score, usize::MAX - at));
            let order = &choice[best?.0];
            known.take(order);
            Some(order.clone())
        })
        .collect()
}

/// How often the causes of each case have been told apart.
struct Known {
    cases: usize,
    /// By case, cause and other cause; a case itself stands for "any case", the number of cases for "none".
    told: Vec<u8>,
}

impl Known {
    fn new(cases: usize) -> Self {
        Self {
            cases,
            told: vec![0; cases * (cases + 1).pow(2)],
        }
    }

    fn score(&self, order: &[usize]) -> usize {
        let mut score = 0;
        self.each(order, |at| score += worth(self.told[at]));
        score
    }

    fn take(&mut self, order: &[usize]) {
        let mut told = Vec::new();
        self.each(order, |at| told.push(at));
        for at in told {
            self.told[at] = self.told[at].saturating_add(1);
        }
    }

    /// Every pair of causes that the order tells apart.
    fn each(&self, order: &[usize], mut pair: impl FnMut(usize)) {
        for (position, &case) in order.iter().enumerate() {
            let mut holds = vec![false; self.cases + 1];
            order[..position]
                .iter()
                .for_each(|&before| holds[before] = true);
            holds[case] = position > 0;
            for one in 0..self.cases {
                for other in one + 1..=self.cases {
                    if holds[one] != holds[other] {
                        pair(self.at(case, one, other));
                    }
                }
            }
        }
    }

    fn at(&self, case: usize, one: usize, other: usize) -> usize {
        let causes = self.cases + 1;
        (case * causes + one) * causes + other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_orders_tell_all_causes_apart() {
        for (cases, count) in [(3, 5), (4, 5), (6, 7), (10, 9)] {
            for seed in 0..20 {
                let orders = orders(cases, count, seed);
                assert_eq!(orders.len(), count as usize);
                let mut known = Known::new(cases);
                known.take(&(0..cases).collect::<Vec<_>>());
                orders.iter().for_each(|order| known.take(order));
                let pairs = (0..cases).flat_map(|c| {
                    (0..cases).flat_map(move |a| (a + 1..=cases).map(move |b| (c, a, b)))
                });
                let open = pairs
                    .filter(|(c, a, b)| known.told[known.at(*c, *a, *b)] == 0)
                    .count();
                assert_eq!(open, 0, "{cases} cases, seed {seed}");
            }
        }
    }

    #[test]
    fn every_order_holds_every_case_once_and_follows_from_the_seed() {
        for order in orders(5, 7, 3) {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert_eq!(orders(5, 7, 3), orders(5, 7, 3));
        assert_ne!(orders(5, 7, 3), orders(5, 7, 4));
        assert!(orders(4, 0, 1).is_empty() && orders(0, 2, 1).is_empty());
    }
}
