//! Linear layers as checkpoints store them.

use tch::Tensor;

use crate::ops::Linear;
use crate::weights::{LoadError, Weights};

/// `nn.Linear`, stored as (out, in).
pub(super) fn linear(
    weights: &mut Weights,
    path: &str,
    [inputs, outputs]: [i64; 2],
    bias: bool,
) -> Result<Linear, LoadError> {
    let weight = weights.tensor(&format!("{path}.weight"), &[outputs, inputs])?;
    let bias = bias.then(|| weights.tensor(&format!("{path}.bias"), &[outputs])).transpose()?;
    prepare(path, weight, bias)
}

/// Several `nn.Linear` with the same input as one, their outputs side by side.
pub(super) fn linear_side_by_side<const N: usize>(
    weights: &mut Weights,
    layers: [(&str, i64); N], // path, outputs
    inputs: i64,
    bias: bool,
) -> Result<Linear, LoadError> {
    let path = layers[0].0;
    let mut stack = |part: &str, inputs: &[i64]| {
        let shape = |outputs| [&[outputs], inputs].concat();
        let parts = layers
            .iter()
            .map(|&(path, outputs)| weights.tensor(&format!("{path}.{part}"), &shape(outputs)))
            .collect::<Result<Vec<_>, _>>()?;
        Tensor::f_cat(&parts, 0).map_err(LoadError::torch(path))
    };
    let weight = stack("weight", &[inputs])?;
    let bias = bias.then(|| stack("bias", &[])).transpose()?;
    prepare(path, weight, bias)
}

/// A head that shares the token embedding's values. A checkpoint may store it again, but not differently.
pub(super) fn tied_head(weights: &mut Weights, embedding: &str, values: &Tensor) -> Result<Linear, LoadError> {
    const HEAD: &str = "lm_head.weight";
    if weights.are_stored() && weights.has(HEAD) {
        let stored = weights.tensor(HEAD, &values.size())?;
        if !stored.f_equal(values).map_err(LoadError::torch(HEAD))? {
            return Err(LoadError::TiedHeadDiffers { head: HEAD, embedding: embedding.to_owned() });
        }
    }
    prepare("lm_head", values.shallow_clone(), None)
}

/// Takes the weight, (out, in), and leaves no second copy of it.
pub(super) fn prepare(path: &str, weight: Tensor, bias: Option<Tensor>) -> Result<Linear, LoadError> {
    Linear::new(weight, bias).map_err(|source| LoadError::Linear { layer: path.to_owned(), source })
}
