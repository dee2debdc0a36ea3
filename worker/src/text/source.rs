//! A synthetic source of text with a known entropy rate. A document is a line: one of four topics, then symbols, then a
//! newline. The next symbol depends on the line's topic and on the symbol before it, so a model that loses sight of the
//! line's first character loses most of what can be known.

use std::f64::consts::LN_2;
use std::io::{self, Write};

use crate::weights::{draw, hash};

/// Tokens of the source: the newline, topics `A` to `D`, symbols `a` to `p`, in this order from 0.
pub const VOCAB: i64 = 1 + TOPICS + SYMBOLS;

const TOPICS: i64 = 4;
const SYMBOLS: i64 = 16;
const NEWLINE: i64 = 0;
/// After each symbol the line ends once in so many times.
const MEAN_SYMBOLS: u64 = 100;
/// Successors of a symbol, their probabilities 1/2, 1/4, 1/8 and 1/8.
const SUCCESSORS: i64 = 4;
/// Seed of the topics' tables: part of what the source is, and no setting.
const TABLES: u64 = 0x616e_6563_686f_6963;

/// An endless text that follows from its seed.
#[derive(Debug)]
pub struct Source {
    stream: u64,
    drawn: u64,
    state: State,
}

/// What the next token depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a line: a topic follows.
    Start,
    /// In a line of this topic. The last symbol is absent behind the topic, where a symbol follows for certain.
    Line { topic: i64, last: Option<i64> },
}

impl Source {
    /// The text of a seed, from its first line on.
    pub fn new(seed: u64) -> Self {
        Self::of_stream(hash(seed, "text to score"))
    }

    /// Another text, for training: no seed of [`Source::new`] gives it, so that models are scored on what they have not
    /// seen.
    pub fn for_training(seed: u64) -> Self {
        Self::of_stream(hash(seed, "text"))
    }

    fn of_stream(stream: u64) -> Self {
        Self {
            stream,
            drawn: 0,
            state: State::Start,
        }
    }

    /// The next `length` tokens that begin with a topic: what is left of the line before is passed over.
    pub fn window(&mut self, length: usize) -> Vec<i64> {
        while self.state != State::Start {
            let _ = self.next();
        }
        self.take(length).collect()
    }

    /// A number below `end`, uniform.
    fn below(&mut self, end: u64) -> u64 {
        self.drawn += 1;
        ((draw(self.stream, self.drawn) >> 32) * end) >> 32
    }
}

impl Iterator for Source {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let token = match self.state {
            State::Start => 1 + self.below(TOPICS as u64) as i64,
            State::Line { topic, last } => {
                let ends = last.is_some() && self.below(MEAN_SYMBOLS) == 0;
                let rank = [0, 0, 0, 0, 1, 1, 2, 3][self.below(8) as usize];
                if ends {
                    NEWLINE
                } else {
                    successor(topic, last, rank)
                }
            }
        };
        self.state = self.state.after(token);
        Some(token)
    }
}

impl State {
    fn after(self, token: i64) -> Self {
        match self {
            _ if token == NEWLINE => Self::Start,
            Self::Start => Self::Line {
                topic: token - 1,
                last: None,
            },
            Self::Line { topic, .. } => Self::Line {
                topic,
                last: Some(token - 1 - TOPICS),
            },
        }
    }

    /// Minus the logarithm of the probability of `token`, in nats; infinite where it cannot follow.
    fn loss(self, token: i64) -> f64 {
        match self {
            Self::Start if (1..=TOPICS).contains(&token) => (TOPICS as f64).ln(),
            Self::Start => f64::INFINITY,
            Self::Line { last: Some(_), .. } if token == NEWLINE => -ENDS.ln(),
            Self::Line { topic, last } => {
                let goes_on = last.map_or(0.0, |_| -(1.0 - ENDS).ln());
                let rank = (0..SUCCESSORS).find(|&rank| successor(topic, last, rank) == token);
                goes_on + rank.map_or(f64::INFINITY, rank_loss)
            }
        }
    }
}

/// Probability that a line ends after a symbol.
const ENDS: f64 = 1.0 / MEAN_SYMBOLS as f64;

/// −ln of 1/2, 1/4, 1/8, 1/8.
fn rank_loss(rank: i64) -> f64 {
    (rank + 1).min(3) as f64 * LN_2
}

/// The symbol of this rank behind `last` (at a line's start as if behind `a`). Every topic has its own order of the
/// symbols, a ring; behind a symbol with number n follow the ring's places n to n + 3. So every symbol is as frequent as
/// every other, in every topic, and without the topic next to nothing is known.
fn successor(topic: i64, last: Option<i64>, rank: i64) -> i64 {
    let place = (last.unwrap_or(0) + rank) % SYMBOLS;
    1 + TOPICS + RINGS.with(|rings| rings[topic as usize][place as usize])
}

type Ring = [i64; SYMBOLS as usize];

thread_local! {
    static RINGS: [Ring; TOPICS as usize] = std::array::from_fn(ring);
}

/// A topic's order of the symbols: a shuffle by Fisher and Yates.
fn ring(topic: usize) -> Ring {
    let stream = hash(TABLES, &format!("topic {topic}"));
    let mut ring = std::array::from_fn(|i| i as i64);
    for i in (1..ring.len()).rev() {
        let other = ((draw(stream, i as u64) >> 32) * (i as u64 + 1)) >> 32;
        ring.swap(i, other as usize);
    }
    ring
}

/// The first `tokens` tokens of a seed's text.
pub fn generate(seed: u64, tokens: usize) -> Vec<i64> {
    Source::new(seed).take(tokens).collect()
}

/// Writes the first `tokens` tokens of a seed's text as characters.
pub fn write(tokens: u64, seed: u64, to: impl Write) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    let mut source = Source::new(seed);
    for token in (0..tokens).filter_map(|_| source.next()) {
        let character = character_of(token).expect("the source writes its own tokens");
        write!(to, "{character}")?;
    }
    to.flush()
}

/// The source's own loss of each token but the first, in nats, for a window that begins with a topic: since it sees the
/// topic of every line, these are the exact conditional probabilities, and no model can do better in the long run.
/// Infinite from the first token on that the source does not write.
pub fn losses(window: &[i64]) -> Vec<f64> {
    let mut state = State::Start;
    let mut losses = Vec::with_capacity(window.len());
    for &token in window {
        let loss = state.loss(token);
        losses.push(loss);
        if loss.is_infinite() {
            break;
        }
        state = state.after(token);
    }
    losses.resize(window.len(), f64::INFINITY);
    losses.split_off(1.min(losses.len()))
}

/// Entropy rate in nats per token.
///
/// Lines are independent. With p the probability that a line ends after a symbol, a line has 1/p symbols on average, so
/// 2 + 1/p tokens with its topic and its newline. Its topic costs ln 4. Each symbol costs the entropy of its successors,
/// ½·1 + ¼·2 + ⅛·3 + ⅛·3 = 1.75 bits, and is followed by one decision whether the line ends, h(p) = −p ln p − (1 − p)
/// ln(1 − p). A line's entropy over its length is the rate:
///
/// (ln 4 + (1.75 ln 2 + h(p)) / p) / (2 + 1/p)
pub fn entropy_rate() -> f64 {
    let end_or_not = -ENDS * ENDS.ln() - (1.0 - ENDS) * (1.0 - ENDS).ln();
    let line = (TOPICS as f64).ln() + (1.75 * LN_2 + end_or_not) / ENDS;
    line / (2.0 + 1.0 / ENDS)
}

/// The character of a token of the source.
pub fn character_of(token: i64) -> Option<char> {
    let from = |first: u8, offset: i64| char::from(first + offset as u8);
    match token {
        NEWLINE => Some('\n'),
        _ if (1..=TOPICS).contains(&token) => Some(from(b'A', token - 1)),
        _ if (1 + TOPICS..VOCAB).contains(&token) => Some(from(b'a', token - 1 - TOPICS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_everywhere() {
        let check = |state: State| {
            let sum: f64 = (0..VOCAB).map(|token| (-state.loss(token)).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{state:?}: {sum}");
        };
        check(State::Start);
        for topic in 0..TOPICS {
            check(State::Line { topic, last: None });
            (0..SYMBOLS).for_each(|last| {
                check(State::Line {
                    topic,
                    last: Some(last),
                })
            });
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_are_probable() {
        let mut seen = std::collections::BTreeMap::<_, [u64; VOCAB as usize]>::new();
        let mut state = State::Start;
        for token in generate(11, 400_000) {
            let key = match state {
                State::Start => (-1, -1),
                State::Line { topic, last } => (topic, last.unwrap_or(-1)),
            };
            seen.entry(key).or_default()[token as usize] += 1;
            state = state.after(token);
        }
        assert_eq!(
            seen.len() as i64,
            1 + TOPICS * (1 + SYMBOLS),
            "every context occurs"
        );
        for ((topic, last), counts) in seen {
            let last = (last >= 0).then_some(last);
            let state = if topic < 0 {
                State::Start
            } else {
                State::Line { topic, last }
            };
            let all = counts.iter().sum::<u64>() as f64;
            for (token, count) in (0..).zip(counts) {
                let expected = all * (-state.loss(token)).exp();
                // Six standard deviations of a count, and some for small ones.
                let limit = 6.0 * expected.sqrt() + 1e-9;
                assert!(
                    (count as f64 - expected).abs() <= limit.max(4.0),
                    "{state:?} {token}: {count}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_entropy_rate_is_what_long_texts_cost() {
        let window = Source::new(5).window(1_000_000);
        let losses = losses(&window);
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        assert!(
            (mean - entropy_rate()).abs() < 0.003,
            "{mean} against {}",
            entropy_rate()
        );
    }

    #[test]
    fn what_is_far_away_decides() {
        // Over all topics a symbol's successors are next to uniform: the topic is worth most of what can be known.
        let blind = |last: i64| -> f64 {
            let likely = |symbol: i64| {
                let of_topic = |topic| {
                    let state = State::Line {
                        topic,
                        last: Some(last),
                    };
                    (-state.loss(1 + TOPICS + symbol)).exp()
                };
                (0..TOPICS).map(of_topic).sum::<f64>() / TOPICS as f64
            };
            (0..SYMBOLS)
                .map(likely)
                .filter(|p| *p > 0.0)
                .map(|p| -p * p.ln())
                .sum()
        };
        let mean = (0..SYMBOLS).map(blind).sum::<f64>() / SYMBOLS as f64;
        assert!(mean > 1.5 * entropy_rate(), "{mean}");
    }

    #[test]
    fn texts_follow_from_their_seed_and_windows_begin_with_a_topic() {
        assert_eq!(generate(1, 500), generate(1, 500));
        assert_ne!(generate(1, 500), generate(2, 500));
        assert!(generate(1, 0).is_empty());
        let trained_on: Vec<i64> = Source::for_training(1).take(500).collect();
        assert_ne!(generate(1, 500), trained_on);
        let mut source = Source::new(1);
        for _ in 0..50 {
            let window = source.window(30);
            assert!((1..=TOPICS).contains(&window[0]));
            assert!(losses(&window).iter().all(|loss| loss.is_finite()));
        }
    }

    #[test]
    fn text_is_written_character_by_character() {
        let mut bytes = Vec::new();
        write(200, 7, &mut bytes).unwrap();
        let expected: String = generate(7, 200)
            .into_iter()
            .filter_map(character_of)
            .collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        write(0, 7, &mut Vec::new()).unwrap();
        let refused = write(200, 7, &mut [0u8; 9][..]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn what_the_source_does_not_write_costs_without_end() {
        let window = Source::new(1).window(6);
        let from_symbol = &window[1..];
        assert!(
            losses(from_symbol).iter().all(|loss| loss.is_infinite()),
            "no topic"
        );
        let twice = [window[0], window[0], window[1]];
        assert_eq!(losses(&twice), [f64::INFINITY; 2]);
        assert!(losses(&[]).is_empty() && losses(&[1]).is_empty());
    }

    #[test]
    fn every_token_has_a_character_of_its_own() {
        let characters: std::collections::BTreeSet<_> =
            (0..VOCAB).filter_map(character_of).collect();
        assert_eq!(characters.len() as i64, VOCAB);
        assert_eq!((character_of(-1), character_of(VOCAB)), (None, None));
    }
}
