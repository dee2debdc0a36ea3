//! The roofline benchmark: bytes and operations counted from the algorithm, the time they took, and the ceilings of the
//! machine, measured right beside each generation.

use anechoic_protocol::{
    Benchmark, Cost, Counted, GenerationWork, RooflinePoint, RooflineSample, Sample,
};
use tch::{Kind, Tensor};

use super::BenchmarkError;
use super::generation::{Generation, Look, Run, Turn};
use crate::cache::KvCache;
use crate::clock::idle_mark;
use crate::device::Place;
use crate::ops::{Linear, read_bandwidth};
use crate::weights::kind;

/// Memory that is read to find the bandwidth: far more than any processor's caches hold.
const READ_BYTES: u64 = 512 << 20;
/// Best of so many.
const ROUNDS: u32 = 3;
/// Rows, inputs and outputs of the matrix product that is timed to find the matrix rate.
const MATRIX: [i64; 3] = [512, 2048, 2048];

/// Looks at the clock, and at what the machine could do.
#[derive(Debug, Default)]
pub(super) struct Roofline {
    /// With the T that it was made for.
    cache: Option<(u32, KvCache)>,
}

impl Look for Roofline {
    fn run(&mut self, generation: &mut Generation, turn: Turn) -> Result<Run, BenchmarkError> {
        let place = generation.versioned.place;
        let mut cache = match self.cache.take() {
            Some((made_for, cache)) if made_for == turn.tokens => cache,
            Some(_) | None => generation.cache(turn.tokens)?,
        };
        let read_bytes_per_s = read_bandwidth(place.torch(), READ_BYTES, ROUNDS)? as u64;
        let matrix_flops_per_s = matrix_rate(place, kind(generation.versioned.dtype()))? as u64;
        let generated = generation.generate(&mut cache, turn.tokens)?;
        self.cache = Some((turn.tokens, cache));
        let counted = counted(generation);
        let prompt = generation.prompt_length();
        let sample = Sample::Roofline(RooflineSample {
            iteration: turn.iteration,
            tokens: turn.tokens,
            run: turn.run,
            prefill: point(counted.prefill(prompt), generated.prefill_ns),
            decode: point(counted.decode(prompt, turn.tokens), generated.decode_ns),
            read_bytes_per_s,
            matrix_flops_per_s,
            generated_tokens: generated.tokens,
        });
        Ok(Run {
            sample,
            generated_tokens: generated.tokens,
        })
    }

    fn benchmark(work: GenerationWork) -> Benchmark {
        Benchmark::Roofline(work)
    }
}

fn counted(generation: &Generation) -> Counted<'_> {
    Counted {
        config: generation.versioned.config(),
        dtype: generation.versioned.dtype(),
        version: generation.versioned.version(),
        batch: generation.batch(),
    }
}

fn point(cost: Cost, time_ns: u64) -> RooflinePoint {
    RooflinePoint {
        time_ns,
        bytes: cost.bytes,
        flops: cost.flops,
    }
}

/// Operations per second of a large matrix product: the better of the model's type and, where the processor has no
/// instructions for that, of f32.
fn matrix_rate(place: Place, kind: Kind) -> Result<f64, BenchmarkError> {
    let in_kind = product_rate(place, kind)?;
    match (place.is_cpu(), kind) {
        (true, Kind::BFloat16 | Kind::Half) => Ok(in_kind.max(product_rate(place, Kind::Float)?)),
        _ => Ok(in_kind),
    }
}

fn product_rate(place: Place, kind: Kind) -> Result<f64, BenchmarkError> {
    let [rows, inputs, outputs] = MATRIX;
    let ones = |sizes: [i64; 2]| Tensor::ones(sizes, (kind, place.torch()));
    let layer = Linear::new(ones([outputs, inputs]), None)?;
    let x = ones([rows, inputs]);
    let flops = 2 * rows * inputs * outputs;
    let _warm_up = layer.forward(&x);
    // No timed region of the thing measured: a slow-down on purpose leaves ceilings alone.
    let fastest = (0..ROUNDS)
        .map(|_| {
            let start = idle_mark(place);
            let _product = layer.forward(&x);
            idle_mark(place).since(start)
        })
        .min();
    Ok(flops as f64 * 1e9 / fastest.unwrap_or(1).max(1) as f64)
}
