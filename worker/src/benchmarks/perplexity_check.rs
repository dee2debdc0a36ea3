//! The verify phase of the perplexity benchmark: log-probabilities of a few tokens through the version's cache, piece by
//! piece as the job feeds them, against one pass over all of them that quantises nothing and computes without this
//! project's kernels.

use anechoic_protocol::{Dtype, Verification, Version};
use tch::{Kind, Tensor};

use super::BenchmarkError;
use super::difference::{Difference, rounding};
use super::perplexity::log_probabilities;
use super::versioned::Versioned;
use crate::models::Unobserved;
use crate::ops::StockOperators;

/// Windows, at most.
const WINDOWS: i64 = 2;
/// Tokens of each, at most.
const TOKENS: i64 = 32;

/// Largest difference, relative to the largest log-probability: rounding of the type, accumulated over the layers. INT8 rows
/// move every stored value by up to half a code, 1/254 of its row's largest one; what attention sums over a head's
/// dimensions and over tokens partly cancels, and every layer adds its share, so ten times that is far more than
/// quantisation does and far less than a wrong row, scale or position does.
fn tolerance(dtype: Dtype, version: Version) -> f64 {
    match version.kv_cache_quant() {
        true => rounding(dtype) + 10.0 / 254.0,
        false => rounding(dtype),
    }
}

/// Checks the version on the beginning of `windows`, (windows, window), fed `chunk` tokens at a time.
pub(super) fn verify(
    versioned: &Versioned,
    windows: &Tensor,
    chunk: u32,
) -> Result<Verification, BenchmarkError> {
    let (count, window) = windows.size2().expect("windows are (windows, window)");
    let tokens = windows
        .narrow(0, 0, count.min(WINDOWS))
        .narrow(1, 0, window.min(TOKENS));
    // In several pieces wherever the job may have several, so that what follows a piece is checked.
    let chunk = i64::from(chunk).min(tokens.size()[1] / 2).max(1);
    let found = pass(versioned, versioned.version(), &tokens, chunk)?;
    let expected = {
        let _stock_only = StockOperators::enter();
        pass(
            versioned,
            versioned.version().unquantised(),
            &tokens,
            TOKENS,
        )?
    };
    judge(versioned, &found, &expected)
}

fn judge(
    versioned: &Versioned,
    found: &Tensor,
    expected: &Tensor,
) -> Result<Verification, BenchmarkError> {
    let (version, tolerance) = (
        versioned.version(),
        tolerance(versioned.dtype(), versioned.version()),
    );
    let mut difference = Difference::default();
    difference.add(&centred(found), &centred(expected));
    let what = format!(
        "log-probabilities through the cache of {}",
        version.as_str()
    );
    difference.judge(&what, "a full pass", tolerance)?;
    Ok(Verification {
        method: format!("{what} against one full pass by libtorch's operators"),
        compared: difference.compared(),
        max_relative_error: difference.largest(),
        tolerance,
    })
}

/// Less their mean over the vocabulary: what all tokens have in common, the logarithm of their number, would hide how far
/// one lies from where it should.
fn centred(log_probabilities: &Tensor) -> Tensor {
    log_probabilities - log_probabilities.mean_dim([-1].as_slice(), true, Kind::Double)
}

/// Log-probabilities after every token, (b, t, vocab).
fn pass(
    versioned: &Versioned,
    version: Version,
    tokens: &Tensor,
    chunk: i64,
) -> Result<Tensor, BenchmarkError> {
    let (b, t) = tokens.size2().expect("tokens are (b, t)");
    let mut cache = versioned.cache_of(version, b as u32, t as u32)?;
    let pieces = tokens.split(chunk, 1);
    let scores = pieces.iter().map(|piece| {
        let states = versioned.model.forward(piece, &mut cache, &mut Unobserved);
        log_probabilities(&versioned.model, &states)
    });
    Ok(Tensor::cat(&scores.collect::<Vec<_>>(), 1))
}
