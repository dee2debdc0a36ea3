//! GPT-2's activation.

use tch::{Kind, Tensor};

use super::attention::kernel_for;
use super::{OpsError, Simd, ffi};

/// 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). In half precision every step is rounded on its own, as in the
/// reference implementation: libtorch's fused kernel rounds once, and greedy tokens then differ after some steps.
///
/// # Panics
/// Where tch's own operators do.
pub fn gelu_new(x: &Tensor) -> Tensor {
    match (x.kind(), kernel_for(x.kind(), x.device())) {
        (Kind::Float, _) => x.gelu("tanh"),
        (_, Some(simd)) => fused(x, simd).unwrap_or_else(|error| panic!("failed to {error}")),
        (_, None) => step_by_step(x),
    }
}

/// All steps of bf16 at once, rounded where [`step_by_step`] rounds.
fn fused(x: &Tensor, simd: Simd) -> Result<Tensor, OpsError> {
    // SAFETY: the pointer is a live tensor's.
    let out = unsafe { ffi::anechoic_gelu_new(x.as_ptr(), simd.code()) };
    ffi::owned("apply an activation", out)
}

fn step_by_step(x: &Tensor) -> Tensor {
    const SQRT_2_OVER_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    // Not in place: libtorch then rounds the factors to the tensor's type first, and some results differ.
    let cubic = x.pow_tensor_scalar(3.0) * 0.044715;
    let tanh = ((x + cubic) * SQRT_2_OVER_PI).tanh();
    x * 0.5 * (tanh + 1.0)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Every bf16 value there is.
    fn all() -> Tensor {
        let bits = Tensor::arange_start(-32768, 32768, (Kind::Int64, Device::Cpu));
        bits.to_kind(Kind::Int16).view_dtype(Kind::BFloat16)
    }

    #[test]
    fn every_bf16_value_is_rounded_as_step_by_step() {
        let x = all();
        let expected = step_by_step(&x);
        for simd in Simd::ALL.into_iter().filter(|simd| simd.is_supported()) {
            let found = fused(&x, simd).unwrap();
            let bits = |t: &Tensor| t.nan_to_num(0.0, None, None).view_dtype(Kind::Int16);
            let differ = bits(&found).not_equal_tensor(&bits(&expected));
            let count = differ.sum(Kind::Int64).int64_value(&[]);
            let first: Vec<f64> =
                Vec::try_from(x.masked_select(&differ).to_kind(Kind::Double)).unwrap();
            assert_eq!(count, 0, "{simd:?}: {first:?}");
            assert!(found.isnan().equal(&expected.isnan()), "{simd:?}");
        }
    }

    #[test]
    fn any_length_and_any_view() {
        for len in [0, 1, 7, 33] {
            let x = Tensor::randn([3, len], (Kind::Float, Device::Cpu)).to_kind(Kind::BFloat16);
            for x in [&x, &x.tr()] {
                assert_eq!(gelu_new(x).size(), x.size());
                assert!(gelu_new(x).equal(&step_by_step(x)), "{len}");
            }
        }
    }

    #[test]
    fn full_precision_is_left_to_libtorch() {
        let x = Tensor::randn([40], (Kind::Float, Device::Cpu));
        assert!(gelu_new(&x).equal(&x.gelu("tanh")));
        let half = x.to_kind(Kind::Half);
        assert!(gelu_new(&half).equal(&step_by_step(&half)));
    }
}
