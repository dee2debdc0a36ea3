//! Adds up, position by position, what a version makes of a text, and how far that lies from what v1 makes of it.

use anechoic_protocol::{Divergence, WindowLoss};
use tch::{Kind, Tensor};

use super::log_probabilities;
use crate::models::Model;

/// Positions whose scores are held at a time: a vocabulary is long, and there are two models and double precision.
const POSITIONS: i64 = 256;

/// Sums of the loss of each window, in nats.
#[derive(Debug, Default)]
pub(super) struct Losses {
    sums: Vec<f64>,
    tokens: Vec<u32>,
    batch: usize,
}

/// Everything that is compared.
#[derive(Debug, Default)]
pub(super) struct Tally {
    version: Losses,
    reference: Losses,
    divergences: Vec<f64>,
    same_top_tokens: u64,
}

impl Losses {
    /// The next windows, so many at once.
    pub(super) fn begin_batch(&mut self, windows: usize) {
        self.batch = self.sums.len();
        self.sums.resize(self.batch + windows, 0.0);
        self.tokens.resize(self.batch + windows, 0);
    }

    /// Scores `following`, (b, n), by the states of the positions before, (b, n or more, hidden).
    pub(super) fn add(&mut self, model: &Model, states: &Tensor, following: &Tensor) {
        for (states, following) in pieces(states, following) {
            self.add_scored(&log_probabilities(model, &states), &following);
        }
    }

    fn add_scored(&mut self, log_probabilities: &Tensor, following: &Tensor) {
        let chosen = log_probabilities.gather(-1, &following.unsqueeze(-1), false); // (b, n, 1)
        let tokens = following.size()[1];
        let sums = chosen
            .squeeze_dim(-1)
            .sum_dim_intlist([1].as_slice(), false, Kind::Double);
        for (i, sum) in doubles(&sums).into_iter().enumerate() {
            self.sums[self.batch + i] -= sum;
            self.tokens[self.batch + i] += tokens as u32;
        }
    }
}

impl Tally {
    /// The next windows, so many at once.
    pub(super) fn begin_batch(&mut self, windows: usize) {
        self.version.begin_batch(windows);
        self.reference.begin_batch(windows);
    }

    /// Scores `following`, (b, n), by the version's states and by v1's, both (b, n or more, hidden).
    pub(super) fn add(&mut self, [version, reference]: [(&Model, &Tensor); 2], following: &Tensor) {
        let expected = pieces(reference.1, following);
        for ((states, following), (expected, _)) in pieces(version.1, following).zip(expected) {
            let found = log_probabilities(version.0, &states);
            let expected = log_probabilities(reference.0, &expected);
            self.version.add_scored(&found, &following);
            self.reference.add_scored(&expected, &following);
            self.compare(&found, &expected);
        }
    }

    /// Both (b, n, vocab).
    fn compare(&mut self, found: &Tensor, expected: &Tensor) {
        let weighted = expected.exp() * (expected - found);
        let divergences = weighted.sum_dim_intlist([-1].as_slice(), false, Kind::Double);
        self.divergences
            .extend(doubles(&divergences.flatten(0, -1)));
        let same = found
            .argmax(-1, false)
            .eq_tensor(&expected.argmax(-1, false));
        self.same_top_tokens += same.sum(Kind::Int64).int64_value(&[]) as u64;
    }

    /// Every window, with the source's own losses where it has one.
    pub(super) fn windows(
        &self,
        teacher_forced: &Losses,
        source: Option<&[f64]>,
    ) -> Vec<WindowLoss> {
        let window = |i: usize| WindowLoss {
            tokens: self.version.tokens[i],
            loss: self.version.sums[i],
            teacher_forced_loss: teacher_forced.sums[i],
            reference_loss: self.reference.sums[i],
            source_loss: source.map(|losses| losses[i]),
        };
        (0..self.version.sums.len()).map(window).collect()
    }

    /// Over all scored positions.
    pub(super) fn divergence(&self) -> Divergence {
        let mut sorted = self.divergences.clone();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let rank = (count * 99).div_ceil(100).max(1);
        Divergence {
            mean: sorted.iter().sum::<f64>() / count as f64,
            p99: sorted[rank - 1],
            max: sorted[count - 1],
        }
    }

    /// Positions whose most likely token is v1's.
    pub(super) fn same_top_tokens(&self) -> u64 {
        self.same_top_tokens
    }
}

/// States and the tokens that follow them, some positions at a time.
fn pieces<'a>(
    states: &'a Tensor,
    following: &'a Tensor,
) -> impl Iterator<Item = (Tensor, Tensor)> + 'a {
    let (windows, positions) = following.size2().expect("token ids are (b, n)");
    let at_once = (POSITIONS / windows).max(1);
    (0..positions).step_by(at_once as usize).map(move |first| {
        let count = at_once.min(positions - first);
        (
            states.narrow(1, first, count),
            following.narrow(1, first, count),
        )
    })
}

fn doubles(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor).expect("one dimension of doubles")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two windows of two positions over three tokens.
    fn distributions() -> [Tensor; 2] {
        let version = [0.5, 0.25, 0.25, 0.2, 0.2, 0.6, 0.1, 0.1, 0.8, 0.5, 0.4, 0.1];
        let reference = [0.5, 0.25, 0.25, 0.6, 0.2, 0.2, 0.1, 0.1, 0.8, 0.4, 0.5, 0.1];
        [version, reference].map(|p| Tensor::from_slice(&p).view([2, 2, 3]).log())
    }

    #[test]
    fn losses_are_those_of_the_tokens_that_follow() {
        let [found, _] = distributions();
        let mut losses = Losses::default();
        losses.begin_batch(2);
        losses.add_scored(&found, &Tensor::from_slice2(&[[0i64, 2], [1, 1]]));
        assert_eq!(losses.tokens, [2, 2]);
        let expected = [-(0.5f64 * 0.6).ln(), -(0.1f64 * 0.4).ln()];
        for (found, expected) in losses.sums.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        losses.begin_batch(1);
        losses.add_scored(&found.narrow(0, 0, 1), &Tensor::from_slice2(&[[0i64, 0]]));
        assert_eq!(losses.tokens, [2, 2, 2]);
        assert!((losses.sums[2] + (0.5f64 * 0.2).ln()).abs() < 1e-12);
    }

    #[test]
    fn divergence_goes_from_the_reference_to_the_version() {
        let [found, expected] = distributions();
        let mut tally = Tally::default();
        tally.compare(&found, &expected);
        let second = 0.6 * 3f64.ln() + 0.2 * (1.0f64 / 3.0).ln();
        let fourth = 0.4 * 0.8f64.ln() + 0.5 * 1.25f64.ln();
        let divergence = tally.divergence();
        assert!(
            (divergence.mean - (second + fourth) / 4.0).abs() < 1e-12,
            "{divergence:?}"
        );
        assert!((divergence.max - second).abs() < 1e-12 && (divergence.p99 - second).abs() < 1e-12);
        assert_eq!(tally.same_top_tokens(), 2);
    }

    #[test]
    fn nine_and_ninety_percent_stay_below() {
        let divergences: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let tally = Tally {
            divergences,
            ..Tally::default()
        };
        let Divergence { mean, p99, max } = tally.divergence();
        assert_eq!((mean, p99, max), (100.5, 198.0, 200.0));
    }

    #[test]
    fn pieces_make_up_all_positions() {
        let following = Tensor::arange(2 * 300, (Kind::Int64, tch::Device::Cpu)).view([2, 300]);
        let states = following.unsqueeze(-1);
        let (parts, ids): (Vec<Tensor>, Vec<Tensor>) = pieces(&states, &following).unzip();
        assert!(ids.len() > 1 && Tensor::cat(&ids, 1).equal(&following));
        assert!(Tensor::cat(&parts, 1).equal(&states));
    }
}
