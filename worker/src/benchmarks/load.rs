//! From a job to its loaded benchmark.

use anechoic_protocol::{Benchmark, Job};

use super::capacity::CapacityBenchmark;
use super::generation::GenerationBenchmark;
use super::latency::Latency;
use super::perplexity::PerplexityBenchmark;
use super::phase::Phase;
use super::roofline::Roofline;
use super::vram::Vram;
use super::{BenchmarkError, CaptureBenchmark, Measure};
use crate::device::Place;

/// Loads what the job asks for: the model, the prompt, and all memory that can be allocated beforehand.
pub fn load(place: Place, job: &Job) -> Result<Box<dyn Measure>, BenchmarkError> {
    let seed = job.seed;
    Ok(match &job.work {
        Benchmark::Capture(work) => Box::new(CaptureBenchmark::load(place, work.clone(), seed)?),
        Benchmark::Latency(work) => Box::new(GenerationBenchmark::load(
            place,
            work,
            seed,
            Latency::default(),
        )?),
        Benchmark::Vram(work) => Box::new(GenerationBenchmark::load(place, work, seed, Vram)?),
        Benchmark::Phase(work) => Box::new(GenerationBenchmark::load(
            place,
            work,
            seed,
            Phase::default(),
        )?),
        Benchmark::Perplexity(work) => Box::new(PerplexityBenchmark::load(place, work, seed)?),
        Benchmark::Capacity(work) => Box::new(CapacityBenchmark::load(place, work, seed)?),
        Benchmark::Roofline(work) => Box::new(GenerationBenchmark::load(
            place,
            work,
            seed,
            Roofline::default(),
        )?),
        Benchmark::Custom(_) => {
            let what = "`custom` is for workers of one's own, and this one does not offer it";
            return Err(BenchmarkError::Job(what.to_owned()));
        }
    })
}
