//! Greedy generation; the functions carry the names of the metrics. Nothing in here waits for the
//! device or looks at a token, so that a GPU can run ahead.

use anechoic_protocol::ModelConfig;
use tch::Tensor;

use crate::cache::KvCache;
use crate::models::{Model, Observer};
use crate::weights::{draw, hash};

/// Feeds the prompt (b, t) in pieces of `chunk` tokens and yields the first generated tokens, (b,
/// 1).
pub fn prefill(
    model: &Model,
    prompt: &Tensor,
    chunk: i64,
    cache: &mut KvCache,
    observer: &mut impl Observer,
) -> Tensor {
    let tokens = prompt.size()[1];
    let mut first = 0;
    loop {
        let count = chunk.min(tokens - first);
        let hidden = model.forward(&prompt.narrow(1, first, count), cache, observer); // (b, count, hidden)
        first += count;
        if first == tokens {
            return greedy(model, &hidden.narrow(1, count - 1, 1));
        }
    }
}

/// Feeds one token per request, (b, 1), and yields the next, (b, 1).
pub fn decode_one(
    model: &Model,
    token: &Tensor,
    cache: &mut KvCache,
    observer: &mut impl Observer,
) -> Tensor {
    greedy(model, &model.forward(token, cache, observer))
}

/// Feeds `first`, (b, 1), and then each token that follows from it, `steps` in all. Yields the
/// token after each step, every one (b, 1).
pub fn decode(
    model: &Model,
    first: &Tensor,
    steps: u32,
    cache: &mut KvCache,
    observer: &mut impl Observer,
) -> Vec<Tensor> {
    let mut tokens = Vec::with_capacity(steps as usize);
    for _ in 0..steps {
        let token = decode_one(model, tokens.last().unwrap_or(first), cache, observer);
        tokens.push(token);
    }
    tokens
}

/// The most likely next token after each state, (b, 1, hidden) → (b, 1).
fn greedy(model: &Model, hidden: &Tensor) -> Tensor {
    choose(&model.logits(hidden))
}

/// The most likely token under scores (b, 1, vocab) → (b, 1), the first of several that are equal. By `max`, which libtorch
/// computes four times as fast as `argmax` in bf16: of a decode step's time two per cent.
pub fn choose(scores: &Tensor) -> Tensor {
    scores.max_dim(-1, false).1
}

/// Prompts that follow from the seed, another for every request: (batch, tokens), on the CPU.
///
/// # Panics
/// When there is no memory for so many tokens.
pub fn prompt(config: &ModelConfig, batch: u32, tokens: u32, seed: u64) -> Tensor {
    let stream = hash(seed, "prompt");
    let vocab = u64::from(config.vocab());
    let count = u64::from(batch) * u64::from(tokens);
    let mut ids: Vec<i64> = Vec::new();
    // As libtorch words it, and not an abort.
    assert!(
        ids.try_reserve_exact(count as usize).is_ok(),
        "not enough memory for prompts of {count} tokens"
    );
    // A 32-bit fraction of the vocabulary.
    ids.extend((0..count).map(|i| (((draw(stream, i) >> 32) * vocab) >> 32) as i64));
    Tensor::from_slice(&ids).view([i64::from(batch), i64::from(tokens)])
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::Preset;
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_chosen() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let scores = Tensor::zeros([2, 1, 50_257], (kind, Device::Cpu));
            let _ = scores.get(0).narrow(-1, 700, 3).fill_(2.0);
            let _ = scores.get(1).narrow(-1, 50_256, 1).fill_(1.0);
            let chosen = choose(&scores);
            assert!(chosen.equal(&scores.argmax(-1, false)));
            assert_eq!(
                Vec::<i64>::try_from(chosen.view([-1])).unwrap(),
                [700, 50_256]
            );
        }
    }

    fn ids(seed: u64) -> Vec<Vec<i64>> {
        Vec::try_from(prompt(&Preset::Gpt2Tiny.config(), 3, 100, seed)).unwrap()
    }

    #[test]
    fn prompts_follow_from_the_seed_and_differ_between_requests() {
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let requests = ids(1);
        assert_ne!(requests[0], requests[1]);
        assert!(requests.iter().flatten().all(|id| (0..257).contains(id)));
        let distinct: std::collections::BTreeSet<_> = requests.iter().flatten().collect();
        assert!(
            distinct.len() > 150,
            "300 draws of 257 tokens gave only {} different ones",
            distinct.len()
        );
    }
}
