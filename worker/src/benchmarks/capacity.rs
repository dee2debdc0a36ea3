//! The capacity benchmark: the largest batch that fits a memory budget with a cache as long as the workload needs. Every
//! size is really tried: the cache is made, the prompt is fed, and a token is decoded at the last position.

mod search;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anechoic_protocol::{
    Benchmark, CapacityProbe, CapacitySample, CapacityWork, Job, MemorySource, Sample, Verification,
};
use tch::{Device, Tensor};

use self::search::{Search, Tried};
use super::gauge::Gauge;
use super::versioned::Versioned;
use super::{BenchmarkError, Circumstances, Measure, is_out_of_memory, kv_check, panic_text};
use crate::cache::{CacheError, KvCache};
use crate::device::Place;
use crate::generate::{choose, prompt};
use crate::models::Unobserved;

/// A loaded model that is tried with ever more requests.
#[derive(Debug)]
pub(super) struct CapacityBenchmark {
    versioned: Versioned,
    work: CapacityWork,
    /// T, batch sizes and budget of every search that is done.
    done: Vec<u32>,
    device: Device,
}

impl CapacityBenchmark {
    /// Loads the model.
    pub(super) fn load(
        place: Place,
        work: &CapacityWork,
        seed: u64,
    ) -> Result<Self, BenchmarkError> {
        check(work)?;
        let longest = work.tokens.iter().max().copied().unwrap_or(0);
        Ok(Self {
            versioned: Versioned::load(place, &work.model, work.prompt_length + longest, seed)?,
            work: work.clone(),
            done: Vec::new(),
            device: place.torch(),
        })
    }

    /// The largest batch with a cache for `tokens` tokens behind the prompt.
    fn search(&mut self, tokens: u32) -> Result<Found, BenchmarkError> {
        let positions = self.work.prompt_length + tokens;
        let per_request = self.versioned.version().cache_bytes(
            self.versioned.config(),
            1,
            positions,
            self.versioned.dtype(),
        );
        let mut search = Search::new(self.work.budget_bytes, per_request.total());
        let mut source = MemorySource::ResidentSet;
        while let Some(batch) = search.next() {
            let gauge = Gauge::start(self.versioned.place)?;
            source = gauge.source();
            let peak = match self.is_possible(batch, positions)? {
                true => Some(gauge.peak()?.bytes),
                false => None,
            };
            search.note(Tried {
                batch,
                peak_bytes: peak,
            });
        }
        Ok(Found {
            source,
            batch: search.largest(),
            probes: search.probes(),
            cache_bytes_per_request: per_request.total(),
        })
    }

    /// Whether the device has the memory at all; that it has not is an answer here.
    fn is_possible(&mut self, batch: u32, positions: u32) -> Result<bool, BenchmarkError> {
        let tried = catch_unwind(AssertUnwindSafe(|| self.try_batch(batch, positions)));
        match tried {
            Ok(Ok(())) => Ok(true),
            Ok(Err(BenchmarkError::Cache(CacheError::Allocate { .. }))) => Ok(false),
            Ok(Err(error)) => Err(error),
            Err(panic) if is_out_of_memory(&panic_text(&*panic)) => Ok(false),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Takes the memory that `batch` requests take: the cache in its whole length, the prompt's forward call, and that of
    /// the last token fed. What lies between them takes no more. Without a cache, the last call is fed all of them.
    fn try_batch(&mut self, batch: u32, positions: u32) -> Result<(), BenchmarkError> {
        // The last token generated is never fed.
        let context = positions - 1;
        let mut cache = self.versioned.cache(batch, positions)?;
        let fed = match self.versioned.version().use_cache() {
            true => self.work.prompt_length,
            false => context,
        };
        let prompt = prompt(self.versioned.config(), batch, fed, self.versioned.seed);
        let token = self.next_token(&prompt.to_device(self.device), &mut cache);
        if fed < context {
            cache.skip_to(i64::from(context) - 1);
            let _ = self.next_token(&token, &mut cache);
        }
        Ok(())
    }

    fn next_token(&self, tokens: &Tensor, cache: &mut KvCache) -> Tensor {
        let model = &self.versioned.model;
        let states = model.forward(tokens, cache, &mut Unobserved);
        choose(&model.logits(&states.narrow(1, tokens.size()[1] - 1, 1)))
    }

    fn tokens_done(&self) -> Vec<u32> {
        let mut tokens = self.done.clone();
        tokens.dedup();
        tokens
    }
}

/// What a search found.
struct Found {
    source: MemorySource,
    batch: u32,
    probes: Vec<CapacityProbe>,
    cache_bytes_per_request: u64,
}

impl Measure for CapacityBenchmark {
    fn verify(&mut self) -> Result<Verification, BenchmarkError> {
        let (length, longest) = (self.work.prompt_length, self.work.tokens.iter().max());
        let prompt = prompt(self.versioned.config(), 1, length, self.versioned.seed);
        let prompt = prompt.to_device(self.device);
        kv_check::verify(&self.versioned, &prompt, longest.copied().unwrap_or(1))
    }

    fn warmups(&self) -> u32 {
        0
    }

    fn warm_up(&mut self) -> Result<(), BenchmarkError> {
        Ok(())
    }

    fn sample(&mut self) -> Result<Sample, BenchmarkError> {
        let done = self.done.len() as u32;
        let runs = self.work.measured_runs;
        let tokens = self.work.tokens[(done / runs) as usize];
        let found = self.search(tokens)?;
        self.done.push(tokens);
        Ok(Sample::Capacity(CapacitySample {
            iteration: done + 1,
            tokens,
            run: done % runs + 1,
            source: found.source,
            batch: found.batch,
            probes: found.probes,
            cache_bytes_per_request: found.cache_bytes_per_request,
        }))
    }

    fn echo(&self, job: &Job) -> Job {
        let tokens = self.tokens_done();
        let work = CapacityWork {
            model: self.versioned.echo(),
            prompt_length: self.work.prompt_length,
            measured_runs: (self.done.len() / tokens.len().max(1)) as u32,
            tokens,
            budget_bytes: self.work.budget_bytes,
        };
        self.versioned
            .job(job, self.device, Benchmark::Capacity(work))
    }

    fn circumstances(&self) -> Circumstances {
        self.versioned.circumstances()
    }
}

fn check(work: &CapacityWork) -> Result<(), BenchmarkError> {
    let sizes = [work.prompt_length, work.measured_runs];
    if work.tokens.is_empty() || work.tokens.contains(&0) || sizes.contains(&0) {
        let text = "prompt_length, measured_runs and every one of tokens must be at least 1";
        return Err(BenchmarkError::Job(text.to_owned()));
    }
    Ok(())
}
