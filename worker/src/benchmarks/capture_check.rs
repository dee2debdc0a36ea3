//! The verify phase of the capture benchmark: generation through the cache and the rows captured from it,
//! against one full pass without cache reuse over the same tokens, collected by other code.

use anechoic_protocol::{CaptureWork, Dtype, Verification};
use tch::{Kind, Tensor};

use super::BenchmarkError;
use super::capture::build_capture;
use crate::cache::KvCache;
use crate::device::Place;
use crate::models::Model;
use crate::weights::kind;

/// Prompt tokens that are verified, at most.
const PROMPT: i64 = 16;
/// Decode steps that are verified, at most.
const STEPS: i64 = 4;
/// Requests that are verified, at most.
const REQUESTS: i64 = 2;

/// Largest difference relative to the reference's largest value: rounding of the dtype, accumulated over
/// the layers. Wrong rows, wrong positions and wrong layers differ by the order of 1.
fn tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 1e-2,
        Dtype::Bf16 => 6e-2,
    }
}

/// Runs both ways and compares them.
pub(super) fn verify(
    model: &Model,
    work: &CaptureWork,
    prompt: &Tensor,
    place: Place,
) -> Result<Verification, BenchmarkError> {
    let prompt = small(prompt);
    let steps = STEPS.min(i64::from(work.workload.decode_tokens) - 1);
    let (tokens, cached, fetched) = stepwise(model, work, &prompt, steps, place)?;
    let (reference, layers) = full_pass(model, work, &tokens, place)?;
    let mut error = Error::default();
    error.add(&cached, &reference);
    for (slot, requests) in fetched.iter().enumerate() {
        let layer = &layers[work.layers[slot] as usize];
        for (request, rows) in requests.iter().enumerate() {
            error.add(rows, &layer.get(request as i64));
        }
    }
    error.judge(tolerance(work.dtype))
}

/// The first tokens of the first requests.
fn small(prompt: &Tensor) -> Tensor {
    let [batch, tokens] = [prompt.size()[0], prompt.size()[1]];
    prompt
        .narrow(0, 0, batch.min(REQUESTS))
        .narrow(1, 0, tokens.min(PROMPT))
}

type Stepwise = (Tensor, Tensor, Vec<Vec<Tensor>>);

/// Through the cache, as the benchmark does it: all tokens that were fed, (b, n), the final states,
/// (b, n, hidden), and the captured rows.
fn stepwise(
    model: &Model,
    work: &CaptureWork,
    prompt: &Tensor,
    steps: i64,
    place: Place,
) -> Result<Stepwise, BenchmarkError> {
    let mut work = work.clone();
    work.workload.batch_size = prompt.size()[0] as u32;
    let positions = prompt.size()[1] + steps;
    let mut cache = new_cache(model, &work, positions, place)?;
    let mut capture = build_capture(&work, model, positions, place)?;
    let mut observer = |layer: u32, hidden: &Tensor| {
        if let Some(capture) = &mut capture {
            capture.after_layer(layer, hidden);
        }
    };
    let (mut fed, mut states) = (Vec::new(), Vec::new());
    let chunk = i64::from(work.workload.prefill_chunk);
    for piece in prompt.split(chunk, 1) {
        states.push(model.forward(&piece, &mut cache, &mut observer));
        fed.push(piece);
    }
    for _ in 0..steps {
        let last = &states[states.len() - 1];
        let last = last.narrow(1, last.size()[1] - 1, 1);
        let token = model.logits(&last).argmax(-1, false);
        states.push(model.forward(&token, &mut cache, &mut observer));
        fed.push(token);
    }
    let fetched = capture.map(|mut capture| capture.fetch(kind(work.dtype), || {}).rows);
    let stored = work.expected_rows() > 0;
    let rows = fetched.filter(|_| stored).unwrap_or_default();
    Ok((Tensor::cat(&fed, 1), Tensor::cat(&states, 1), rows))
}

/// Everything in one pass: final states and the residual stream after every layer, each (b, n, hidden).
fn full_pass(
    model: &Model,
    work: &CaptureWork,
    tokens: &Tensor,
    place: Place,
) -> Result<(Tensor, Vec<Tensor>), BenchmarkError> {
    let mut work = work.clone();
    work.workload.batch_size = tokens.size()[0] as u32;
    let mut cache = new_cache(model, &work, tokens.size()[1], place)?;
    let mut layers = Vec::new();
    let states = model.forward(tokens, &mut cache, &mut |_, hidden: &Tensor| {
        layers.push(hidden.copy());
    });
    Ok((states, layers))
}

fn new_cache(
    model: &Model,
    work: &CaptureWork,
    positions: i64,
    place: Place,
) -> Result<KvCache, BenchmarkError> {
    let (batch, positions) = (work.workload.batch_size, positions as u32);
    Ok(KvCache::new(
        model.config(),
        batch,
        positions,
        work.dtype,
        place.torch(),
    )?)
}

/// The largest difference seen so far.
#[derive(Default)]
struct Error {
    compared: u64,
    largest: f64,
    misshapen: Option<String>,
}

impl Error {
    fn add(&mut self, found: &Tensor, expected: &Tensor) {
        if found.size() != expected.size() {
            let (found, expected) = (found.size(), expected.size());
            self.misshapen = Some(format!("shape {found:?} in place of {expected:?}"));
            return;
        }
        self.compared += expected.numel() as u64;
        let host = |tensor: &Tensor| tensor.to_device(tch::Device::Cpu).to_kind(Kind::Float);
        let (found, expected) = (host(found), host(expected));
        let scale = expected.abs().max().double_value(&[]);
        let distance = (found - expected).abs().max().double_value(&[]);
        let relative = distance / scale.max(f64::MIN_POSITIVE);
        // `f64::max` would drop a NaN.
        self.largest = if relative.is_nan() {
            f64::INFINITY
        } else {
            self.largest.max(relative)
        };
    }

    fn judge(self, tolerance: f64) -> Result<Verification, BenchmarkError> {
        if let Some(misshapen) = self.misshapen {
            return Err(BenchmarkError::Verification(misshapen));
        }
        if self.largest > tolerance {
            return Err(BenchmarkError::Verification(format!(
                "cached generation differs from a full pass by {:.2e} of the largest value, accepted are {tolerance:.0e}",
                self.largest
            )));
        }
        Ok(Verification {
            method: "generation through the cache and captured rows against one full pass"
                .to_owned(),
            compared: self.compared,
            max_relative_error: self.largest,
            tolerance,
        })
    }
}
