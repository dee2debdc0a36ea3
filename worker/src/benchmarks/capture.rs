//! The capture benchmark: batched greedy generation with or without capture, then fetch.

use anechoic_protocol::{
    Attribution, Benchmark, CaptureIteration, CaptureMode, CaptureWork, Device, Dtype, FetchParts,
    InsideTimes, Job, ModelFacts, PROTOCOL_VERSION, PairedSteps, Verification,
};
use tch::{Kind, Tensor};

use super::{BenchmarkError, capture_check};
use crate::cache::KvCache;
use crate::capture::{Capture, Fetched, Plan, Shape};
use crate::clock::{Mark, idle_mark, timed};
use crate::device::{Place, of_torch};
use crate::generate::{decode, decode_one, prefill, prompt};
use crate::memory::resident_bytes;
use crate::models::Model;
use crate::weights::{Weights, kind, read_config};

/// A loaded model with everything that an iteration needs.
#[derive(Debug)]
pub struct CaptureBenchmark {
    place: Place,
    work: CaptureWork,
    seed: u64,
    model: Model,
    prompt: Tensor,
    cache: KvCache,
    /// Absent in baseline mode: there is no machinery to skip.
    capture: Option<Capture>,
    peak_capture_bytes: u64,
    iterations_done: u32,
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
        let model = Model::load(&config, &mut weights)?;
        let workload = &work.workload;
        let positions = workload.positions();
        let cache = KvCache::new(&config, workload.batch_size, positions, work.dtype, device)?;
        let prompt = prompt(&config, workload.batch_size, workload.prefill_tokens, seed);
        let capture = build_capture(&work, &model, i64::from(positions), place)?;
        Ok(Self {
            peak_capture_bytes: capture.as_ref().map_or(0, Capture::reserved_bytes),
            prompt: prompt.to_device(device),
            iterations_done: 0,
            place,
            work,
            seed,
            model,
            cache,
            capture,
        })
    }

    /// Compares cached generation and captured rows with a full pass over the same tokens.
    pub fn verify(&self) -> Result<Verification, BenchmarkError> {
        capture_check::verify(&self.model, &self.work, &self.prompt, self.place)
    }

    /// One iteration: generation, then fetch.
    pub fn iterate(&mut self) -> Result<CaptureIteration, BenchmarkError> {
        self.cache.clear();
        if let Some(capture) = &mut self.capture {
            capture.clear();
        }
        let generated = self.generate();
        let (fetched, fetch_ns, fetch_parts) = self.fetch();
        self.iterations_done += 1;
        let rows = fetched.as_ref().map_or(0, Fetched::row_count);
        let bytes = fetched.as_ref().map_or(0, Fetched::byte_count);
        self.peak_capture_bytes = self.peak_capture_bytes.max(bytes);
        self.check_rows(fetched.as_ref())?;
        Ok(CaptureIteration {
            iteration: self.iterations_done,
            prefill_ns: generated.prefill_ns,
            decode_ns: generated.decode_ns,
            generation_ns: generated.generation_ns,
            fetch_ns,
            fetch_parts,
            generated_tokens: (generated.steps + 1) * u64::from(self.work.workload.batch_size),
            captured_rows: rows,
            captured_bytes: bytes,
            resident_bytes: resident_bytes(),
            inside_ns: generated.inside_ns,
            paired: generated.paired,
        })
    }

    /// Forgets that iterations have been made: the next one is the first.
    pub fn restart_count(&mut self) {
        self.iterations_done = 0;
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
        let middle = idle_mark(*place);
        let tokens = decode(model, &first, steps, cache, &mut observer);
        let end = idle_mark(*place);
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
        let middle = idle_mark(*place);
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
    fn fetch(&mut self) -> (Option<Fetched>, u64, Option<FetchParts>) {
        let Some(capture) = &mut self.capture else {
            return (None, 0, None);
        };
        let (place, to) = (self.place, kind(self.work.fetch_dtype));
        if !self.work.fetch_breakdown {
            let (fetched, fetch_ns) = timed(place, || capture.fetch(to, || {}));
            return (Some(fetched), fetch_ns, None);
        }
        let mut marks = vec![idle_mark(place)];
        let fetched = capture.fetch(to, || marks.push(idle_mark(place)));
        marks.push(idle_mark(place));
        let parts = FetchParts {
            coalesce_ns: marks[1].since(marks[0]),
            copy_ns: marks[2].since(marks[1]),
            convert_ns: marks[3].since(marks[2]),
        };
        (Some(fetched), marks[3].since(marks[0]), Some(parts))
    }

    /// Every request and layer must have exactly the rows that passed through the model.
    fn check_rows(&self, fetched: Option<&Fetched>) -> Result<(), BenchmarkError> {
        let Some(fetched) = fetched.filter(|_| self.work.expected_rows() > 0) else {
            return Ok(());
        };
        let expected = [
            self.work.expected_rows() as i64,
            i64::from(self.model.config().hidden()),
        ];
        for (layer, requests) in self.work.layers.iter().zip(&fetched.rows) {
            for (request, rows) in requests.iter().enumerate() {
                if rows.size() != expected {
                    return Err(BenchmarkError::Verification(format!(
                        "layer {layer} of request {request} has {:?} captured rows × width, expected {expected:?}",
                        rows.size()
                    )));
                }
            }
        }
        Ok(())
    }

    /// The job as it was carried out, read back from the objects that did it.
    pub fn echo(&self, job: &Job, iterations: u32) -> Job {
        let workload = &self.work.workload;
        let size = self.prompt.size();
        let positions = self.cache.positions();
        let mut work = self.work.clone();
        work.dtype = dtype_of(self.model_kind());
        work.workload.batch_size = size[0] as u32;
        work.workload.prefill_tokens = size[1] as u32;
        work.workload.decode_tokens = (positions - size[1] + 1) as u32;
        work.workload.iterations = iterations;
        work.workload.warmup_iterations = workload.warmup_iterations;
        if let Some(capture) = &self.capture {
            let plan = capture.plan();
            work.layers.clone_from(&plan.layers);
            work.strategy = plan.strategy;
            work.probe = plan.probe;
        }
        Job {
            protocol: PROTOCOL_VERSION,
            case: job.case.clone(),
            attempt: job.attempt,
            device: self.device(),
            threads: u32::try_from(tch::get_num_threads()).unwrap_or(0),
            seed: self.seed,
            work: Benchmark::Capture(work),
        }
    }

    /// Facts about the loaded model.
    pub fn model_facts(&self) -> ModelFacts {
        let config = self.model.config();
        ModelFacts {
            layers: config.layers(),
            hidden: config.hidden(),
            parameters: config.parameters(),
            weight_bytes: config.parameters() * self.work.dtype.size_bytes(),
            kv_cache_bytes: self.cache.bytes(),
            dtype: dtype_of(self.model_kind()),
        }
    }

    /// How linear layers are computed.
    pub fn linear_path(&self) -> String {
        self.model.linear_path().to_string()
    }

    /// Bytes that held captured rows at their peak.
    pub fn peak_capture_bytes(&self) -> u64 {
        self.peak_capture_bytes
    }

    fn device(&self) -> Device {
        of_torch(self.prompt.device())
    }

    fn model_kind(&self) -> Kind {
        self.cache.kind()
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

fn dtype_of(kind: Kind) -> Dtype {
    match kind {
        Kind::BFloat16 => Dtype::Bf16,
        Kind::Half => Dtype::F16,
        _ => Dtype::F32,
    }
}
