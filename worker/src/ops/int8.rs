//! Rows of keys or values as 8-bit codes with one scale each: quantising them, and turning them back.

use tch::{Kind, TchError, Tensor};

use super::attention::kernel_for;
use super::ffi::{self, RowsPointers};
use super::{OpsError, Simd};

/// The greatest code; the least is its negative, so that the codes are symmetric.
const GREATEST_CODE: f64 = 127.0;

/// INT8 rows with one f32 scale each: value = code × scale. Views of a longer cache will do.
#[derive(Debug)]
pub struct Int8Rows {
    /// (b, kv_heads, len, head_dim), i8, the last dimension dense.
    pub codes: Tensor,
    /// (b, kv_heads, len), f32.
    pub scales: Tensor,
}

/// Quantises rows (b, kv_heads, t, head_dim) and writes them into views of the same sizes:
/// scale = max |row| / 127 and code = row / scale, rounded half to even, all in f32. A row of zeros, or one so small that
/// its scale is zero, has codes of zero; a row with a value that is not finite has a scale that is not finite either.
/// Every path and every device yields the same bits.
///
/// # Panics
/// When sizes or types do not fit, as tch's own operators do.
pub fn quantise_rows(rows: &Tensor, into: &Int8Rows) {
    match kernel_for(rows.kind(), rows.device()) {
        Some(simd) => {
            fused_quantise(rows, into, simd).unwrap_or_else(|error| panic!("failed to {error}"))
        }
        None => stock_quantise(rows, into)
            .unwrap_or_else(|error| panic!("failed to quantise rows: {error}")),
    }
}

fn fused_quantise(rows: &Tensor, into: &Int8Rows, simd: Simd) -> Result<(), OpsError> {
    let pointers = RowsPointers::of(into);
    // SAFETY: the pointers are live tensors'; nothing else writes to them meanwhile.
    let code = unsafe { ffi::anechoic_quantise_rows(rows.as_ptr(), pointers, simd.code()) };
    ffi::done("quantise rows", code)
}

fn stock_quantise(rows: &Tensor, into: &Int8Rows) -> Result<(), TchError> {
    let rows = rows.f_to_kind(Kind::Float)?;
    let greatest = rows.f_abs()?.f_amax([-1].as_slice(), true)?; // (b, kv_heads, t, 1)
    // A number would be turned into its reciprocal on a GPU; a tensor is divided by.
    let divisor = Tensor::f_full([1], GREATEST_CODE, (Kind::Float, rows.device()))?;
    let scales = greatest.f_div(&divisor)?;
    let codes = rows
        .f_div(&scales)?
        .f_nan_to_num(0.0, 0.0, 0.0)?
        .f_round()?
        .f_clamp(-GREATEST_CODE, GREATEST_CODE)?;
    into.codes.shallow_clone().f_copy_(&codes)?;
    into.scales
        .shallow_clone()
        .f_copy_(&scales.f_squeeze_dim(-1)?)
}

/// The rows in `kind`: codes × scales, multiplied in f32 (in f64 for f64).
///
/// # Panics
/// When sizes do not fit, as tch's own operators do.
pub fn dequantise(rows: &Int8Rows, kind: Kind) -> Tensor {
    let wide = if kind == Kind::Double {
        kind
    } else {
        Kind::Float
    };
    let values = rows.codes.to_kind(wide) * rows.scales.to_kind(wide).unsqueeze(-1);
    values.to_kind(kind)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn empty([b, heads, len, dim]: [i64; 4]) -> Int8Rows {
        Int8Rows {
            codes: Tensor::full([b, heads, len, dim], 77, (Kind::Int8, Device::Cpu)),
            scales: Tensor::full([b, heads, len], 7.0, CPU),
        }
    }

    fn quantised(rows: &Tensor, by: impl Fn(&Tensor, &Int8Rows)) -> Int8Rows {
        let into = empty(<[i64; 4]>::try_from(rows.size()).unwrap());
        by(rows, &into);
        into
    }

    fn stock(rows: &Tensor) -> Int8Rows {
        quantised(rows, |rows, into| stock_quantise(rows, into).unwrap())
    }

    /// Whether every kernel yields the bits that libtorch's operators do.
    fn check(rows: &Tensor) {
        let expected = stock(rows);
        for simd in Simd::ALL.into_iter().filter(|simd| simd.is_supported()) {
            let found = quantised(rows, |rows, into| fused_quantise(rows, into, simd).unwrap());
            assert!(found.codes.equal(&expected.codes), "{simd:?} {rows:?}");
            let bits = |rows: &Int8Rows| rows.scales.view_dtype(Kind::Int);
            assert!(bits(&found).equal(&bits(&expected)), "{simd:?} {rows:?}");
        }
    }

    #[test]
    fn kernels_and_operators_agree_to_the_bit() {
        for kind in [Kind::Float, Kind::BFloat16] {
            for dim in [1, 5, 16, 64, 80, 128, 129] {
                for size in [1e-42, 1e-38, 1e-30, 1.0, 1e4, 1e38] {
                    let rows = Tensor::randn([2, 3, 4, dim], CPU) * size;
                    check(&rows.to_kind(kind));
                }
            }
        }
    }

    #[test]
    fn every_tie_is_rounded_to_the_even_code() {
        // With 127 as the greatest, a value is its own quotient.
        let halves = Tensor::arange(256, CPU) / 2.0;
        let rows = Tensor::cat(&[&halves - 0.5, -&halves, Tensor::full([1], 127.0, CPU)], 0);
        let rows = rows.clamp(-127.0, 127.0).view([1, 1, 1, -1]);
        check(&rows);
        let codes = stock(&rows).codes.flatten(0, -1);
        let codes: Vec<i64> = Vec::try_from(codes.to_kind(Kind::Int64)).unwrap();
        assert_eq!(codes[..8], [0, 0, 0, 1, 2, 2, 2, 3]);
    }

    #[test]
    fn views_are_read_and_written() {
        let cache = empty([2, 3, 9, 16]);
        let narrow = |at: i64, t: i64| Int8Rows {
            codes: cache.codes.narrow(2, at, t),
            scales: cache.scales.narrow(2, at, t),
        };
        // (b, t, 3, heads, dim), as a fused projection yields it.
        let rows = Tensor::randn([2, 2, 3, 3, 16], CPU)
            .select(2, 1)
            .transpose(1, 2);
        quantise_rows(&rows, &narrow(4, 2));
        let expected = stock(&rows);
        assert!(narrow(4, 2).codes.equal(&expected.codes));
        assert!(narrow(4, 2).scales.equal(&expected.scales));
        for (at, t) in [(0, 4), (6, 3)] {
            assert!(narrow(at, t).codes.eq(77).all().int64_value(&[]) == 1);
            assert!(narrow(at, t).scales.eq(7.0).all().int64_value(&[]) == 1);
        }
    }

    #[test]
    fn zeros_and_what_is_not_finite() {
        let rows = Tensor::zeros([1, 1, 4, 64], CPU);
        for (row, value) in [(1, f64::NAN), (2, f64::INFINITY), (3, f64::NEG_INFINITY)] {
            let _ = rows.get(0).get(0).get(row).narrow(0, 40, 1).fill_(value);
        }
        let found = quantised(&rows, quantise_rows);
        assert_eq!(found.codes.abs().max().int64_value(&[]), 0);
        let values = dequantise(&found, Kind::Float);
        let finite: Vec<i64> = Vec::try_from(
            values
                .isfinite()
                .all_dim(-1, false)
                .flatten(0, -1)
                .to_kind(Kind::Int64),
        )
        .unwrap();
        assert_eq!(finite, [1, 0, 0, 0]);
        assert_eq!(
            values.get(0).get(0).get(0).abs().max().double_value(&[]),
            0.0
        );
        assert!(stock(&rows).codes.equal(&found.codes));
    }

    #[test]
    fn values_come_back_within_half_a_step() {
        let rows = Tensor::randn([2, 2, 30, 64], CPU);
        let found = quantised(&rows, quantise_rows);
        let error = (dequantise(&found, Kind::Float) - &rows).abs() / found.scales.unsqueeze(-1);
        assert!(error.max().double_value(&[]) <= 0.5 + 1e-4);
        let bf16 = dequantise(&found, Kind::BFloat16);
        assert!(bf16.equal(&dequantise(&found, Kind::Float).to_kind(Kind::BFloat16)));
    }

    #[test]
    fn no_rows_are_no_work() {
        let rows = Tensor::zeros([1, 2, 0, 64], CPU);
        quantise_rows(&rows, &empty([1, 2, 0, 64]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let Some(simd) = Simd::best() else { return };
        let rows = Tensor::zeros([1, 2, 3, 64], CPU);
        let error = fused_quantise(&rows, &empty([1, 2, 4, 64]), simd)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("quantise rows: ") && error.contains("do not fit codes"),
            "{error}"
        );
    }
}
