//! How far what was found lies from what was expected.

use anechoic_protocol::Dtype;
use tch::{Device, Kind, Tensor};

use super::BenchmarkError;

/// Largest difference relative to the reference's largest value that rounding of the type explains, accumulated over the
/// layers. Wrong rows, wrong positions and wrong layers differ by the order of 1.
pub(super) fn rounding(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 1e-2,
        Dtype::Bf16 => 6e-2,
    }
}

/// The largest difference seen so far.
#[derive(Debug, Default)]
pub(super) struct Difference {
    compared: u64,
    largest: f64,
    misshapen: Option<String>,
}

impl Difference {
    /// Compares two tensors, relative to the largest absolute value expected.
    pub(super) fn add(&mut self, found: &Tensor, expected: &Tensor) {
        if found.size() != expected.size() {
            let (found, expected) = (found.size(), expected.size());
            self.misshapen = Some(format!("shape {found:?} in place of {expected:?}"));
            return;
        }
        self.compared += expected.numel() as u64;
        let host = |tensor: &Tensor| tensor.to_device(Device::Cpu).to_kind(Kind::Float);
        let (found, expected) = (host(found), host(expected));
        let scale = expected.abs().max().double_value(&[]);
        let distance = (found - expected).abs().max().double_value(&[]);
        let relative = distance / scale.max(f64::MIN_POSITIVE);
        // `f64::max` would drop a NaN.
        self.largest = if relative.is_nan() {
            f64::INFINITY
        } else {
            self.largest.max(relative)
        };
    }

    /// Values compared.
    pub(super) fn compared(&self) -> u64 {
        self.compared
    }

    /// The largest difference, relative.
    pub(super) fn largest(&self) -> f64 {
        self.largest
    }

    /// Fails where `what` lies further from `reference` than accepted.
    pub(super) fn judge(
        &self,
        what: &str,
        reference: &str,
        tolerance: f64,
    ) -> Result<(), BenchmarkError> {
        if let Some(misshapen) = &self.misshapen {
            return Err(BenchmarkError::Verification(misshapen.clone()));
        }
        if self.largest > tolerance {
            return Err(BenchmarkError::Verification(format!(
                "{what} differs from {reference} by {:.2e} of the largest value, accepted are {tolerance:.0e}",
                self.largest
            )));
        }
        Ok(())
    }
}
