//! Linear layers. Decoding reads every weight once per token, so what counts is how fast a path reads memory;
//! `docs/decisions/linear-layers.md` has the measurements behind the choice.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::{OpsError, Simd, ffi};

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

/// `x · weightᵀ + bias`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor, // (out, in), or the same packed by oneDNN
    bias: Option<Tensor>,
    path: LinearPath,
    weight_bytes: u64,
}

impl Linear {
    /// A layer on the path that is best for its weight (out, in) and bias (out). Shares the weight's memory where the
    /// path takes it as it is and it is dense.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self, OpsError> {
        let path = LinearPath::choose(weight.kind(), weight.device());
        Self::with_path(weight, bias, path)
    }

    /// A layer on a path of the caller's choice.
    pub fn with_path(weight: Tensor, bias: Option<Tensor>, path: LinearPath) -> Result<Self, OpsError> {
        let action = "prepare a linear layer";
        let dense = weight.f_contiguous().map_err(|e| refused(action, &e))?;
        let weight_bytes = dense.numel() as u64 * dense.kind().elt_size_in_bytes() as u64;
        let weight = match path {
            LinearPath::Plain => dense,
            LinearPath::Rows(simd) if simd.is_supported() => dense,
            LinearPath::Rows(_) => {
                let message = format!("this processor cannot run {path}");
                return Err(OpsError::Torch { action, message });
            }
            // SAFETY: the pointer is a live tensor's.
            LinearPath::Prepacked => ffi::owned(action, unsafe { ffi::anechoic_prepack(dense.as_ptr()) })?,
        };
        Ok(Self { weight, bias, path, weight_bytes })
    }

    /// (…, in) → (…, out).
    ///
    /// # Panics
    /// When shapes or types do not fit, as tch's own operators do.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.f_forward(x).unwrap_or_else(|error| panic!("failed to {error}"))
    }

    /// (…, in) → (…, out).
    pub fn f_forward(&self, x: &Tensor) -> Result<Tensor, OpsError> {
        let (x, weight, bias) = (x.as_ptr(), self.weight.as_ptr(), ffi::pointer(self.bias.as_ref()));
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

    /// How it computes.
    pub fn path(&self) -> LinearPath {
        self.path
    }

    /// Size of the weight, without what packing may add to it.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }
}

fn refused(action: &'static str, error: &tch::TchError) -> OpsError {
    OpsError::Torch { action, message: error.to_string() }
}
