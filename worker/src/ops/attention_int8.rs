//! Attention of a single query over an INT8 cache, which is never turned into full precision as a whole: scales of keys
//! are folded into scores, those of values into probabilities.

use tch::{Device, Kind, TchError, Tensor};

use super::attention::kernel_for;
use super::ffi::{self, RowsPointers};
use super::{Int8Rows, OpsError, Simd};

/// [`super::decode_attention`] over quantised keys and values. The result is in the queries' type.
///
/// # Panics
/// When shapes or types do not fit, as tch's own operators do.
pub fn decode_attention_int8(
    q: &Tensor,   // (b, heads, 1, head_dim)
    k: &Int8Rows, // (b, kv_heads, len, head_dim)
    v: &Int8Rows, // (b, kv_heads, len, head_dim)
    scale: f64,
) -> Tensor {
    match kernel_for(q.kind(), q.device()) {
        Some(simd) => {
            fused(q, k, v, scale, simd).unwrap_or_else(|error| panic!("failed to {error}"))
        }
        None => stock_decode_attention_int8(q, k, v, scale),
    }
}

fn fused(
    q: &Tensor,
    k: &Int8Rows,
    v: &Int8Rows,
    scale: f64,
    simd: Simd,
) -> Result<Tensor, OpsError> {
    let (k, v) = (RowsPointers::of(k), RowsPointers::of(v));
    // SAFETY: the pointers are live tensors'.
    let out = unsafe { ffi::anechoic_decode_attention_int8(q.as_ptr(), k, v, scale, simd.code()) };
    ffi::owned("attend over INT8 rows", out)
}

/// [`decode_attention_int8`] by libtorch's operators, whatever the device.
///
/// # Panics
/// When shapes or types do not fit, as tch's own operators do.
pub fn stock_decode_attention_int8(q: &Tensor, k: &Int8Rows, v: &Int8Rows, scale: f64) -> Tensor {
    stock(q, k, v, scale).unwrap_or_else(|error| panic!("failed to attend over INT8 rows: {error}"))
}

fn stock(q: &Tensor, k: &Int8Rows, v: &Int8Rows, scale: f64) -> Result<Tensor, TchError> {
    let (b, heads, _, dim) = q.size4()?;
    let kv_heads = k.codes.size4()?.1.max(1);
    let asked = q.kind();
    let kind = arithmetic(asked, q.device());
    let wide = |tensor: &Tensor| tensor.f_to_kind(kind);
    // Before the product, whose sums grow with the codes.
    let q = wide(q)?.f_mul_scalar(scale)?;
    let grouped = q.f_reshape([b, kv_heads, heads / kv_heads, dim])?;
    // (b, kv_heads, group, len)
    let scores = grouped.f_matmul(&wide(&k.codes)?.f_transpose(2, 3)?)?;
    let scores = scores.f_mul(&k.scales.f_unsqueeze(2)?)?;
    let shares = scores
        .f_softmax(-1, None::<Kind>)?
        .f_mul(&v.scales.f_unsqueeze(2)?)?;
    let out = wide(&shares)?.f_matmul(&wide(&v.codes)?)?; // (b, kv_heads, group, head_dim)
    out.f_view([b, heads, 1, dim])?.f_to_kind(asked)
}

/// The type of the two products. On a CPU half precision is no faster than f32, only less exact; on a GPU bf16 moves half
/// as many bytes, and the range of f16 does not hold sums of codes.
fn arithmetic(kind: Kind, device: Device) -> Kind {
    match (device, kind) {
        (Device::Cpu, Kind::BFloat16) | (_, Kind::Half) => Kind::Float,
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{StockOperators, dequantise, quantise_rows, stock_decode_attention};
    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn kernels() -> impl Iterator<Item = Simd> {
        Simd::ALL.into_iter().filter(|simd| simd.is_supported())
    }

    fn empty([b, heads, len, dim]: [i64; 4]) -> Int8Rows {
        Int8Rows {
            codes: Tensor::zeros([b, heads, len, dim], (Kind::Int8, Device::Cpu)),
            scales: Tensor::zeros([b, heads, len], CPU),
        }
    }

    /// The first `len` rows of a cache, as views.
    fn narrow(rows: &Int8Rows, from: i64, len: i64) -> Int8Rows {
        Int8Rows {
            codes: rows.codes.narrow(2, from, len),
            scales: rows.scales.narrow(2, from, len),
        }
    }

    fn random(sizes: [i64; 4]) -> Int8Rows {
        let rows = empty(sizes);
        quantise_rows(&Tensor::randn(sizes, CPU), &rows);
        rows
    }

    /// The greatest difference from the fold in double precision, relative to the greatest value.
    fn error(out: &Tensor, q: &Tensor, k: &Int8Rows, v: &Int8Rows, scale: f64) -> f64 {
        let exact = stock(&q.to_kind(Kind::Double), k, v, scale).unwrap();
        let difference = (out.to_kind(Kind::Double) - &exact).abs().max();
        difference.double_value(&[]) / exact.abs().max().double_value(&[])
    }

    fn check(q: &Tensor, k: &Int8Rows, v: &Int8Rows) {
        let scale = (q.size()[3] as f64).sqrt().recip();
        // A bf16 result is off by up to 1/256 for being rounded alone.
        let limit = if q.kind() == Kind::Float { 1e-3 } else { 5e-3 };
        for simd in kernels() {
            let out = fused(q, k, v, scale, simd).unwrap();
            assert_eq!((out.size(), out.kind()), (q.size(), q.kind()));
            let error = error(&out, q, k, v, scale);
            let (q, k) = ((q.size(), q.kind()), k.codes.size());
            assert!(error <= limit, "{simd:?} {q:?} {k:?}: {error}");
        }
    }

    #[test]
    fn the_kernel_computes_what_the_fold_does() {
        for (heads, kv_heads) in [(3, 3), (4, 2), (3, 1), (7, 1), (5, 1)] {
            for dim in [1, 5, 16, 64, 80, 128, 129] {
                for len in [1, 2, 3, 4, 5, 33, 63, 64, 65, 200] {
                    let q = Tensor::randn([2, heads, 1, dim], CPU);
                    let [k, v] = [0, 1].map(|_| random([2, kv_heads, len, dim]));
                    check(&q, &k, &v);
                    check(&q.to_kind(Kind::BFloat16), &k, &v);
                }
            }
        }
    }

    #[test]
    fn many_keys_are_split_between_threads_and_merged() {
        for (heads, len) in [(1, 1024), (2, 1999), (7, 5000)] {
            let q = Tensor::randn([1, heads, 1, 64], CPU);
            let [k, v] = [0, 1].map(|_| random([1, 1, len, 64]));
            check(&q, &k, &v);
            // Scores of the two ends far apart, so that a part has next to no weight.
            let _ = k.scales.narrow(2, 0, len / 2).g_mul_scalar_(4.0);
            check(&q, &k, &v);
        }
    }

    #[test]
    fn views_of_a_cache_and_of_a_fused_projection() {
        let q = Tensor::randn([2, 1, 3, 4 * 16], CPU)
            .select(2, 1)
            .view([2, 1, 4, 16])
            .transpose(1, 2);
        let [k, v] = [0, 1].map(|_| random([2, 4, 50, 16]));
        check(&q, &narrow(&k, 0, 21), &narrow(&v, 29, 21));
    }

    #[test]
    fn rows_of_zeros_weigh_as_zeros_do() {
        let q = Tensor::randn([1, 2, 1, 64], CPU);
        let [k, v] = [0, 1].map(|_| random([1, 2, 70, 64]));
        for rows in [&k, &v] {
            let _ = rows.codes.narrow(2, 5, 9).zero_();
            let _ = rows.scales.narrow(2, 5, 9).zero_();
        }
        check(&q, &k, &v);
        let nothing = empty([1, 2, 70, 64]);
        for simd in kernels() {
            let out = fused(&q, &k, &nothing, 1.0, simd).unwrap();
            assert_eq!(out.abs().max().double_value(&[]), 0.0);
            let even = fused(&Tensor::zeros_like(&q), &k, &v, 1.0, simd).unwrap();
            let mean = dequantise(&v, Kind::Float).mean_dim(2, true, Kind::Float);
            assert!((even - mean).abs().max().double_value(&[]) < 1e-4);
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        for at in [3, 69] {
            for broken in ["q", "k", "v"] {
                let q = Tensor::randn([1, 2, 1, 64], CPU);
                let [k, v] = [0, 1].map(|_| random([1, 2, 70, 64]));
                let mut target = match broken {
                    "q" => q.get(0).get(1).get(0).get(at % 64),
                    "k" => k.scales.get(0).get(1).get(at),
                    _ => v.scales.get(0).get(1).get(at),
                };
                let _ = target.fill_(f64::NAN);
                for simd in kernels() {
                    let out = fused(&q, &k, &v, 0.1, simd).unwrap();
                    let nans =
                        out.isnan()
                            .sum_dim_intlist([0, 2, 3].as_slice(), false, Kind::Int64);
                    let nans: Vec<i64> = Vec::try_from(nans).unwrap();
                    assert_eq!(nans, [0, 64], "{simd:?}: {broken} at {at}");
                }
            }
        }
    }

    #[test]
    fn it_is_attention_over_the_values_that_the_codes_stand_for() {
        let q = Tensor::randn([2, 6, 1, 64], CPU);
        let [k, v] = [0, 1].map(|_| random([2, 2, 40, 64]));
        let [wide_k, wide_v] = [&k, &v].map(|rows| dequantise(rows, Kind::Float));
        let expected = stock_decode_attention(&q, &wide_k, &wide_v, 0.125);
        let difference = |out: Tensor| (out - &expected).abs().max().double_value(&[]);
        assert!(difference(stock_decode_attention_int8(&q, &k, &v, 0.125)) < 1e-5);
        assert!(difference(decode_attention_int8(&q, &k, &v, 0.125)) < 1e-3);
    }

    #[test]
    fn libtorch_answers_where_it_is_asked_to_and_where_there_is_no_kernel() {
        let q = Tensor::randn([1, 2, 1, 8], CPU);
        let [k, v] = [0, 1].map(|_| random([1, 2, 9, 8]));
        let stock_only = StockOperators::enter();
        let out = decode_attention_int8(&q, &k, &v, 0.5);
        assert!(out.equal(&stock_decode_attention_int8(&q, &k, &v, 0.5)));
        drop(stock_only);
        let double = q.to_kind(Kind::Double);
        let out = decode_attention_int8(&double, &k, &v, 0.5);
        assert!(out.equal(&stock_decode_attention_int8(&double, &k, &v, 0.5)));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let Some(simd) = Simd::best() else { return };
        let q = |heads, queries, dim| Tensor::randn([1, heads, queries, dim], CPU);
        let refused = |q: &Tensor, k: &Int8Rows, v: &Int8Rows, expected: &str| {
            let error = fused(q, k, v, 1.0, simd).unwrap_err().to_string();
            assert!(error.starts_with("attend over INT8 rows: "), "{error}");
            assert!(error.contains(expected), "{error}");
        };
        let rows = |len, dim| empty([1, 2, len, dim]);
        let kv = rows(5, 8);
        refused(&q(2, 2, 8), &kv, &kv, "one query per head, not 2");
        refused(&q(2, 1, 8), &kv, &rows(6, 8), "do not fit values");
        refused(&q(2, 1, 8), &rows(0, 8), &rows(0, 8), "do not fit values");
        refused(&q(2, 1, 8), &rows(5, 4), &rows(5, 4), "do not fit keys");
        refused(&q(3, 1, 8), &kv, &kv, "multiple of key-value heads");
        refused(
            &q(2, 1, 8).to_kind(Kind::Double),
            &kv,
            &kv,
            "float and bfloat16",
        );
        let mut wide = rows(5, 8);
        wide.codes = wide.codes.to_kind(Kind::Int);
        refused(&q(2, 1, 8), &wide, &kv, "codes must be of int8");
        let mut short = rows(5, 8);
        short.scales = short.scales.narrow(2, 0, 4);
        refused(&q(2, 1, 8), &kv, &short, "do not fit codes");
    }
}
