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
    let bias = bias
        .then(|| weights.tensor(&format!("{path}.bias"), &[outputs]))
        .transpose()?;
    prepare(path, weight, bias)
}

/// Several `nn.Linear` with the same input as one, their outputs side by side.
pub(super) fn linear_side_by_side(
    weights: &mut Weights,
    layers: &[(&str, i64)], // path, outputs
    inputs: i64,
    bias: bool,
) -> Result<Linear, LoadError> {
    let path = layers[0].0;
    let outputs = layers.iter().map(|(_, outputs)| outputs).sum();
    let mut stack = |part: &str, shape: &[i64]| {
        let whole = weights.empty(path, shape)?;
        let mut first = 0;
        for (path, outputs) in layers {
            weights.read_into(&format!("{path}.{part}"), &whole.narrow(0, first, *outputs))?;
            first += outputs;
        }
        Ok(whole)
    };
    let weight = stack("weight", &[outputs, inputs])?;
    let bias = bias.then(|| stack("bias", &[outputs])).transpose()?;
    prepare(path, weight, bias)
}

/// A head that shares the token embedding's values. A checkpoint may store it again, but not
/// differently.
pub(super) fn tied_head(
    weights: &mut Weights,
    embedding: &str,
    values: &Tensor,
) -> Result<Linear, LoadError> {
    const HEAD: &str = "lm_head.weight";
    if weights.are_stored() && weights.has(HEAD) {
        let stored = weights.tensor(HEAD, &values.size())?;
        if !stored.f_equal(values).map_err(LoadError::torch(HEAD))? {
            return Err(LoadError::TiedHeadDiffers {
                head: HEAD,
                embedding: embedding.to_owned(),
            });
        }
    }
    prepare("lm_head", values.shallow_clone(), None)
}

/// Takes the weight, (out, in), and leaves no second copy of it.
pub(super) fn prepare(
    path: &str,
    weight: Tensor,
    bias: Option<Tensor>,
) -> Result<Linear, LoadError> {
    Linear::new(weight, bias).map_err(|source| LoadError::Linear {
        layer: path.to_owned(),
        source,
    })
}
