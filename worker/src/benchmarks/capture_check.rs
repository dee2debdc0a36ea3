//! The verify phase of the capture benchmark: the job at a small size, against one full pass over the same tokens that
//! reuses no cache, is collected by other code and computes without this project's kernels.

use anechoic_protocol::{CaptureWork, Dtype, Strategy, Verification, Workload};
use tch::{Kind, Tensor};

use super::BenchmarkError;
use super::capture::{build_capture, check_rows};
use super::difference::{Difference, rounding};
use crate::cache::KvCache;
use crate::capture::Fetched;
use crate::device::Place;
use crate::models::Model;
use crate::ops::{LinearPath, StockOperators};
use crate::weights::kind;

/// Decode steps that are verified, at most.
const STEPS: u32 = 4;
/// Requests that are verified, at most; more only where prompts are too short to make up many rows.
const REQUESTS: u32 = 8;
/// Prompt tokens that are verified, at most, where their number does not change how anything is computed.
const TOKENS: u32 = 8;
/// Requests whose scores are compared, at most: a vocabulary is long.
const SCORED: i64 = 2;

/// Runs both ways and compares them.
pub(super) fn verify(
    model: &Model,
    work: &CaptureWork,
    prompt: &Tensor,
    place: Place,
) -> Result<Verification, BenchmarkError> {
    let work = scaled_down(work, model.linear_path(), model.kind());
    let [requests, tokens] =
        [work.workload.batch_size, work.workload.prefill_tokens].map(i64::from);
    let prompt = prompt.narrow(0, 0, requests).narrow(1, 0, tokens);
    let found = stepwise(model, &work, &prompt, place)?;
    let reference = full_pass(model, &work, &found.tokens, place)?;
    if let Some(fetched) = &found.fetched {
        check_rows(fetched, &work, model.config().hidden())?;
    }
    let difference = compare(&found, &reference, &work.layers);
    judge(&difference, work.dtype, model.linear_path())
}

/// The same job at a size at which checking is cheap. What the job does differently for many rows, for a prompt in
/// pieces and for a full buffer is still done: the first forward call has as many rows as take the path for many, or as
/// the job has; a prompt in pieces stays in pieces; and a buffer is shortened until it is flushed.
fn scaled_down(work: &CaptureWork, path: LinearPath, kind: Kind) -> CaptureWork {
    let asked = work.workload;
    let rows = path.few_rows(kind).map_or(1, |few| few + 1);
    let requests = asked.batch_size.min(REQUESTS);
    let enough = rows.div_ceil(requests).max(TOKENS);
    let piece = asked.prefill_chunk.min(asked.prefill_tokens).min(enough);
    let in_pieces = asked.prefill_chunk < asked.prefill_tokens;
    let rest = if in_pieces { piece.min(TOKENS) } else { 0 };
    let workload = Workload {
        batch_size: asked.batch_size.min(requests.max(rows.div_ceil(piece))),
        prefill_tokens: asked.prefill_tokens.min(piece + rest),
        prefill_chunk: piece,
        decode_tokens: asked.decode_tokens.min(STEPS + 1),
        ..asked
    };
    let strategy = match work.strategy {
        Strategy::Buffered(rows) => Strategy::Buffered(rows.min(workload.positions().max(2) - 1)),
        Strategy::Concat => Strategy::Concat,
        Strategy::Arena => Strategy::Arena,
    };
    CaptureWork {
        workload,
        strategy,
        ..work.clone()
    }
}

/// What generation through the cache yields.
struct Stepwise {
    tokens: Tensor,           // fed, (b, n)
    states: Tensor,           // after the final norm, (b, n, hidden)
    scores: Tensor, // of the next token, from the prompt's end on, (few b, steps + 1, vocab)
    fetched: Option<Fetched>, // without machinery none
}

/// Through the cache, as the benchmark does it.
fn stepwise(
    model: &Model,
    work: &CaptureWork,
    prompt: &Tensor,
    place: Place,
) -> Result<Stepwise, BenchmarkError> {
    let mut cache = new_cache(model, work, place)?;
    let positions = i64::from(work.workload.positions());
    let mut capture = build_capture(work, model, positions, place)?;
    let mut observer = |layer: u32, hidden: &Tensor| {
        if let Some(capture) = &mut capture {
            capture.after_layer(layer, hidden);
        }
    };
    let mut fed = prompt.split(i64::from(work.workload.prefill_chunk), 1);
    let mut forward = |tokens: &Tensor| model.forward(tokens, &mut cache, &mut observer);
    let mut states: Vec<Tensor> = fed.iter().map(&mut forward).collect();
    let mut scores = vec![last_scores(model, &states)];
    for step in 1..work.workload.decode_tokens as usize {
        let token = scores[step - 1].argmax(-1, false);
        states.push(forward(&token));
        fed.push(token);
        scores.push(last_scores(model, &states));
    }
    let fetched = capture.map(|mut capture| capture.fetch(kind(work.dtype), || {}));
    Ok(Stepwise {
        tokens: Tensor::cat(&fed, 1),
        states: Tensor::cat(&states, 1),
        scores: scored(&Tensor::cat(&scores, 1)),
        fetched: fetched.transpose()?,
    })
}

/// Scores of the token after the last, (b, 1, vocab).
fn last_scores(model: &Model, states: &[Tensor]) -> Tensor {
    let last = &states[states.len() - 1];
    model.logits(&last.narrow(1, last.size()[1] - 1, 1))
}

/// Of the first requests.
fn scored(tensor: &Tensor) -> Tensor {
    tensor.narrow(0, 0, tensor.size()[0].min(SCORED))
}

/// What one pass over all tokens yields.
struct Reference {
    states: Tensor,      // as in `Stepwise`
    scores: Tensor,      // likewise
    layers: Vec<Tensor>, // the residual stream after every layer, each (b, n, hidden)
}

/// Everything in one pass, by libtorch's operators.
fn full_pass(
    model: &Model,
    work: &CaptureWork,
    tokens: &Tensor,
    place: Place,
) -> Result<Reference, BenchmarkError> {
    let _stock_only = StockOperators::enter();
    let mut cache = new_cache(model, work, place)?;
    let mut layers = Vec::new();
    let states = model.forward(tokens, &mut cache, &mut |_: u32, hidden: &Tensor| {
        layers.push(hidden.copy());
    });
    let generated = i64::from(work.workload.decode_tokens);
    let ends = scored(&states).narrow(1, states.size()[1] - generated, generated);
    Ok(Reference {
        scores: model.logits(&ends),
        states,
        layers,
    })
}

fn new_cache(model: &Model, work: &CaptureWork, place: Place) -> Result<KvCache, BenchmarkError> {
    let (batch, positions) = (work.workload.batch_size, work.workload.positions());
    let cache = KvCache::full(model.config(), batch, positions, work.dtype, place.torch());
    Ok(cache?)
}

/// States, scores, and every row that was captured; `captured` are the layers of the slots.
fn compare(found: &Stepwise, reference: &Reference, captured: &[u32]) -> Difference {
    let mut difference = Difference::default();
    difference.add(&found.states, &reference.states);
    difference.add(&found.scores, &reference.scores);
    let slots = found.fetched.iter().flat_map(|fetched| &fetched.rows);
    for (layer, requests) in captured.iter().zip(slots) {
        let expected = &reference.layers[*layer as usize];
        for (request, rows) in (0..).zip(requests).filter(|(_, rows)| rows.numel() > 0) {
            difference.add(rows, &expected.get(request));
        }
    }
    difference
}

/// The verdict over what was compared.
fn judge(
    difference: &Difference,
    dtype: Dtype,
    path: LinearPath,
) -> Result<Verification, BenchmarkError> {
    let tolerance = rounding(dtype);
    difference.judge("cached generation", "a full pass", tolerance)?;
    Ok(Verification {
        method: format!(
            "generation through the cache and captured rows against one full pass {}",
            computed_by(path)
        ),
        compared: difference.compared(),
        max_relative_error: difference.largest(),
        tolerance,
    })
}

/// What computes the linear layers of the full pass.
fn computed_by(path: LinearPath) -> &'static str {
    match path {
        LinearPath::Rows(_) | LinearPath::Plain => "by libtorch's own operators",
        LinearPath::Prepacked => "with the same prepacked linear layers",
    }
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::{Preset, Sharing};
    use tch::Device;

    use super::super::capture::tests::work;
    use super::*;
    use crate::generate;
    use crate::models::Unobserved;
    use crate::ops::Simd;
    use crate::weights::{Weights, read_config};

    const ROWS: LinearPath = LinearPath::Rows(Simd::Avx2);

    fn cpu() -> Place {
        Place::open(anechoic_protocol::Device::Cpu).unwrap()
    }

    fn load(work: &CaptureWork) -> (Model, Tensor) {
        let config = read_config(&work.model).unwrap();
        let mut weights = Weights::open(&work.model, &config, work.dtype, Device::Cpu, 3).unwrap();
        let workload = &work.workload;
        let model =
            Model::load(&config, &mut weights, workload.positions(), Sharing::None).unwrap();
        let prompt = generate::prompt(&config, workload.batch_size, workload.prefill_tokens, 3);
        (model, prompt)
    }

    fn sized(batch: u32, prefill: u32, chunk: u32, decode: u32) -> CaptureWork {
        let mut sized = work();
        sized.workload = Workload {
            batch_size: batch,
            prefill_tokens: prefill,
            prefill_chunk: chunk,
            decode_tokens: decode,
            ..sized.workload
        };
        sized
    }

    #[test]
    fn what_a_job_does_is_verified_at_a_small_size() {
        let check = |asked: [u32; 4], path: LinearPath, kind: Kind, expected: [u32; 4]| {
            let [batch, prefill, chunk, decode] = asked;
            let small = scaled_down(&sized(batch, prefill, chunk, decode), path, kind).workload;
            let found = [
                small.batch_size,
                small.prefill_tokens,
                small.prefill_chunk,
                small.decode_tokens,
            ];
            assert_eq!(found, expected, "{asked:?}");
        };
        let (f32, bf16) = (Kind::Float, Kind::BFloat16);
        // The many rows of a long prompt, of a large batch and of both.
        check([1, 512, 512, 64], ROWS, f32, [1, 65, 65, 5]);
        check([1, 512, 512, 64], ROWS, bf16, [1, 161, 161, 5]);
        check([8, 128, 128, 64], ROWS, bf16, [8, 21, 21, 5]);
        check([256, 1, 1, 64], ROWS, f32, [65, 1, 1, 5]);
        check([64, 4, 4, 64], ROWS, bf16, [41, 4, 4, 5]);
        // No more than the job has.
        check([2, 9, 9, 1], ROWS, f32, [2, 9, 9, 1]);
        check([1, 1, 1, 3], ROWS, f32, [1, 1, 1, 3]);
        // Pieces stay pieces, with the rows that they had.
        check([1, 512, 256, 64], ROWS, f32, [1, 73, 65, 5]);
        check([2, 64, 16, 64], ROWS, f32, [2, 24, 16, 5]);
        check([2, 9, 4, 5], ROWS, f32, [2, 8, 4, 5]);
        check([1, 9, 8, 5], ROWS, f32, [1, 9, 8, 5]);
        // Where all rows are computed alike, few are enough.
        check([32, 512, 512, 64], LinearPath::Plain, f32, [8, 8, 8, 5]);
        check([1, 512, 64, 64], LinearPath::Prepacked, bf16, [1, 16, 8, 5]);
    }

    #[test]
    fn a_buffer_is_flushed() {
        let check = |asked: u32, prefill: u32, expected: u32| {
            let mut work = sized(1, prefill, prefill, 5);
            work.strategy = Strategy::Buffered(asked);
            let small = scaled_down(&work, LinearPath::Plain, Kind::Float);
            assert_eq!(small.strategy, Strategy::Buffered(expected));
        };
        check(3, 9, 3);
        check(32, 9, 11);
        check(5000, 1, 4);
    }

    #[test]
    fn every_strategy_mode_type_and_size_passes() {
        let check = |change: &dyn Fn(&mut CaptureWork)| {
            let mut work = sized(3, 70, 70, 6);
            change(&mut work);
            let (model, prompt) = load(&work);
            let verification = verify(&model, &work, &prompt, cpu()).unwrap();
            println!("{}: {verification:?}", work.dtype.as_str());
        };
        for strategy in [Strategy::Arena, Strategy::Concat, Strategy::Buffered(32)] {
            check(&|work| work.strategy = strategy);
        }
        check(&|work| work.probe = anechoic_protocol::Probe::Copy);
        check(&|work| work.mode = anechoic_protocol::CaptureMode::Baseline);
        check(&|work| work.dtype = Dtype::F16);
        check(&|work| work.workload.prefill_chunk = 25);
        for name in [Preset::Gpt2Tiny, Preset::Qwen2Tiny] {
            check(&|work| {
                work.model = anechoic_protocol::ModelSource::Preset { name };
                work.dtype = Dtype::Bf16;
            });
        }
        check(&|work| (work.workload.prefill_tokens, work.workload.decode_tokens) = (1, 1));
    }

    /// What both ways yield, spoiled by `spoil`.
    fn spoiled(spoil: impl FnOnce(&mut Stepwise)) -> Result<Verification, BenchmarkError> {
        let work = sized(2, 9, 4, 5);
        let (model, prompt) = load(&work);
        let small = scaled_down(&work, model.linear_path(), model.kind());
        let prompt = prompt.narrow(1, 0, i64::from(small.workload.prefill_tokens));
        let mut found = stepwise(&model, &small, &prompt, cpu()).unwrap();
        let reference = full_pass(&model, &small, &found.tokens, cpu()).unwrap();
        spoil(&mut found);
        check_rows(found.fetched.as_ref().unwrap(), &small, 64)?;
        let difference = compare(&found, &reference, &small.layers);
        judge(&difference, work.dtype, model.linear_path())
    }

    #[test]
    fn whatever_is_wrong_is_found() {
        assert!(spoiled(|_| {}).is_ok());
        let refused = |spoil: &dyn Fn(&mut Stepwise), words: &str| {
            let error = spoiled(spoil).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let bump = |tensor: &Tensor, by: f64| {
            let value = tensor.select(0, 0).select(0, 0);
            let _ = value.select(0, 0).g_add_scalar_(by);
        };
        refused(
            &|found| bump(&found.states, 0.01),
            "differs from a full pass",
        );
        refused(
            &|found| bump(&found.scores, 0.01),
            "differs from a full pass",
        );
        refused(
            &|found| bump(&found.scores, f64::NAN),
            "differs from a full pass",
        );
        let rows = |found: &mut Stepwise| found.fetched.take().unwrap().rows;
        refused(
            &|found| {
                let rows = rows(found);
                let _ = rows[1][1].get(7).g_add_scalar_(0.01);
                found.fetched = Some(Fetched { rows });
            },
            "differs from a full pass",
        );
        refused(
            &|found| {
                let mut rows = rows(found);
                rows.swap(0, 1);
                found.fetched = Some(Fetched { rows });
            },
            "differs from a full pass",
        );
        refused(
            &|found| {
                let mut rows = rows(found);
                let _ = rows.pop();
                found.fetched = Some(Fetched { rows });
            },
            "rows of 1 layers",
        );
        refused(
            &|found| {
                let mut rows = rows(found);
                let _ = rows[1].pop();
                found.fetched = Some(Fetched { rows });
            },
            "rows of 1 requests",
        );
    }

    #[test]
    fn the_reference_is_computed_by_other_code() {
        let work = sized(2, 9, 9, 3);
        let (model, prompt) = load(&work);
        let states = || {
            let mut cache = new_cache(&model, &work, cpu()).unwrap();
            model.forward(&prompt, &mut cache, &mut Unobserved)
        };
        let by_kernels = states();
        let by_libtorch = full_pass(&model, &work, &prompt, cpu()).unwrap().states;
        if let LinearPath::Rows(_) = model.linear_path() {
            assert!(
                !by_kernels.equal(&by_libtorch),
                "rounded alike to the last bit"
            );
        }
        assert!(states().equal(&by_kernels), "the kernels are back");
    }
}
