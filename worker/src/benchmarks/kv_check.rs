//! The verify phase of the KV-cache benchmarks: the version at a small size, token by token, against one full pass that
//! quantises nothing, caches nothing and computes without this project's kernels; and what a cache promises, looked up in
//! the cache itself.

use anechoic_protocol::{Dtype, Verification, Version};
use tch::{Kind, Tensor};

use super::BenchmarkError;
use super::difference::{Difference, rounding};
use super::versioned::Versioned;
use crate::cache::{KvCache, Stored};
use crate::generate;
use crate::models::{Unobserved, attention_of_one};
use crate::ops::{StockOperators, dequantise, stock_decode_attention};

/// Tokens that are decoded.
const STEPS: i64 = 6;
/// Requests, at most.
const REQUESTS: i64 = 2;
/// Prompt tokens, unless more make the linear layers compute differently.
const TOKENS: i64 = 16;

/// Largest difference of scores relative to the largest score: rounding of the type, accumulated over the layers, and for a
/// quantised cache that of the codes: a row's values move by at most 1/254 of its largest one.
fn tolerance(dtype: Dtype, version: Version) -> f64 {
    match version.kv_cache_quant() {
        true => rounding(dtype) + 5e-2,
        false => rounding(dtype),
    }
}

/// Largest difference of one layer's attention relative to its largest value, over the same rows: rounding alone.
fn attention_tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 1e-3,
        Dtype::F16 | Dtype::Bf16 => 2e-2,
    }
}

/// Checks the version on the beginning of `prompt` (batch, prompt_length) and tokens behind it, where the job generates up
/// to `tokens`.
pub(super) fn verify(
    versioned: &Versioned,
    prompt: &Tensor,
    tokens: u32,
) -> Result<Verification, BenchmarkError> {
    let fed = fed(versioned, prompt, i64::from(tokens));
    let found = stepwise(versioned, &fed)?;
    check_cache(versioned, &found)?;
    check_codes(versioned, &fed, &found)?;
    let reference = full_pass(versioned, &fed)?;
    let mut difference = Difference::default();
    difference.add(&found.scores, &reference);
    let tolerance = tolerance(versioned.dtype(), versioned.version());
    difference.judge("generation through the cache", "a full pass", tolerance)?;
    Ok(Verification {
        method: method(versioned),
        compared: difference.compared(),
        max_relative_error: difference.largest(),
        tolerance,
    })
}

fn method(versioned: &Versioned) -> String {
    let version = versioned.version();
    let promises = match (version.kv_cache_quant(), version.cross_layer_sharing()) {
        (false, false) => "rows stay as written",
        (true, false) => "rows stay as written and within half a code of what was quantised",
        (false, true) => "rows stay as written, layers of a pair read the same memory",
        (true, true) => {
            "rows stay as written and within half a code of what was quantised, layers of a pair read the same memory"
        }
    };
    let name = version.as_str();
    match version.use_cache() {
        true => format!(
            "scores of {name} step by step against one full pass by libtorch's operators; {promises}"
        ),
        false => {
            format!("scores of {name} step by step against one full pass by libtorch's operators")
        }
    }
}

/// What is fed: a prompt and the tokens behind it.
struct Fed {
    prompt: Tensor, // (b, n)
    rest: Tensor,   // (b, steps)
}

/// The prompt is long enough to take the path for many rows where the job's is.
fn fed(versioned: &Versioned, prompt: &Tensor, tokens: i64) -> Fed {
    let (batch, length) = prompt.size2().expect("a prompt is (batch, tokens)");
    let batch = batch.min(REQUESTS);
    let rows = versioned
        .model
        .linear_path()
        .few_rows(versioned.model.kind());
    let many = rows.map_or(1, |few| i64::from(few) + 1) / batch + 1;
    let steps = STEPS.min(tokens - 1);
    let longest = match versioned.version().use_cache() {
        true => length,
        false => length + tokens - 1 - steps,
    };
    let window = i64::from(versioned.config().window());
    let n = longest.min(TOKENS.max(many)).min(window - steps);
    let all = generate::prompt(
        versioned.config(),
        batch as u32,
        (n + steps) as u32,
        versioned.seed ^ 1,
    );
    let all = all.to_device(prompt.device());
    Fed {
        prompt: all.narrow(1, 0, n),
        rest: all.narrow(1, n, steps),
    }
}

/// What the version yields.
struct Stepwise {
    scores: Tensor, // of the next token, from the prompt's end on, (b, steps + 1, vocab)
    cache: KvCache,
    /// Every layer's rows once the prompt was fed.
    after_prompt: Vec<Vec<Tensor>>,
    prompt: i64,
}

fn stepwise(versioned: &Versioned, fed: &Fed) -> Result<Stepwise, BenchmarkError> {
    stepwise_with(versioned, versioned.version(), fed)
}

fn stepwise_with(
    versioned: &Versioned,
    version: Version,
    fed: &Fed,
) -> Result<Stepwise, BenchmarkError> {
    let model = &versioned.model;
    let mut cache = new_cache(versioned, version, fed)?;
    let prompt = fed.prompt.size()[1];
    let states = model.forward(&fed.prompt, &mut cache, &mut Unobserved);
    let mut scores = vec![model.logits(&states.narrow(1, prompt - 1, 1))];
    let after_prompt = match version.use_cache() {
        true => (0..versioned.config().layers())
            .map(|layer| first_rows(&cache.read(layer).stored, prompt))
            .collect(),
        false => Vec::new(),
    };
    for step in 0..fed.rest.size()[1] {
        let states = model.forward(&fed.rest.narrow(1, step, 1), &mut cache, &mut Unobserved);
        scores.push(model.logits(&states));
    }
    Ok(Stepwise {
        scores: Tensor::cat(&scores, 1),
        cache,
        after_prompt,
        prompt,
    })
}

fn new_cache(
    versioned: &Versioned,
    version: Version,
    fed: &Fed,
) -> Result<KvCache, BenchmarkError> {
    let positions = fed.prompt.size()[1] + fed.rest.size()[1];
    versioned.cache_of(version, fed.prompt.size()[0] as u32, positions as u32)
}

/// Scores from the prompt's end on, all in one pass, by libtorch's operators, with nothing quantised.
fn full_pass(versioned: &Versioned, fed: &Fed) -> Result<Tensor, BenchmarkError> {
    let _stock_only = StockOperators::enter();
    let model = &versioned.model;
    let mut cache = new_cache(versioned, versioned.version().unquantised(), fed)?;
    let all = Tensor::cat(&[&fed.prompt, &fed.rest], 1);
    let states = model.forward(&all, &mut cache, &mut Unobserved);
    let scored = fed.rest.size()[1] + 1;
    Ok(model.logits(&states.narrow(1, states.size()[1] - scored, scored)))
}

/// What a cache promises, whatever the model computes with it.
fn check_cache(versioned: &Versioned, found: &Stepwise) -> Result<(), BenchmarkError> {
    for (layer, before) in (0..).zip(&found.after_prompt) {
        let rows = found.cache.read(layer).stored;
        let now = first_rows(&rows, found.prompt);
        if !now
            .iter()
            .zip(before)
            .all(|(now, before)| now.equal(before))
        {
            return Err(broken(format!(
                "rows of layer {layer} changed after they were written"
            )));
        }
        check_owner(versioned, &found.cache, layer)?;
        check_attention(versioned, &found.cache, layer)?;
    }
    Ok(())
}

/// A layer of a pair reads the very memory of its owner.
fn check_owner(versioned: &Versioned, cache: &KvCache, layer: u32) -> Result<(), BenchmarkError> {
    let owner = versioned.version().sharing().owner(layer);
    let addresses = |layer| -> Vec<_> {
        let rows = cache.read(layer).stored;
        tensors(&rows).into_iter().map(Tensor::data_ptr).collect()
    };
    match addresses(layer) == addresses(owner) {
        true => Ok(()),
        false => Err(broken(format!(
            "layer {layer} does not read the rows of layer {owner}"
        ))),
    }
}

/// Attention of a decode step, as the job does it, against libtorch's in f32 over the values that the rows stand for.
fn check_attention(
    versioned: &Versioned,
    cache: &KvCache,
    layer: u32,
) -> Result<(), BenchmarkError> {
    let rows = cache.read(layer);
    let (keys, values) = values_of(&rows.stored);
    let (heads, kind) = (
        i64::from(versioned.config().heads()),
        versioned.model.kind(),
    );
    let repeated = keys
        .narrow(2, 0, 1)
        .repeat_interleave_self_int(heads / keys.size()[1], 1, None);
    // A query that looks hard at one row and at all others a little.
    let q = (&repeated / repeated.abs().amax([-1].as_slice(), true).clamp_min(1e-6) * 3.0)
        .to_kind(kind);
    let scale = (q.size()[3] as f64).sqrt().recip();
    let expected = stock_decode_attention(&q.to_kind(Kind::Float), &keys, &values, scale);
    let mut difference = Difference::default();
    difference.add(&attention_of_one(&q, &rows), &expected);
    let tolerance = attention_tolerance(versioned.dtype());
    difference.judge(
        &format!("attention of layer {layer}"),
        "libtorch's in f32",
        tolerance,
    )
}

/// The first layer's rows follow from the tokens alone, so that those of the quantised cache must be the others' within half
/// a code: 1/254 of a row's largest value.
fn check_codes(versioned: &Versioned, fed: &Fed, found: &Stepwise) -> Result<(), BenchmarkError> {
    if !versioned.version().kv_cache_quant() {
        return Ok(());
    }
    let exact = stepwise_with(versioned, versioned.version().unquantised(), fed)?;
    let (keys, values) = values_of(&exact.cache.read(0).stored);
    let (found_keys, found_values) = values_of(&found.cache.read(0).stored);
    for (exact, found) in [(keys, found_keys), (values, found_values)] {
        let half_code = exact.abs().amax([-1].as_slice(), true) / 254.0;
        let excess = (found - &exact).abs() - half_code * 1.0001;
        if excess.max().double_value(&[]) > 1e-7 {
            return Err(broken(
                "a quantised row lies more than half a code from its values".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Keys and values in f32.
fn values_of(stored: &Stored) -> (Tensor, Tensor) {
    match stored {
        Stored::Full { keys, values } => (keys.to_kind(Kind::Float), values.to_kind(Kind::Float)),
        Stored::Int8 { keys, values } => (
            dequantise(keys, Kind::Float),
            dequantise(values, Kind::Float),
        ),
    }
}

/// The tensors that rows are made of.
fn tensors(stored: &Stored) -> Vec<&Tensor> {
    match stored {
        Stored::Full { keys, values } => vec![keys, values],
        Stored::Int8 { keys, values } => {
            vec![&keys.codes, &keys.scales, &values.codes, &values.scales]
        }
    }
}

/// The first `len` rows of each tensor, in memory of their own.
fn first_rows(stored: &Stored, len: i64) -> Vec<Tensor> {
    let first = |tensor: &Tensor| tensor.narrow(2, 0, len).copy();
    tensors(stored).into_iter().map(first).collect()
}

fn broken(text: String) -> BenchmarkError {
    BenchmarkError::Verification(text)
}
