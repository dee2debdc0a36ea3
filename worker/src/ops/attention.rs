//! Attention of a single query, as decoding needs it on a CPU, where libtorch's own reads keys and values at a fraction
//! of the speed of memory.

use tch::{Device, Kind, Tensor};

use super::{OpsError, Simd, StockOperators, ffi};

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
    let out = match kernel_for(q.kind(), q.device()) {
        Some(simd) => fused(q, k, v, scale, simd),
        None => stock(q, k, v, scale),
    };
    out.unwrap_or_else(|error| panic!("failed to {error}"))
}

/// [`decode_attention`] by libtorch's operators, whatever the device.
///
/// # Panics
/// When shapes or types do not fit, as tch's own operators do.
pub fn stock_decode_attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Tensor {
    stock(q, k, v, scale).unwrap_or_else(|error| panic!("failed to {error}"))
}

/// The path that attention of a single query takes on this device for this type of queries, as results name it:
/// `fused-avx2`, `fused-avx512` or `stock`. It is the same for full-precision and INT8 caches.
pub fn decode_attention_path(kind: Kind, device: Device) -> &'static str {
    match kernel_for(kind, device) {
        Some(Simd::Avx2) => "fused-avx2",
        Some(Simd::Avx512) => "fused-avx512",
        None => "stock",
    }
}

/// The kernels to use for queries of this type, where there are any.
pub(super) fn kernel_for(kind: Kind, device: Device) -> Option<Simd> {
    let has_kernel = device == Device::Cpu && matches!(kind, Kind::Float | Kind::BFloat16);
    if has_kernel && !StockOperators::in_force() {
        Simd::best()
    } else {
        None
    }
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
        .map_err(|e| OpsError::Torch {
            action: "attend",
            message: e.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels() -> impl Iterator<Item = Simd> {
        Simd::ALL.into_iter().filter(|simd| simd.is_supported())
    }

    fn random(sizes: [i64; 4], kind: Kind) -> Tensor {
        Tensor::randn(sizes, (Kind::Float, Device::Cpu)).to_kind(kind)
    }

    /// `limit` is relative for values above 1: one of bf16 is rounded by up to 1/256 of itself.
    fn check(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64, limit: f64) {
        let wide = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let exact = stock(&wide(q), &wide(k), &wide(v), scale).unwrap();
        for simd in kernels() {
            let out = fused(q, k, v, scale, simd).unwrap();
            assert_eq!((out.size(), out.kind()), (q.size(), q.kind()));
            let error = (wide(&out) - &exact).abs() / exact.abs().clamp_min(1.0);
            let error = error.max().double_value(&[]);
            assert!(
                error <= limit,
                "{simd:?} {:?} {:?} {:?}: {error}",
                q.kind(),
                q.size(),
                k.size()
            );
        }
    }

    #[test]
    fn the_kernel_computes_what_libtorch_does() {
        for (kind, limit) in [(Kind::Float, 4e-6), (Kind::BFloat16, 0.005)] {
            for (heads, kv_heads) in [(4, 4), (4, 2), (6, 2), (7, 1), (5, 1)] {
                for dim in [1, 5, 8, 16, 64, 80, 128, 129] {
                    for len in [1, 2, 3, 4, 7, 8, 9, 33, 65, 200] {
                        let q = random([2, heads, 1, dim], kind);
                        let [k, v] = [0, 1].map(|_| random([2, kv_heads, len, dim], kind));
                        check(&q, &k, &v, 1.0 / (dim as f64).sqrt(), limit);
                    }
                }
            }
        }
    }

    #[test]
    fn many_keys_are_split_between_threads_and_merged() {
        for (kind, limit) in [(Kind::Float, 4e-6), (Kind::BFloat16, 0.005)] {
            for (heads, len) in [(1, 1024), (2, 1999), (7, 5000)] {
                let q = random([1, heads, 1, 64], kind);
                let [k, v] = [0, 1].map(|_| random([1, 1, len, 64], kind));
                check(&q, &k, &v, 0.125, limit);
                // Scores of the two ends far apart, so that a part has next to no weight; rounding them weighs more then.
                let _ = k.narrow(2, 0, len / 2).g_mul_scalar_(20.0);
                check(&q, &k, &v, 0.125, limit.max(2e-4));
            }
        }
    }

    #[test]
    fn views_of_a_cache_and_of_a_fused_projection() {
        for (kind, limit) in [(Kind::Float, 4e-6), (Kind::BFloat16, 0.005)] {
            let q = random([2, 1, 3, 4 * 16], kind)
                .select(2, 1)
                .view([2, 1, 4, 16])
                .transpose(1, 2);
            let [k, v] = [0, 1].map(|_| random([2, 4, 50, 16], kind).narrow(2, 0, 21));
            check(&q, &k, &v, 0.25, limit);
        }
    }

    #[test]
    fn scores_far_apart_neither_overflow_nor_vanish() {
        // One key decides; all others weigh less than the smallest f32.
        let (q, v) = (
            random([1, 1, 1, 16], Kind::Float),
            random([1, 1, 40, 16], Kind::Float),
        );
        let k = q.repeat([1, 1, 40, 1]) * -50.0;
        k.get(0).get(0).get(17).copy_(&(q.flatten(0, -1) * 50.0));
        for simd in kernels() {
            let out = fused(&q, &k, &v, 1.0, simd).unwrap().flatten(0, -1);
            let error = (out - v.get(0).get(0).get(17))
                .abs()
                .max()
                .double_value(&[]);
            assert!(error < 1e-6, "{simd:?}: {error}");
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        let [q, k, v] = [1, 20, 20].map(|rows| random([1, 2, rows, 16], Kind::Float));
        let _ = k.get(0).get(1).get(9).fill_(f64::NAN);
        for simd in kernels() {
            let out = fused(&q, &k, &v, 1.0, simd).unwrap();
            let nans: Vec<i64> = Vec::try_from(out.isnan().sum_dim_intlist(
                [0, 2, 3].as_slice(),
                false,
                Kind::Int64,
            ))
            .unwrap();
            assert_eq!(nans, [0, 16], "{simd:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let Some(simd) = Simd::best() else { return };
        let sized = |heads, rows, dim| random([1, heads, rows, dim], Kind::Float);
        let refused = |q: &Tensor, k: &Tensor, v: &Tensor, expected: &str| {
            let error = fused(q, k, v, 1.0, simd).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let (q, kv) = (sized(2, 1, 8), sized(2, 5, 8));
        refused(&sized(2, 2, 8), &kv, &kv, "one query per head, not 2");
        refused(&q, &kv, &sized(2, 6, 8), "do not fit values");
        refused(&q, &sized(2, 5, 4), &sized(2, 5, 4), "do not fit keys");
        refused(&sized(3, 1, 8), &kv, &kv, "multiple of key-value heads");
        refused(&q, &kv.to_kind(Kind::BFloat16), &kv, "of one kind");
        refused(&q, &sized(2, 8, 5).transpose(2, 3), &kv, "last dimension");
    }

    #[test]
    fn libtorch_answers_where_it_is_asked_to() {
        let [q, k, v] = [1, 9, 9].map(|rows| random([1, 2, rows, 8], Kind::Float));
        let stock_only = StockOperators::enter();
        assert_eq!(kernel_for(q.kind(), q.device()), None);
        assert_eq!(decode_attention_path(q.kind(), q.device()), "stock");
        let out = decode_attention(&q, &k, &v, 0.5);
        assert!(out.equal(&stock(&q, &k, &v, 0.5).unwrap()));
        drop(stock_only);
        assert_eq!(kernel_for(q.kind(), q.device()), Simd::best());
    }

    #[test]
    fn types_without_a_kernel_are_answered_too() {
        let [q, k, v] = [1, 9, 9].map(|rows| random([1, 2, rows, 8], Kind::Double));
        let out = decode_attention(&q, &k, &v, 0.5);
        let difference = out - stock(&q, &k, &v, 0.5).unwrap();
        assert_eq!(difference.abs().max().double_value(&[]), 0.0);
    }
}
