//! Greedy continuations, and where those of a version first differ from v1's.

use anechoic_protocol::Version;
use tch::Tensor;

use super::Asked;
use crate::benchmarks::BenchmarkError;
use crate::benchmarks::versioned::Versioned;
use crate::cache::KvCache;
use crate::generate::{decode, prefill};
use crate::models::{Model, Unobserved};

/// Windows that are continued, at most.
const CONTINUED: i64 = 8;

/// What continuations showed.
#[derive(Debug)]
pub(super) struct Greedy {
    /// Tokens of each.
    pub(super) tokens: u32,
    /// Per continuation, the first token that differs, from 1.
    pub(super) first_divergence: Vec<Option<u32>>,
}

/// Continues the first half of the first windows by the version and by v1.
pub(super) fn compare(
    [version, reference]: [&Versioned; 2],
    windows: &Tensor, // (windows, window)
    asked: Asked,
) -> Result<Greedy, BenchmarkError> {
    let mut greedy = Greedy {
        tokens: 0,
        first_divergence: Vec::new(),
    };
    if asked.greedy_tokens == 0 {
        return Ok(greedy);
    }
    let (count, window) = windows.size2().expect("windows are (windows, window)");
    let prompts = windows
        .narrow(0, 0, count.min(CONTINUED))
        .narrow(1, 0, window / 2);
    for prompt in prompts.split(i64::from(asked.batch_size), 0) {
        let (b, t) = prompt.size2().expect("prompts are (b, t)");
        let positions = t as u32 + asked.greedy_tokens;
        let cache = version.cache_of(version.version(), b as u32, positions)?;
        let found = continued(&version.model, &prompt, asked, cache);
        let cache = reference.cache_of(Version::V1, b as u32, positions)?;
        let expected = continued(&reference.model, &prompt, asked, cache);
        greedy.tokens = found.size()[1] as u32;
        let both = ids(&found).into_iter().zip(ids(&expected));
        greedy
            .first_divergence
            .extend(both.map(|(found, expected)| first_difference(&found, &expected)));
    }
    Ok(greedy)
}

/// The tokens behind prompts (b, t), (b, greedy_tokens).
fn continued(model: &Model, prompt: &Tensor, asked: Asked, mut cache: KvCache) -> Tensor {
    let chunk = i64::from(asked.chunk);
    let first = prefill(model, prompt, chunk, &mut cache, &mut Unobserved);
    let rest = decode(
        model,
        &first,
        asked.greedy_tokens - 1,
        &mut cache,
        &mut Unobserved,
    );
    let all: Vec<Tensor> = std::iter::once(first).chain(rest).collect();
    Tensor::cat(&all, 1)
}

fn ids(tokens: &Tensor) -> Vec<Vec<i64>> {
    Vec::try_from(tokens).expect("token ids are (b, n)")
}

fn first_difference(found: &[i64], expected: &[i64]) -> Option<u32> {
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    differs.map(|index| index as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_from_one() {
        assert_eq!(first_difference(&[4, 5, 6], &[4, 5, 6]), None);
        assert_eq!(first_difference(&[4, 5, 6], &[4, 7, 8]), Some(2));
        assert_eq!(first_difference(&[1], &[2]), Some(1));
    }
}
