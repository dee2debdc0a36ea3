//! The job as it was carried out, read back from the objects that did it and from what iterations have shown; never
//! copied from the job, so that a setting that was ignored shows.

use anechoic_protocol::{
    Attribution, Benchmark, CaptureIteration, CaptureMode, CaptureWork, Job, PROTOCOL_VERSION,
    Workload,
};
use tch::Kind;

use super::CaptureBenchmark;
use crate::capture::{Capture, Fetched, Plan};
use crate::device::of_torch;
use crate::weights::dtype_of;

/// What iterations have shown of how they were done.
#[derive(Debug)]
pub(super) struct Seen {
    warmup_iterations: u32,
    pub(super) iterations: u32,
    generated_tokens: u64,
    widest: i64,
    attribution: Attribution,
    fetch_in_parts: bool,
    /// Absent where nothing was fetched.
    fetch_kind: Option<Kind>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            warmup_iterations: 0,
            iterations: 0,
            generated_tokens: 0,
            widest: 0,
            attribution: Attribution::Off,
            fetch_in_parts: false,
            fetch_kind: None,
        }
    }
}

impl Seen {
    /// One more iteration is done; `widest` is the most tokens that one forward call was fed.
    pub(super) fn note(
        &mut self,
        iteration: &CaptureIteration,
        fetched: Option<&Fetched>,
        widest: i64,
    ) {
        self.iterations += 1;
        self.generated_tokens = iteration.generated_tokens;
        self.widest = widest;
        self.attribution = match (&iteration.inside_ns, &iteration.paired) {
            (Some(_), _) => Attribution::Inside,
            (None, Some(_)) => Attribution::Paired,
            (None, None) => Attribution::Off,
        };
        self.fetch_in_parts = iteration.fetch_parts.is_some();
        self.fetch_kind = fetched.and_then(Fetched::kind);
    }

    /// The last iteration was a warm-up: it does not count as one.
    pub(super) fn was_warm_up(&mut self) {
        self.iterations -= 1;
        self.warmup_iterations += 1;
    }
}

impl CaptureBenchmark {
    /// The job as it was carried out. Only what names the job, and whether another
    /// follows, is the job's own.
    pub(super) fn job_done(&self, job: &Job) -> Job {
        Job {
            protocol: PROTOCOL_VERSION,
            case: job.case.clone(),
            attempt: job.attempt,
            device: of_torch(self.prompt.device()),
            threads: u32::try_from(tch::get_num_threads()).unwrap_or(0),
            seed: self.seed,
            work: Benchmark::Capture(self.work_done()),
            more: job.more,
        }
    }

    fn work_done(&self) -> CaptureWork {
        let (asked, seen) = (&self.work, &self.seen);
        let plan = self.capture.as_ref().map(Capture::plan);
        CaptureWork {
            model: self.source.clone(),
            dtype: dtype_of(self.model.kind()),
            workload: self.workload_done(),
            mode: plan.map_or(CaptureMode::Baseline, mode_of),
            layers: plan.map_or_else(Vec::new, |plan| plan.layers.clone()),
            // What only the machinery would do cannot be read back where there is none.
            strategy: plan.map_or(asked.strategy, |plan| plan.strategy),
            probe: plan.map_or(asked.probe, |plan| plan.probe),
            attribution: plan.map_or(asked.attribution, |_| seen.attribution),
            fetch_dtype: seen.fetch_kind.map_or(asked.fetch_dtype, dtype_of),
            fetch_breakdown: plan.map_or(asked.fetch_breakdown, |_| seen.fetch_in_parts),
        }
    }

    fn workload_done(&self) -> Workload {
        let size = self.prompt.size();
        let (batch_size, prefill_tokens) = (size[0] as u32, size[1] as u32);
        let asked = self.work.workload.prefill_chunk;
        Workload {
            batch_size,
            prefill_tokens,
            decode_tokens: (self.seen.generated_tokens / u64::from(batch_size)) as u32,
            prefill_chunk: chunk_of(self.seen.widest as u32, prefill_tokens, asked),
            warmup_iterations: self.seen.warmup_iterations,
            iterations: self.seen.iterations,
        }
    }
}

/// The chunk that a prompt was fed in. A prompt in one piece fits every chunk that is as long or longer.
fn chunk_of(widest: u32, prompt: u32, asked: u32) -> u32 {
    if widest == prompt {
        asked.max(prompt)
    } else {
        widest
    }
}

fn mode_of(plan: &Plan) -> CaptureMode {
    let every = plan.layers.len() == plan.total_layers as usize;
    match plan.mode {
        _ if plan.layers.is_empty() => CaptureMode::ZeroLayer,
        CaptureMode::AllLayers if every => CaptureMode::AllLayers,
        _ => CaptureMode::Custom,
    }
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::{Device, Dtype, ModelSource, Preset, Probe, Strategy};

    use super::super::tests::work;
    use super::*;
    use crate::benchmarks::Measure;
    use crate::device::Place;

    fn job(work: CaptureWork) -> Job {
        Job {
            protocol: PROTOCOL_VERSION,
            case: "capture.echo".to_owned(),
            attempt: 1,
            device: Device::Cpu,
            threads: u32::try_from(tch::get_num_threads()).unwrap(),
            seed: 5,
            work: Benchmark::Capture(work),
            more: false,
        }
    }

    fn done(work: &CaptureWork, warmups: u32, iterations: u32) -> CaptureBenchmark {
        let place = Place::open(Device::Cpu).unwrap();
        let mut benchmark = CaptureBenchmark::load(place, work.clone(), 5).unwrap();
        (0..warmups).for_each(|_| benchmark.warm_up().unwrap());
        (0..iterations).for_each(|_| drop(benchmark.sample().unwrap()));
        benchmark
    }

    fn echoed(benchmark: &CaptureBenchmark) -> CaptureWork {
        benchmark.work_done()
    }

    #[test]
    fn iterations_that_were_left_out_show() {
        let work = work();
        assert_eq!(
            done(&work, 1, 2).echo(&job(work.clone())),
            job(work.clone())
        );
        let without_warm_up = echoed(&done(&work, 0, 2));
        assert_eq!(without_warm_up.workload.warmup_iterations, 0);
        assert_ne!(without_warm_up, work);
        assert_ne!(echoed(&done(&work, 1, 1)), work);
    }

    #[test]
    fn the_echo_follows_what_was_done_and_not_what_is_asked() {
        let check = |change: &dyn Fn(&mut CaptureWork)| {
            let mut used = work();
            change(&mut used);
            let mut benchmark = done(&used, 1, 2);
            // As if the settings below had been asked for and ignored.
            benchmark.work = CaptureWork {
                model: ModelSource::Preset {
                    name: Preset::Qwen2Tiny,
                },
                dtype: Dtype::F16,
                workload: Workload {
                    batch_size: 77,
                    prefill_tokens: 77,
                    decode_tokens: 77,
                    prefill_chunk: 1,
                    warmup_iterations: 77,
                    iterations: 77,
                },
                mode: CaptureMode::Baseline,
                layers: vec![1],
                strategy: Strategy::Buffered(77),
                probe: Probe::Slice,
                attribution: match used.attribution {
                    Attribution::Off => Attribution::Paired,
                    Attribution::Inside | Attribution::Paired => Attribution::Off,
                },
                fetch_dtype: Dtype::F16,
                fetch_breakdown: !used.fetch_breakdown,
            };
            assert_eq!(echoed(&benchmark), used);
        };
        check(&|_| {});
        check(&|work| work.workload.prefill_chunk = 3);
        check(&|work| work.strategy = Strategy::Concat);
        check(&|work| work.fetch_dtype = Dtype::Bf16);
        check(&|work| work.fetch_breakdown = true);
        check(&|work| work.attribution = Attribution::Inside);
        check(&|work| work.attribution = Attribution::Paired);
        check(&|work| work.probe = Probe::Noop);
        check(&|work| (work.mode, work.layers) = (CaptureMode::AllLayers, (0..4).collect()));
        check(&|work| work.layers = (0..4).collect());
    }

    #[test]
    fn modes_are_told_by_the_machinery() {
        let mut asked = work();
        asked.mode = CaptureMode::Baseline;
        asked.layers = vec![];
        asked.fetch_breakdown = true;
        let mut benchmark = done(&asked, 1, 2);
        assert_eq!(echoed(&benchmark), asked);
        benchmark.work.mode = CaptureMode::AllLayers;
        assert_eq!(echoed(&benchmark).mode, CaptureMode::Baseline);
        let plan = |mode, layers: &[u32]| Plan {
            mode,
            total_layers: 2,
            layers: layers.to_vec(),
            strategy: Strategy::Arena,
            probe: Probe::Full,
        };
        let check = |mode, layers: &[u32], expected| {
            assert_eq!(
                mode_of(&plan(mode, layers)),
                expected,
                "{mode:?} {layers:?}"
            );
        };
        check(CaptureMode::ZeroLayer, &[], CaptureMode::ZeroLayer);
        check(CaptureMode::ZeroLayer, &[1], CaptureMode::Custom);
        check(CaptureMode::AllLayers, &[], CaptureMode::ZeroLayer);
        check(CaptureMode::AllLayers, &[0], CaptureMode::Custom);
        check(CaptureMode::AllLayers, &[0, 1], CaptureMode::AllLayers);
        check(CaptureMode::Custom, &[0, 1], CaptureMode::Custom);
    }

    #[test]
    fn chunks() {
        assert_eq!(chunk_of(4, 9, 4), 4);
        assert_eq!(chunk_of(4, 9, 5), 4);
        assert_eq!(chunk_of(9, 9, 9), 9);
        assert_eq!(chunk_of(9, 9, 64), 64);
        assert_eq!(chunk_of(9, 9, 4), 9, "fed whole in place of in pieces");
    }
}
