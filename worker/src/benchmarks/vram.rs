//! The vram benchmark: memory while T tokens are generated, and the exact bytes of the cache. On a CPU the memory is the
//! process's resident set, and says so.

use anechoic_protocol::{Benchmark, GenerationWork, Sample, VramSample};

use super::BenchmarkError;
use super::gauge::Gauge;
use super::generation::{Generation, Look, Run, Turn};

/// Looks at memory.
#[derive(Debug, Default)]
pub(super) struct Vram;

impl Look for Vram {
    /// The cache is made anew, as its memory is part of the question.
    fn run(&mut self, generation: &mut Generation, turn: Turn) -> Result<Run, BenchmarkError> {
        let gauge = Gauge::start(generation.versioned.place)?;
        let mut cache = generation.cache(turn.tokens)?;
        let generated = generation.generate(&mut cache, turn.tokens)?;
        let peak = gauge.peak()?;
        let sample = Sample::Vram(VramSample {
            iteration: turn.iteration,
            tokens: turn.tokens,
            run: turn.run,
            source: gauge.source(),
            baseline_bytes: gauge.baseline_bytes,
            peak_bytes: peak.bytes,
            reserved_bytes: peak.reserved_bytes,
            generated_tokens: generated.tokens,
            cache: cache.memory(),
        });
        Ok(Run {
            sample,
            generated_tokens: generated.tokens,
        })
    }

    fn benchmark(work: GenerationWork) -> Benchmark {
        Benchmark::Vram(work)
    }
}
