//! The latency benchmark: the time to generate T tokens, prefill and decode apart.

use anechoic_protocol::{Benchmark, GenerationWork, LatencySample, Sample};

use super::BenchmarkError;
use super::generation::{Generation, Look, Run, Turn};
use crate::cache::KvCache;

/// Looks at the clock.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// With the T that it was made for; kept from run to run, as making it is no part of the time.
    cache: Option<(u32, KvCache)>,
}

impl Look for Latency {
    fn run(&mut self, generation: &mut Generation, turn: Turn) -> Result<Run, BenchmarkError> {
        let mut cache = match self.cache.take() {
            Some((made_for, cache)) if made_for == turn.tokens => cache,
            // The old one is gone before the new one is made.
            Some(_) | None => generation.cache(turn.tokens)?,
        };
        let generated = generation.generate(&mut cache, turn.tokens)?;
        let sample = Sample::Latency(LatencySample {
            iteration: turn.iteration,
            tokens: turn.tokens,
            run: turn.run,
            prefill_ns: generated.prefill_ns,
            decode_ns: generated.decode_ns,
            total_ns: generated.total_ns,
            device_ns: generated.device_ns,
            generated_tokens: generated.tokens,
            cache: cache.memory(),
        });
        self.cache = Some((turn.tokens, cache));
        Ok(Run {
            sample,
            generated_tokens: generated.tokens,
        })
    }

    fn benchmark(work: GenerationWork) -> Benchmark {
        Benchmark::Latency(work)
    }
}
