//! The phase benchmark: where the time of generating T tokens goes. The clock is read wherever the residual stream passes
//! from one part of the model to the next; on a GPU the device is waited for each time, so that the whole is slower than
//! a generation that is left alone.

use anechoic_protocol::{Benchmark, GenerationWork, PhaseSample, PhaseTimes, Sample};
use tch::Tensor;

use super::BenchmarkError;
use super::generation::{Generation, Look, Run, Turn};
use crate::cache::KvCache;
use crate::clock::{Mark, end_mark, idle_mark};
use crate::device::Place;
use crate::generate::choose;
use crate::models::Observer;

/// Looks at the clock between the parts of the model.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// With the T that it was made for.
    cache: Option<(u32, KvCache)>,
}

/// Where time went so far.
struct PhaseClock {
    place: Place,
    last: Mark,
    times: PhaseTimes,
}

impl PhaseClock {
    fn start(place: Place) -> Self {
        Self {
            place,
            last: idle_mark(place),
            times: PhaseTimes::default(),
        }
    }

    /// Time since it was last read.
    fn lap(&mut self) -> u64 {
        let now = end_mark(self.place, self.last);
        let spent = now.since(self.last);
        self.last = now;
        spent
    }

    /// Forward pass, scores and choice of one token per request.
    fn step(&mut self, generation: &Generation, tokens: &Tensor, cache: &mut KvCache) -> Tensor {
        let model = &generation.versioned.model;
        let states = model.forward(tokens, cache, self);
        let last = states.narrow(1, states.size()[1] - 1, 1);
        let scores = model.logits(&last);
        self.times.head_ns += self.lap();
        let token = choose(&scores);
        self.times.other_ns += self.lap();
        token
    }

    fn finish(mut self, start: Mark) -> (PhaseTimes, Mark) {
        self.times.total_ns = self.last.since(start);
        let times = &self.times;
        let parts = times.embedding_ns + times.attention_ns + times.mlp_ns + times.head_ns;
        self.times.other_ns = times.total_ns - parts;
        (self.times, self.last)
    }
}

impl Observer for PhaseClock {
    fn embedded(&mut self, _x: &Tensor) {
        self.times.embedding_ns += self.lap();
    }

    fn attended(&mut self, _layer: u32, _x: &Tensor) {
        self.times.attention_ns += self.lap();
    }

    fn layer_done(&mut self, _layer: u32, _x: &Tensor) {
        self.times.mlp_ns += self.lap();
    }
}

impl Look for Phase {
    fn run(&mut self, generation: &mut Generation, turn: Turn) -> Result<Run, BenchmarkError> {
        let mut cache = match self.cache.take() {
            Some((made_for, cache)) if made_for == turn.tokens => cache,
            Some(_) | None => generation.cache(turn.tokens)?,
        };
        cache.clear();
        let place = generation.versioned.place;
        let mut clock = PhaseClock::start(place);
        let start = clock.last;
        let mut token = clock.step(generation, &generation.prompt, &mut cache);
        let (prefill, middle) = clock.finish(start);
        let mut clock = PhaseClock::start(place);
        let mut generated_tokens = token.size()[0] as u64;
        for _ in 1..turn.tokens {
            token = clock.step(generation, &token, &mut cache);
            generated_tokens += token.size()[0] as u64;
        }
        let (decode, _) = clock.finish(middle);
        self.cache = Some((turn.tokens, cache));
        let sample = Sample::Phase(PhaseSample {
            iteration: turn.iteration,
            tokens: turn.tokens,
            run: turn.run,
            prefill,
            decode,
            generated_tokens,
        });
        Ok(Run {
            sample,
            generated_tokens,
        })
    }

    fn benchmark(work: GenerationWork) -> Benchmark {
        Benchmark::Phase(work)
    }
}
