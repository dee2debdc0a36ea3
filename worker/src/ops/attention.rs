//! Attention of a single query, as decoding needs it on a CPU, where libtorch's own reads keys and values at a fraction
//! of the speed of memory.

use tch::{Device, Kind, Tensor};

use super::{OpsError, Simd, ffi};

/// Softmax attention of one query per head over all keys. Query heads share key-value heads in groups. libtorch's
/// operator answers where there is no kernel: on other devices, for other types, on older processors.
///
/// # Panics
/// When shapes or types do not fit, as tch's own operators do.
pub fn decode_attention(
    q: &Tensor, // (b, heads, 1, head_dim)
    k: &Tensor, // (b, kv_heads, len, head_dim)
    v: &Tensor, // (b, kv_heads, len, head_dim)
    scale: f64,
) -> Tensor {
    let out = match kernel_for(q) {
        Some(simd) => fused(q, k, v, scale, simd),
        None => stock(q, k, v, scale),
    };
    out.unwrap_or_else(|error| panic!("failed to {error}"))
}

fn kernel_for(q: &Tensor) -> Option<Simd> {
    let has_kernel = q.device() == Device::Cpu && matches!(q.kind(), Kind::Float | Kind::BFloat16);
    if has_kernel { Simd::best() } else { None }
}

fn fused(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64, simd: Simd) -> Result<Tensor, OpsError> {
    // SAFETY: the pointers are live tensors'.
    let out = unsafe {
        ffi::anechoic_decode_attention(q.as_ptr(), k.as_ptr(), v.as_ptr(), scale, simd.code())
    };
    ffi::owned("attend", out)
}

fn stock(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Result<Tensor, OpsError> {
    let grouped = q.size().get(1) != k.size().get(1);
    Tensor::f_scaled_dot_product_attention(q, k, v, None::<&Tensor>, 0.0, false, scale, grouped)
        .map_err(|e| OpsError::Torch { action: "attend", message: e.to_string() })
}
