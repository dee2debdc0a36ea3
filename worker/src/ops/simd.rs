//! The instruction sets that the kernels were compiled for.

use super::ffi;

/// An instruction set with kernels of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Simd {
    /// AVX2 and FMA: 8 floats at a time.
    Avx2,
    /// AVX-512 F, BW, VL and DQ: 16 floats at a time.
    Avx512,
}

impl Simd {
    /// Every one, from narrow to wide.
    pub const ALL: [Self; 2] = [Self::Avx2, Self::Avx512];

    /// The widest that this processor has.
    pub fn best() -> Option<Self> {
        Self::ALL.into_iter().rfind(|simd| simd.is_supported())
    }

    /// Whether this processor can run it.
    pub fn is_supported(self) -> bool {
        self.code() <= ffi::anechoic_simd()
    }

    /// The number that C++ knows it by.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Avx2 => 1,
            Self::Avx512 => 2,
        }
    }
}
