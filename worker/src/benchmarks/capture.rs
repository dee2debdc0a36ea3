//! The capture benchmark: batched greedy generation with or without capture, then fetch.

mod echo;

use anechoic_protocol::{
    Attribution, CaptureIteration, CaptureMode, CaptureWork, FetchParts, InsideTimes, Job,
    ModelFacts, ModelSource, PairedSteps, Sample, Sharing, Verification,
};
use tch::Tensor;

use self::echo::Seen;

use super::{BenchmarkError, Circumstances, Measure, capture_check};
use crate::cache::KvCache;
use crate::capture::{Capture, Fetched, Plan, Shape};
use crate::clock::{Mark, end_mark, idle_mark, timed};
use crate::device::Place;
use crate::generate::{decode, decode_one, prefill, prompt};
use crate::memory::resident_bytes;
use crate::models::Model;
use crate::weights::{Weights, dtype_of, kind, read_config};

/// A loaded model with everything that an iteration needs.
#[derive(Debug)]
pub struct CaptureBenchmark {
    place: Place,
    work: CaptureWork,
    seed: u64,
    source: ModelSource,
    model: Model,
    prompt: Tensor,
    cache: KvCache,
    /// Absent in baseline mode: there is no machinery to skip.
    capture: Option<Capture>,
    peak_capture_bytes: u64,
    seen: Seen,
}

/// What generation took, and what was seen inside it.
#[derive(Default)]
struct Generated {
    prefill_ns: u64,
    decode_ns: u64,
    generation_ns: u64,
    inside_ns: Option<InsideTimes>,
    paired: Option<PairedSteps>,
    steps: u64,
}

impl CaptureBenchmark {
    /// Loads the model and allocates all that can be allocated beforehand.
    pub fn load(place: Place, work: CaptureWork, seed: u64) -> Result<Self, BenchmarkError> {
        check(place, &work)?;
        let config = read_config(&work.model)?;
        let device = place.torch();
        let mut weights = Weights::open(&work.model, &config, work.dtype, device, seed)?;
        let workload = &work.workload;
        let positions = workload.positions();
        let model = Model::load(&config, &mut weights, positions, Sharing::None)?;
        let cache = KvCache::full(&config, workload.batch_size, positions, work.dtype, device)?;
        let prompt = prompt(&config, workload.batch_size, workload.prefill_tokens, seed);
        let capture = build_capture(&work, &model, i64::from(positions), place)?;
        Ok(Self {
            peak_capture_bytes: capture.as_ref().map_or(0, Capture::reserved_bytes),
            prompt: prompt.to_device(device),
            source: weights.source().clone(),
            seen: Seen::default(),
            place,
            work,
            seed,
            model,
            cache,
            capture,
        })
    }

    /// One iteration: generation, then fetch.
    fn iterate(&mut self) -> Result<CaptureIteration, BenchmarkError> {
        self.cache.clear();
        if let Some(capture) = &mut self.capture {
            capture.clear();
        }
        let generated = self.generate();
        let (fetched, fetch_ns, fetch_parts) = self.fetch()?;
        let rows = fetched.as_ref().map_or(0, Fetched::row_count);
        let bytes = fetched.as_ref().map_or(0, Fetched::byte_count);
        self.peak_capture_bytes = self.peak_capture_bytes.max(bytes);
        if let Some(fetched) = &fetched {
            check_rows(fetched, &self.work, self.model.config().hidden())?;
        }
        let iteration = CaptureIteration {
            iteration: self.seen.iterations + 1,
            prefill_ns: generated.prefill_ns,
            decode_ns: generated.decode_ns,
            generation_ns: generated.generation_ns,
            fetch_ns,
            fetch_parts,
            generated_tokens: (generated.steps + 1) * self.prompt.size()[0] as u64,
            captured_rows: rows,
            captured_bytes: bytes,
            resident_bytes: resident_bytes(),
            inside_ns: generated.inside_ns,
            paired: generated.paired,
        };
        let widest = self.cache.widest();
        self.seen.note(&iteration, fetched.as_ref(), widest);
        Ok(iteration)
    }

    fn generate(&mut self) -> Generated {
        match (&self.capture, self.work.attribution) {
            (None, _) => self.generate_with(|_, _, _| {}),
            (Some(_), Attribution::Off) => self.generate_with(store),
            (Some(_), Attribution::Inside) => self.generate_inside(),
            (Some(_), Attribution::Paired) => self.generate_paired(),
        }
    }

    /// Idle → prefill → idle → decode → idle. `after_layer` is compiled into the model's loop; the empty
    /// one of baseline mode leaves nothing behind.
    fn generate_with(
        &mut self,
        mut after_layer: impl FnMut(&mut Option<Capture>, u32, &Tensor),
    ) -> Generated {
        let Self {
            place,
            work,
            model,
            prompt,
            cache,
            capture,
            ..
        } = self;
        let mut observer = |layer: u32, hidden: &Tensor| after_layer(capture, layer, hidden);
        let chunk = i64::from(work.workload.prefill_chunk);
        let steps = work.workload.decode_tokens - 1;
        let start = idle_mark(*place);
        let first = prefill(model, prompt, chunk, cache, &mut observer);
        let middle = end_mark(*place, start);
        let tokens = decode(model, &first, steps, cache, &mut observer);
        let end = end_mark(*place, middle);
        Generated {
            prefill_ns: middle.since(start),
            decode_ns: end.since(middle),
            generation_ns: end.since(start),
            steps: tokens.len() as u64,
            ..Generated::default()
        }
    }

    /// As [`Self::generate_with`], with the clock read around every call into the machinery.
    fn generate_inside(&mut self) -> Generated {
        let prompt_rows = i64::from(self.work.workload.prefill_tokens);
        let last_layer = self.model.config().layers() - 1;
        let (mut seen, mut inside) = (
            0,
            InsideTimes {
                prefill_ns: 0,
                decode_ns: 0,
            },
        );
        let mut generated = self.generate_with(|capture, layer, hidden| {
            let start = Mark::now();
            store(capture, layer, hidden);
            let spent = start.elapsed_ns();
            if seen < prompt_rows {
                inside.prefill_ns += spent;
            } else {
                inside.decode_ns += spent;
            }
            if layer == last_layer {
                seen += hidden.size()[1];
            }
        });
        generated.inside_ns = Some(inside);
        generated
    }

    /// Every decode step twice at the same position, with capture and without, in alternating order.
    fn generate_paired(&mut self) -> Generated {
        let Self {
            place,
            work,
            model,
            prompt,
            cache,
            capture,
            ..
        } = self;
        let mut on = |layer: u32, hidden: &Tensor| store(capture, layer, hidden);
        let mut off = |_: u32, _: &Tensor| {};
        let chunk = i64::from(work.workload.prefill_chunk);
        let start = idle_mark(*place);
        let mut token = prefill(model, prompt, chunk, cache, &mut on);
        let middle = end_mark(*place, start);
        let (mut on_ns, mut off_ns) = (Vec::new(), Vec::new());
        for step in 1..work.workload.decode_tokens {
            let mut with =
                |cache: &mut KvCache| timed(*place, || decode_one(model, &token, cache, &mut on));
            let mut without =
                |cache: &mut KvCache| timed(*place, || decode_one(model, &token, cache, &mut off));
            let (next, spent_on, spent_off);
            if step % 2 == 1 {
                (next, spent_on) = with(cache);
                cache.rewind(1);
                (_, spent_off) = without(cache);
            } else {
                (_, spent_off) = without(cache);
                cache.rewind(1);
                (next, spent_on) = with(cache);
            }
            on_ns.push(spent_on);
            off_ns.push(spent_off);
            token = next;
        }
        // Each step is a region of its own.
        let end = idle_mark(*place);
        Generated {
            prefill_ns: middle.since(start),
            decode_ns: end.since(middle),
            generation_ns: end.since(start),
            steps: on_ns.len() as u64,
            paired: Some(PairedSteps { on_ns, off_ns }),
            inside_ns: None,
        }
    }

    /// Idle → rows on the host → idle, in parts where the job asks for them.
    fn fetch(&mut self) -> Result<(Option<Fetched>, u64, Option<FetchParts>), BenchmarkError> {
        let Some(capture) = &mut self.capture else {
            return Ok((None, 0, None));
        };
        let (place, to) = (self.place, kind(self.work.fetch_dtype));
        if !self.work.fetch_breakdown {
            let (fetched, fetch_ns) = timed(place, || capture.fetch(to, || {}));
            return Ok((Some(fetched?), fetch_ns, None));
        }
        let mut marks = vec![idle_mark(place)];
        let fetched = capture.fetch(to, || marks.push(end_mark(place, marks[marks.len() - 1])))?;
        marks.push(end_mark(place, marks[marks.len() - 1]));
        let parts = FetchParts {
            coalesce_ns: marks[1].since(marks[0]),
            copy_ns: marks[2].since(marks[1]),
            convert_ns: marks[3].since(marks[2]),
        };
        let fetch_ns = marks[3].since(marks[0]);
        Ok((Some(fetched), fetch_ns, Some(parts)))
    }

    fn model_facts(&self) -> ModelFacts {
        let config = self.model.config();
        let dtype = dtype_of(self.model.kind());
        ModelFacts {
            layers: config.layers(),
            hidden: config.hidden(),
            parameters: config.parameters(),
            weight_bytes: config.parameters() * dtype.size_bytes(),
            kv_cache_bytes: self.cache.memory().reserved.total(),
            projection_bytes_saved: 0,
            dtype,
            config: Some(config.clone()),
        }
    }
}

impl Measure for CaptureBenchmark {
    /// Compares cached generation and captured rows with a full pass over the same tokens.
    fn verify(&mut self) -> Result<Verification, BenchmarkError> {
        capture_check::verify(&self.model, &self.work, &self.prompt, self.place)
    }

    fn warmups(&self) -> u32 {
        self.work.workload.warmup_iterations
    }

    fn warm_up(&mut self) -> Result<(), BenchmarkError> {
        self.iterate()?;
        self.seen.was_warm_up();
        Ok(())
    }

    fn sample(&mut self) -> Result<Sample, BenchmarkError> {
        self.iterate().map(Sample::Capture)
    }

    fn echo(&self, job: &Job) -> Job {
        self.job_done(job)
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            model: self.model_facts(),
            linear_path: self.model.linear_path().to_string(),
            attention_path: None,
            capture_bytes: self.peak_capture_bytes,
        }
    }
}

fn store(capture: &mut Option<Capture>, layer: u32, hidden: &Tensor) {
    if let Some(capture) = capture {
        capture.after_layer(layer, hidden);
    }
}

pub(super) fn build_capture(
    work: &CaptureWork,
    model: &Model,
    positions: i64,
    place: Place,
) -> Result<Option<Capture>, BenchmarkError> {
    if work.mode == CaptureMode::Baseline {
        return Ok(None);
    }
    let plan = Plan {
        mode: work.mode,
        total_layers: model.config().layers(),
        layers: work.layers.clone(),
        strategy: work.strategy,
        probe: work.probe,
    };
    let shape = Shape {
        batch: i64::from(work.workload.batch_size),
        positions,
        hidden: i64::from(model.config().hidden()),
    };
    let capture = Capture::new(plan, shape, kind(work.dtype), place.torch());
    capture.map(Some).map_err(BenchmarkError::Rows)
}

/// Every request and layer must have exactly the rows that passed through the model.
pub(super) fn check_rows(
    fetched: &Fetched,
    work: &CaptureWork,
    hidden: u32,
) -> Result<(), BenchmarkError> {
    let wrong = |text: String| Err(BenchmarkError::Verification(text));
    let (slots, layers) = (fetched.rows.len(), work.layers.len());
    if slots != layers {
        return wrong(format!(
            "rows of {slots} layers were fetched, expected {layers}"
        ));
    }
    let batch = work.workload.batch_size;
    let expected = [work.expected_rows() as i64, i64::from(hidden)];
    for (layer, requests) in work.layers.iter().zip(&fetched.rows) {
        if requests.len() != batch as usize {
            let found = requests.len();
            return wrong(format!(
                "layer {layer} has rows of {found} requests, expected {batch}"
            ));
        }
        let sizes = requests.iter().map(Tensor::size).enumerate();
        if let Some((request, size)) = sizes.into_iter().find(|(_, size)| *size != expected) {
            return wrong(format!(
                "layer {layer} of request {request} has {size:?} captured rows × width, expected {expected:?}"
            ));
        }
    }
    Ok(())
}

/// What the orchestrator has already refused, refused again for jobs that people send by hand.
fn check(place: Place, work: &CaptureWork) -> Result<(), BenchmarkError> {
    let refuse = |text: &str| Err(BenchmarkError::Job(text.to_owned()));
    let workload = &work.workload;
    let sizes = [
        workload.batch_size,
        workload.prefill_tokens,
        workload.decode_tokens,
        workload.prefill_chunk,
        workload.iterations,
    ];
    if sizes.contains(&0) {
        return refuse(
            "batch_size, prefill_tokens, decode_tokens, prefill_chunk and iterations must be at least 1",
        );
    }
    if work.attribution == Attribution::Inside && !place.is_cpu() {
        return refuse(
            "attribution `inside` reads the clock without waiting for the device; use `paired` on a GPU",
        );
    }
    let layers = read_config(&work.model)?.layers();
    match work.layers.iter().find(|&&layer| layer >= layers) {
        Some(layer) => refuse(&format!(
            "layer {layer} is outside the model, which has layers 0 to {}",
            layers - 1
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use anechoic_protocol::{Dtype, Preset, Probe, Strategy, Workload};
    use tch::{Device, Kind};

    use super::*;

    /// Two layers of two requests, 4 + 3 − 1 rows each.
    pub(in crate::benchmarks) fn work() -> CaptureWork {
        CaptureWork {
            model: ModelSource::Preset {
                name: Preset::Gpt2Tiny,
            },
            dtype: Dtype::F32,
            workload: Workload {
                batch_size: 2,
                prefill_tokens: 4,
                decode_tokens: 3,
                prefill_chunk: 4,
                warmup_iterations: 1,
                iterations: 2,
            },
            mode: CaptureMode::Custom,
            layers: vec![0, 2],
            strategy: Strategy::Arena,
            probe: Probe::Full,
            attribution: Attribution::Off,
            fetch_dtype: Dtype::F32,
            fetch_breakdown: false,
        }
    }

    fn fetched(slots: usize, requests: usize, rows: i64) -> Fetched {
        let row = |_| Tensor::zeros([rows, 64], (Kind::Float, Device::Cpu));
        let slot = |_| (0..requests).map(row).collect();
        Fetched {
            rows: (0..slots).map(slot).collect(),
        }
    }

    #[test]
    fn missing_layers_requests_and_rows_are_found() {
        let check = |fetched: Fetched, expected: &str| match check_rows(&fetched, &work(), 64) {
            Ok(()) => assert_eq!(expected, ""),
            Err(error) => assert_eq!(error.to_string(), format!("verify the result: {expected}")),
        };
        check(fetched(2, 2, 6), "");
        check(
            fetched(1, 2, 6),
            "rows of 1 layers were fetched, expected 2",
        );
        check(
            fetched(0, 2, 6),
            "rows of 0 layers were fetched, expected 2",
        );
        check(
            fetched(2, 1, 6),
            "layer 0 has rows of 1 requests, expected 2",
        );
        check(
            fetched(2, 2, 5),
            "layer 0 of request 0 has [5, 64] captured rows × width, expected [6, 64]",
        );
        let mut uneven = fetched(2, 2, 6);
        let _ = uneven.rows[1].pop();
        check(uneven, "layer 2 has rows of 1 requests, expected 2");
    }

    #[test]
    fn rows_where_none_belong_are_found() {
        let mut noop = work();
        noop.probe = Probe::Noop;
        assert!(check_rows(&fetched(2, 2, 0), &noop, 64).is_ok());
        assert!(check_rows(&fetched(2, 2, 6), &noop, 64).is_err());
    }
}
