//! What the benchmarks that generate T tokens have in common: the prompt, the order of T and runs, and one generation.

use anechoic_protocol::{Benchmark, GenerationWork, Job, Sample, Verification};
use tch::Tensor;

use super::versioned::Versioned;
use super::{BenchmarkError, Circumstances, Measure, kv_check};
use crate::cache::KvCache;
use crate::clock::{end_mark, idle_mark};
use crate::device::Place;
use crate::generate::{decode, prefill, prompt};
use crate::models::Unobserved;
use crate::ops::DeviceTimer;

/// A loaded model with its prompt.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) versioned: Versioned,
    pub(super) prompt: Tensor, // (batch, prompt_length)
    schedule: Schedule,
}

/// Which T comes next: all runs of the first, then all of the second …
#[derive(Debug)]
struct Schedule {
    tokens: Vec<u32>,
    warmup_runs: u32,
    measured_runs: u32,
    /// T of every generation that was a warm-up, and of every one that was measured, as counted afterwards.
    warmed: Vec<u32>,
    measured: Vec<u32>,
}

/// One measured run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// From 1, over all T.
    pub(super) iteration: u32,
    /// T.
    pub(super) tokens: u32,
    /// The run at this T, from 1.
    pub(super) run: u32,
}

/// How a benchmark looks at a generation.
pub(super) trait Look {
    /// Generates T tokens and tells what it saw.
    fn run(&mut self, generation: &mut Generation, turn: Turn) -> Result<Run, BenchmarkError>;

    /// The benchmark that this is, with its work.
    fn benchmark(work: GenerationWork) -> Benchmark;
}

/// What a look at one generation yields.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sample: Sample,
    /// Over the whole batch.
    pub(super) generated_tokens: u64,
}

/// A benchmark that generates T tokens and looks at that in its own way.
#[derive(Debug)]
pub(super) struct GenerationBenchmark<L> {
    generation: Generation,
    look: L,
}

/// What one generation took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Generated {
    pub(super) prefill_ns: u64,
    pub(super) decode_ns: u64,
    pub(super) total_ns: u64,
    pub(super) device_ns: Option<u64>,
    /// Over the whole batch.
    pub(super) tokens: u64,
}

impl Schedule {
    fn new(tokens: &[u32], warmup_runs: u32, measured_runs: u32) -> Self {
        Self {
            tokens: tokens.to_vec(),
            warmup_runs,
            measured_runs,
            warmed: Vec::new(),
            measured: Vec::new(),
        }
    }

    fn warmups(&self) -> u32 {
        self.warmup_runs * self.tokens.len() as u32
    }

    /// The next warm-up, which is no iteration.
    fn next_warmup(&self) -> Turn {
        Turn {
            iteration: 0,
            tokens: self.tokens[self.warmed.len() / self.warmup_runs as usize],
            run: 0,
        }
    }

    fn next(&self) -> Turn {
        let done = self.measured.len() as u32;
        Turn {
            iteration: done + 1,
            tokens: self.tokens[(done / self.measured_runs) as usize],
            run: done % self.measured_runs + 1,
        }
    }

    /// Every T that was measured, in order.
    fn tokens_done(&self) -> Vec<u32> {
        let mut tokens = self.measured.clone();
        tokens.dedup();
        tokens
    }

    /// Warm-ups and measured runs per T.
    fn runs_done(&self) -> (u32, u32) {
        let kinds = self.tokens_done().len().max(1);
        let each = |runs: &[u32]| (runs.len() / kinds) as u32;
        (each(&self.warmed), each(&self.measured))
    }
}

impl Generation {
    fn load(place: Place, work: &GenerationWork, seed: u64) -> Result<Self, BenchmarkError> {
        check(work)?;
        let longest = work.tokens.iter().max().copied().unwrap_or(0);
        let versioned = Versioned::load(place, &work.model, work.prompt_length + longest, seed)?;
        let prompt = prompt(
            versioned.config(),
            work.batch_size,
            work.prompt_length,
            seed,
        );
        Ok(Self {
            prompt: prompt.to_device(place.torch()),
            versioned,
            schedule: Schedule::new(&work.tokens, work.warmup_runs, work.measured_runs),
        })
    }

    pub(super) fn batch(&self) -> u32 {
        self.prompt.size()[0] as u32
    }

    pub(super) fn prompt_length(&self) -> u32 {
        self.prompt.size()[1] as u32
    }

    /// A cache that is as long as prompt and generated tokens.
    pub(super) fn cache(&mut self, tokens: u32) -> Result<KvCache, BenchmarkError> {
        let (batch, positions) = (self.batch(), self.prompt_length() + tokens);
        self.versioned.cache(batch, positions)
    }

    /// Idle → prefill → idle → decode → idle, from an empty cache.
    pub(super) fn generate(
        &self,
        cache: &mut KvCache,
        tokens: u32,
    ) -> Result<Generated, BenchmarkError> {
        cache.clear();
        let (model, place) = (&self.versioned.model, self.versioned.place);
        let timer = match place.is_cpu() {
            true => None,
            false => Some(DeviceTimer::start(place.torch())?),
        };
        let start = idle_mark(place);
        let whole = i64::from(self.prompt_length());
        let first = prefill(model, &self.prompt, whole, cache, &mut Unobserved);
        let middle = end_mark(place, start);
        let rest = decode(model, &first, tokens - 1, cache, &mut Unobserved);
        let end = end_mark(place, middle);
        Ok(Generated {
            prefill_ns: middle.since(start),
            decode_ns: end.since(middle),
            total_ns: end.since(start),
            device_ns: timer.map(DeviceTimer::stop).transpose()?,
            tokens: (rest.len() as u64 + 1) * first.size()[0] as u64,
        })
    }

    /// What was asked, as it was carried out.
    fn work_done(&self) -> GenerationWork {
        let (warmup_runs, measured_runs) = self.schedule.runs_done();
        GenerationWork {
            model: self.versioned.echo(),
            batch_size: self.batch(),
            prompt_length: self.prompt_length(),
            tokens: self.schedule.tokens_done(),
            warmup_runs,
            measured_runs,
        }
    }
}

impl<L: Look> GenerationBenchmark<L> {
    /// Loads the model.
    pub(super) fn load(
        place: Place,
        work: &GenerationWork,
        seed: u64,
        look: L,
    ) -> Result<Self, BenchmarkError> {
        Ok(Self {
            generation: Generation::load(place, work, seed)?,
            look,
        })
    }

    /// One run, and how many tokens each request got from it.
    fn run(&mut self, turn: Turn) -> Result<(Sample, u32), BenchmarkError> {
        let run = self.look.run(&mut self.generation, turn)?;
        let each = run.generated_tokens / u64::from(self.generation.batch());
        Ok((run.sample, each as u32))
    }
}

impl<L: Look> Measure for GenerationBenchmark<L> {
    fn verify(&mut self) -> Result<Verification, BenchmarkError> {
        let longest = self.generation.schedule.tokens.iter().max();
        let longest = longest.copied().unwrap_or(1);
        kv_check::verify(&self.generation.versioned, &self.generation.prompt, longest)
    }

    fn warmups(&self) -> u32 {
        self.generation.schedule.warmups()
    }

    fn warm_up(&mut self) -> Result<(), BenchmarkError> {
        let turn = self.generation.schedule.next_warmup();
        let (_, tokens) = self.run(turn)?;
        self.generation.schedule.warmed.push(tokens);
        Ok(())
    }

    fn sample(&mut self) -> Result<Sample, BenchmarkError> {
        let turn = self.generation.schedule.next();
        let (sample, tokens) = self.run(turn)?;
        self.generation.schedule.measured.push(tokens);
        Ok(sample)
    }

    fn echo(&self, job: &Job) -> Job {
        let generation = &self.generation;
        let work = L::benchmark(generation.work_done());
        generation
            .versioned
            .job(job, generation.prompt.device(), work)
    }

    fn circumstances(&self) -> Circumstances {
        self.generation.versioned.circumstances()
    }
}

fn check(work: &GenerationWork) -> Result<(), BenchmarkError> {
    let sizes = [work.batch_size, work.prompt_length, work.measured_runs];
    if work.tokens.is_empty() || work.tokens.contains(&0) || sizes.contains(&0) {
        let text =
            "batch_size, prompt_length, measured_runs and every one of tokens must be at least 1";
        return Err(BenchmarkError::Job(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_of_a_length_comes_before_the_next_length() {
        let mut schedule = Schedule::new(&[8, 4], 1, 2);
        assert_eq!(schedule.warmups(), 2);
        for tokens in [8, 4] {
            assert_eq!(schedule.next_warmup().tokens, tokens);
            schedule.warmed.push(tokens);
        }
        let mut turns = Vec::new();
        for _ in 0..4 {
            let turn = schedule.next();
            turns.push((turn.iteration, turn.tokens, turn.run));
            schedule.measured.push(turn.tokens);
        }
        assert_eq!(turns, [(1, 8, 1), (2, 8, 2), (3, 4, 1), (4, 4, 2)]);
        assert_eq!(schedule.tokens_done(), [8, 4]);
        assert_eq!(schedule.runs_done(), (1, 2));
    }
}
