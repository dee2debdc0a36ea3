//! Linear layers. Decoding reads every weight once per token, so what counts is how fast a path reads memory;
//! `docs/decisions/linear-layers.md` has the measurements behind the choice.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::{OpsError, Simd, StockOperators, ffi};

/// How a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinearPath {
    /// libtorch's own operator: any device and type.
    Plain,
    /// oneDNN, with the weight in the order it likes best.
    Prepacked,
    /// This project's kernels: f32 and bf16 on a CPU, straight from the checkpoint's (out, in) weight.
    Rows(Simd),
}

impl LinearPath {
    /// The path for a weight of this type on this device. It depends on nothing but these two and the processor.
    pub fn choose(kind: Kind, device: Device) -> Self {
        let rows = Simd::best().map_or(Self::Plain, Self::Rows);
        match (device, kind) {
            (Device::Cpu, Kind::Float) => rows,
            // Such a processor has an instruction for it, which oneDNN uses and the kernels do not.
            (Device::Cpu, Kind::BFloat16) if ffi::anechoic_has_bf16() => Self::Prepacked,
            (Device::Cpu, Kind::BFloat16) => rows,
            _ => Self::Plain,
        }
    }

    /// Up to so many rows of x it computes in one way and above them in another, where it has two.
    pub fn few_rows(self, kind: Kind) -> Option<u32> {
        match self {
            Self::Rows(_) => u32::try_from(ffi::anechoic_kernel_rows(kind == Kind::BFloat16)).ok(),
            Self::Plain | Self::Prepacked => None,
        }
    }

    /// As results name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Prepacked => "onednn-prepacked",
            Self::Rows(Simd::Avx2) => "rows-avx2",
            Self::Rows(Simd::Avx512) => "rows-avx512",
        }
    }
}

impl fmt::Display for LinearPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Up to so many rows libtorch's bf16 operator is fast enough to check with.
const STOCK_BF16_ROWS: usize = 16;

/// `x · weightᵀ + bias`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor, // (out, in), or the same packed by oneDNN
    bias: Option<Tensor>,
    path: LinearPath,
}

impl Linear {
    /// A layer on the path that is best for its weight (out, in) and bias (out). Shares the weight's memory where the
    /// path takes it as it is and it is dense.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self, OpsError> {
        let path = LinearPath::choose(weight.kind(), weight.device());
        Self::with_path(weight, bias, path)
    }

    /// A layer on a path of the caller's choice.
    pub fn with_path(
        weight: Tensor,
        bias: Option<Tensor>,
        path: LinearPath,
    ) -> Result<Self, OpsError> {
        let action = "prepare a linear layer";
        let dense = weight.f_contiguous().map_err(|e| refused(action, &e))?;
        let weight = match path {
            LinearPath::Plain => dense,
            LinearPath::Rows(simd) if simd.is_supported() => dense,
            LinearPath::Rows(_) => {
                let message = format!("this processor cannot run {path}");
                return Err(OpsError::Torch { action, message });
            }
            // SAFETY: the pointer is a live tensor's.
            LinearPath::Prepacked => {
                ffi::owned(action, unsafe { ffi::anechoic_prepack(dense.as_ptr()) })?
            }
        };
        Ok(Self { weight, bias, path })
    }

    /// (…, in) → (…, out).
    ///
    /// # Panics
    /// When shapes or types do not fit, as tch's own operators do.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.f_forward(x)
            .unwrap_or_else(|error| panic!("failed to {error}"))
    }

    /// (…, in) → (…, out).
    pub fn f_forward(&self, x: &Tensor) -> Result<Tensor, OpsError> {
        if matches!(self.path, LinearPath::Rows(_)) && StockOperators::in_force() {
            return self.stock(x);
        }
        let (x, weight, bias) = (
            x.as_ptr(),
            self.weight.as_ptr(),
            ffi::pointer(self.bias.as_ref()),
        );
        // SAFETY: the pointers are live tensors', or null where the C++ side takes none.
        let out = unsafe {
            match self.path {
                LinearPath::Plain => ffi::anechoic_linear_plain(x, weight, bias),
                LinearPath::Prepacked => ffi::anechoic_linear_prepacked(x, weight, bias),
                LinearPath::Rows(simd) => ffi::anechoic_linear_rows(x, weight, bias, simd.code()),
            }
        };
        ffi::owned("apply a linear layer", out)
    }

    /// By libtorch's operator; many rows of bf16 in f32, because in bf16 it takes its time for every row.
    fn stock(&self, x: &Tensor) -> Result<Tensor, OpsError> {
        let (weight, bias) = (&self.weight, self.bias.as_ref());
        let many = x.numel() > STOCK_BF16_ROWS * weight.size()[1] as usize;
        let out = if x.kind() == Kind::BFloat16 && many {
            let wide = |tensor: &Tensor| tensor.to_kind(Kind::Float);
            let out = wide(x).f_linear(&wide(weight), bias.map(wide));
            out.and_then(|out| out.f_to_kind(x.kind()))
        } else {
            x.f_linear(weight, bias)
        };
        out.map_err(|e| refused("apply a linear layer", &e))
    }

    /// How it computes.
    pub fn path(&self) -> LinearPath {
        self.path
    }
}

fn refused(action: &'static str, error: &tch::TchError) -> OpsError {
    OpsError::Torch {
        action,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path that this processor can run for the type.
    fn paths(kind: Kind) -> Vec<LinearPath> {
        let rows = Simd::ALL
            .into_iter()
            .filter(|simd| simd.is_supported())
            .map(LinearPath::Rows);
        let tiny = Tensor::ones([1, 1], (kind, Device::Cpu));
        let prepacked =
            Linear::with_path(tiny, None, LinearPath::Prepacked).map(|layer| layer.path());
        rows.chain(prepacked).chain([LinearPath::Plain]).collect()
    }

    fn random(sizes: &[i64], kind: Kind) -> Tensor {
        Tensor::randn(sizes, (Kind::Float, Device::Cpu)).to_kind(kind)
    }

    /// The greatest error against the definition in double precision, in units that rounding explains: a few in the
    /// result's last place, and those of the sums before it.
    fn error(layer: &Linear, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> f64 {
        let wide = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let mut exact = wide(x).matmul(&wide(weight).tr());
        let mut size = wide(x).abs().matmul(&wide(weight).abs().tr());
        if let Some(bias) = bias {
            exact += wide(bias);
            size += wide(bias).abs();
        }
        let out = layer.forward(x);
        assert_eq!((out.size(), out.kind()), (exact.size(), x.kind()));
        let last_place = if x.kind() == Kind::BFloat16 {
            1.0 / 256.0
        } else {
            1.0 / f64::from(1 << 23)
        };
        let allowed = exact.abs() * last_place + size * 1e-6 + 1e-30;
        ((wide(&out) - exact).abs() / allowed)
            .max()
            .double_value(&[])
    }

    fn check(kind: Kind, sizes: &[i64], outputs: i64, with_bias: bool) {
        let inputs = sizes[sizes.len() - 1];
        let (x, weight) = (random(sizes, kind), random(&[outputs, inputs], kind));
        let bias = with_bias.then(|| random(&[outputs], kind));
        for path in paths(kind) {
            let copy = |tensor: &Tensor| tensor.shallow_clone();
            let layer = Linear::with_path(copy(&weight), bias.as_ref().map(copy), path).unwrap();
            // oneDNN and MKL may round bf16 sums once more on the way.
            let limit = if matches!(path, LinearPath::Rows(_)) {
                1.0
            } else {
                4.0
            };
            let error = error(&layer, &x, &weight, bias.as_ref());
            assert!(
                error <= limit,
                "{path} {kind:?} {sizes:?} to {outputs}, bias {with_bias}: {error}"
            );
        }
    }

    #[test]
    fn every_path_computes_the_definition_at_odd_sizes() {
        for kind in [Kind::Float, Kind::BFloat16] {
            for inputs in [1, 7, 8, 9, 16, 17, 33, 257] {
                for outputs in [1, 2, 3, 5, 11, 130, 257] {
                    for rows in [1, 2, 3, 4, 5, 6, 7, 8, 13] {
                        check(
                            kind,
                            &[rows, inputs],
                            outputs,
                            (inputs + outputs + rows) % 2 == 0,
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn many_rows_and_any_leading_dimensions() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let few = LinearPath::choose(kind, Device::Cpu).few_rows(kind);
            assert!(few.is_none_or(|few| [64, 160].contains(&few)), "{few:?}");
            for rows in [16, 63, 64, 65, 160, 161] {
                check(kind, &[rows, 40], 70, true);
            }
            check(kind, &[24], 10, true);
            check(kind, &[2, 3, 24], 10, true);
            check(kind, &[2, 1, 2, 24], 10, false);
        }
    }

    #[test]
    fn inputs_may_be_views() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let weight = random(&[20, 12], kind);
            let x = random(&[12, 5], kind).tr();
            for path in paths(kind) {
                let layer = Linear::with_path(weight.shallow_clone(), None, path).unwrap();
                let error = error(&layer, &x, &weight, None);
                assert!(error <= 4.0, "{path} {kind:?}: {error}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let weight = random(&[6, 40], kind);
            let _ = weight.get(4).get(39).fill_(f64::NAN);
            for path in paths(kind) {
                let layer = Linear::with_path(weight.shallow_clone(), None, path).unwrap();
                let nans: Vec<bool> =
                    Vec::try_from(layer.forward(&random(&[40], kind)).isnan()).unwrap();
                assert_eq!(
                    nans,
                    [false, false, false, false, true, false],
                    "{path} {kind:?}"
                );
            }
        }
    }

    #[test]
    fn a_dense_weight_is_not_copied() {
        if let LinearPath::Rows(_) = LinearPath::choose(Kind::Float, Device::Cpu) {
            let weight = random(&[8, 8], Kind::Float);
            let layer = Linear::new(weight.shallow_clone(), None).unwrap();
            assert_eq!(layer.weight.data_ptr(), weight.data_ptr());
        }
    }

    #[test]
    fn libtorch_answers_where_it_is_asked_to() {
        let Some(simd) = Simd::best() else { return };
        for kind in [Kind::Float, Kind::BFloat16] {
            for rows in [1, 5, 40] {
                let (x, weight) = (random(&[rows, 24], kind), random(&[10, 24], kind));
                // As if the kernel were broken: it refuses a weight that is not dense.
                let broken = Linear {
                    path: LinearPath::Rows(simd),
                    weight: weight.tr().contiguous().tr(),
                    bias: None,
                };
                assert!(broken.f_forward(&x).is_err());
                let _stock_only = StockOperators::enter();
                let error = error(&broken, &x, &weight, None);
                assert!(error <= 4.0, "{kind:?}, {rows} rows: {error}");
            }
        }
    }

    #[test]
    fn types_without_kernels_take_the_plain_path() {
        for kind in [Kind::Half, Kind::Double] {
            assert_eq!(LinearPath::choose(kind, Device::Cpu), LinearPath::Plain);
        }
        assert_eq!(
            LinearPath::choose(Kind::BFloat16, Device::Cuda(0)),
            LinearPath::Plain
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for path in paths(Kind::Float) {
            let layer = Linear::with_path(random(&[3, 4], Kind::Float), None, path).unwrap();
            let error = layer
                .f_forward(&random(&[2, 5], Kind::Float))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("apply a linear layer: ") && error.len() > 30,
                "{path}: {error}"
            );
        }
    }
}
