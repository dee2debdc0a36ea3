//! The perplexity benchmark: what a KV-cache version does to quality. A text is scored through the version's cache, beside
//! it with teacher forcing, and through v1's cache, over the very same tokens in the same process.

mod greedy;
mod tally;

use anechoic_protocol::{
    Benchmark, CacheUse, Job, PerplexitySample, PerplexityWork, Sample, Sharing, TextSource,
    Verification, Version, VersionedModel,
};
use tch::Tensor;

use self::tally::{Losses, Tally};
use super::versioned::Versioned;
use super::{BenchmarkError, Circumstances, Measure, kv_check, perplexity_check};
use crate::cache::KvCache;
use crate::device::Place;
use crate::models::{Model, Unobserved};
use crate::text::{SourceLosses, Wanted, Windows};

/// A loaded model under its version, v1's model, and the windows.
#[derive(Debug)]
pub(super) struct PerplexityBenchmark {
    versioned: Versioned,
    /// Where v1 needs more projections than the version has.
    with_all_projections: Option<Versioned>,
    windows: Tensor, // (windows, window), on the device
    source: Option<SourceLosses>,
    text: TextSource,
    asked: Asked,
    seen: Seen,
}

/// Settings that say how, and not what.
#[derive(Debug, Clone, Copy)]
struct Asked {
    windows: u32,
    batch_size: u32,
    chunk: u32,
    greedy_tokens: u32,
}

/// What was done, for the echo.
#[derive(Debug, Default)]
struct Seen {
    windows: u32,
    largest_batch: u32,
    widest: u32,
    greedy_tokens: u32,
    cache: CacheUse,
}

impl PerplexityBenchmark {
    /// Reads the text and loads the model; twice where layers share, as v1 needs every projection.
    pub(super) fn load(
        place: Place,
        work: &PerplexityWork,
        seed: u64,
    ) -> Result<Self, BenchmarkError> {
        check(work)?;
        let positions = work.window.max(work.window / 2 + work.greedy_tokens);
        let versioned = Versioned::load(place, &work.model, positions, seed)?;
        let wanted = Wanted {
            window: work.window,
            windows: work.windows,
        };
        let cut = Windows::cut(&work.text, &work.model.model, wanted, seed);
        let windows = cut.map_err(|error| BenchmarkError::Job(error.to_string()))?;
        check_tokens(&windows.tokens, versioned.config().vocab())?;
        let v1 = VersionedModel {
            version: Version::V1,
            ..work.model.clone()
        };
        let with_all_projections = match work.model.version.sharing() {
            Sharing::None => None,
            Sharing::Pairs => Some(Versioned::load(place, &v1, positions, seed)?),
        };
        Ok(Self {
            versioned,
            with_all_projections,
            windows: Tensor::from_slice2(&windows.tokens).to_device(place.torch()),
            source: windows.source,
            text: work.text.clone(),
            asked: Asked {
                windows: work.windows,
                batch_size: work.batch_size,
                chunk: work.chunk,
                greedy_tokens: work.greedy_tokens,
            },
            seen: Seen::default(),
        })
    }

    /// v1's model.
    fn reference(&self) -> &Versioned {
        self.with_all_projections
            .as_ref()
            .unwrap_or(&self.versioned)
    }

    /// Scores all windows, some at a time.
    fn score(&mut self) -> Result<(Tally, Losses), BenchmarkError> {
        let (mut tally, mut teacher_forced) = (Tally::default(), Losses::default());
        let batches = self.windows.split(i64::from(self.asked.batch_size), 0);
        for batch in &batches {
            self.score_batch(batch, &mut tally)?;
            self.score_teacher_forced(batch, &mut teacher_forced)?;
        }
        Ok((tally, teacher_forced))
    }

    /// Feeds windows, (b, window), to the version and to v1, piece by piece.
    fn score_batch(&mut self, batch: &Tensor, tally: &mut Tally) -> Result<(), BenchmarkError> {
        let (b, window) = batch.size2().expect("windows are (b, window)");
        let mut cache = self.versioned.cache(b as u32, window as u32)?;
        let mut reference_cache =
            self.reference()
                .cache_of(Version::V1, b as u32, window as u32)?;
        let (model, reference) = (&self.versioned.model, &self.reference().model);
        tally.begin_batch(b as usize);
        for first in (0..window).step_by(self.asked.chunk as usize) {
            let count = i64::from(self.asked.chunk).min(window - first);
            let fed = batch.narrow(1, first, count);
            let states = model.forward(&fed, &mut cache, &mut Unobserved);
            let expected = reference.forward(&fed, &mut reference_cache, &mut Unobserved);
            let Some(following) = following(batch, first, count) else {
                continue;
            };
            tally.add([(model, &states), (reference, &expected)], &following);
        }
        self.note(&cache, b as u32);
        Ok(())
    }

    fn note(&mut self, cache: &KvCache, batch: u32) {
        let seen = &mut self.seen;
        seen.windows += batch;
        seen.widest = seen.widest.max(cache.widest() as u32);
        if batch > seen.largest_batch {
            seen.largest_batch = batch;
            seen.cache = cache.memory();
        }
    }

    /// One pass over the windows, which reads nothing that an earlier pass has kept: for versions whose layers share
    /// nothing the same computation, to the last bit.
    fn score_teacher_forced(
        &self,
        batch: &Tensor,
        losses: &mut Losses,
    ) -> Result<(), BenchmarkError> {
        let (b, window) = batch.size2().expect("windows are (b, window)");
        let version = uncached(self.versioned.version());
        let mut cache = self.versioned.cache_of(version, b as u32, window as u32)?;
        let model = &self.versioned.model;
        let states = model.forward(batch, &mut cache, &mut Unobserved);
        losses.begin_batch(b as usize);
        if let Some(following) = following(batch, 0, window) {
            losses.add(model, &states, &following);
        }
        Ok(())
    }

    fn work_done(&self) -> PerplexityWork {
        let (asked, seen) = (self.asked, &self.seen);
        let available = self.windows.size()[0] as u32;
        let window = self.windows.size()[1] as u32;
        // A text that ends early, a batch that is not filled and a piece that holds the window leave open how much more
        // was asked for.
        let or_asked = |done: u32, whole: u32, asked: u32| match done == whole {
            true => asked.max(done),
            false => done,
        };
        PerplexityWork {
            model: self.versioned.echo(),
            text: self.text.clone(),
            window,
            windows: or_asked(seen.windows, available, asked.windows),
            batch_size: or_asked(seen.largest_batch, available, asked.batch_size),
            chunk: or_asked(seen.widest, window, asked.chunk),
            greedy_tokens: seen.greedy_tokens,
        }
    }
}

/// The tokens after those at `first .. first + count`, (b, count), or one fewer at the window's end.
fn following(batch: &Tensor, first: i64, count: i64) -> Option<Tensor> {
    let known = count.min(batch.size()[1] - 1 - first);
    (known > 0).then(|| batch.narrow(1, first + 1, known))
}

/// The version that computes one pass over everything with the same projections and nothing quantised.
fn uncached(version: Version) -> Version {
    match version.sharing() {
        Sharing::None => Version::V0,
        Sharing::Pairs => version.unquantised(),
    }
}

impl Measure for PerplexityBenchmark {
    fn verify(&mut self) -> Result<Verification, BenchmarkError> {
        let scored = perplexity_check::verify(&self.versioned, &self.windows, self.asked.chunk)?;
        let window = self.windows.size()[1];
        let half = self.windows.narrow(1, 0, window / 2);
        let cache = kv_check::verify(&self.versioned, &half, (window - window / 2) as u32)?;
        Ok(Verification {
            method: format!("{}; {}", scored.method, cache.method),
            compared: scored.compared + cache.compared,
            ..scored
        })
    }

    /// Quality is no matter of time.
    fn warmups(&self) -> u32 {
        0
    }

    fn warm_up(&mut self) -> Result<(), BenchmarkError> {
        Ok(())
    }

    fn sample(&mut self) -> Result<Sample, BenchmarkError> {
        self.seen = Seen::default();
        let (tally, teacher_forced) = self.score()?;
        let both = [&self.versioned, self.reference()];
        let greedy = greedy::compare(both, &self.windows, self.asked)?;
        self.seen.greedy_tokens = greedy.tokens;
        let source = self.source.as_ref();
        Ok(Sample::Perplexity(PerplexitySample {
            iteration: 1,
            windows: tally.windows(&teacher_forced, source.map(|source| &source.losses[..])),
            divergence: tally.divergence(),
            same_top_tokens: tally.same_top_tokens(),
            first_divergence: greedy.first_divergence,
            source_entropy: source.map(|source| source.entropy_rate),
            cache: self.seen.cache,
        }))
    }

    fn echo(&self, job: &Job) -> Job {
        let work = Benchmark::Perplexity(self.work_done());
        self.versioned.job(job, self.windows.device(), work)
    }

    fn circumstances(&self) -> Circumstances {
        let circumstances = self.versioned.circumstances();
        // In pieces of several tokens no attention of one query takes place.
        let attention_path = circumstances
            .attention_path
            .filter(|_| self.asked.chunk == 1);
        Circumstances {
            attention_path,
            ..circumstances
        }
    }
}

fn check(work: &PerplexityWork) -> Result<(), BenchmarkError> {
    if work.window < 2 || [work.windows, work.batch_size, work.chunk].contains(&0) {
        let text = "window must be at least 2, and windows, batch_size and chunk at least 1";
        return Err(BenchmarkError::Job(text.to_owned()));
    }
    Ok(())
}

fn check_tokens(windows: &[Vec<i64>], vocab: u32) -> Result<(), BenchmarkError> {
    let known = 0..i64::from(vocab);
    match windows
        .iter()
        .flatten()
        .find(|token| !known.contains(token))
    {
        None => Ok(()),
        Some(token) => Err(BenchmarkError::Job(format!(
            "token {token} of the text is beyond the model's vocabulary of {vocab}: the text's tokenizer belongs to another model"
        ))),
    }
}

/// States of some positions as probabilities' logarithms; see [`tally`].
pub(super) fn log_probabilities(model: &Model, states: &Tensor) -> Tensor {
    let scores = model.logits(states).to_kind(tch::Kind::Double);
    scores.log_softmax(-1, tch::Kind::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_after_the_window_is_not_known() {
        let batch = Tensor::from_slice2(&[[1i64, 2, 3, 4], [5, 6, 7, 8]]);
        let ids = |first, count| {
            following(&batch, first, count)
                .map(|t| Vec::<Vec<i64>>::try_from(t).expect("token ids"))
        };
        assert_eq!(ids(0, 4), Some(vec![vec![2, 3, 4], vec![6, 7, 8]]));
        assert_eq!(ids(1, 2), Some(vec![vec![3, 4], vec![7, 8]]));
        assert_eq!(ids(2, 2), Some(vec![vec![4], vec![8]]));
        assert_eq!(ids(3, 1), None);
    }

    #[test]
    fn tokens_of_another_model_are_named() {
        assert!(check_tokens(&[vec![0, 34]], 35).is_ok());
        for token in [35, -1] {
            let error = check_tokens(&[vec![0, 1], vec![2, token]], 35).unwrap_err();
            let expected =
                format!("token {token} of the text is beyond the model's vocabulary of 35");
            assert!(error.to_string().contains(&expected), "{error}");
        }
    }
}
