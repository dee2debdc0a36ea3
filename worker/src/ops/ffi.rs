//! The functions of `csrc/ops.cpp`, and the two ways in which they say that they failed.

use std::ffi::{CStr, c_char, c_int, c_void};

use tch::Tensor;
use torch_sys::C_tensor;

use super::{DeviceMemory, Int8Rows, OpsError};

unsafe extern "C" {
    fn anechoic_error() -> *const c_char;
    pub(super) safe fn anechoic_simd() -> c_int;
    pub(super) safe fn anechoic_has_bf16() -> bool;
    pub(super) safe fn anechoic_kernel_rows(bf16: bool) -> i64;
    pub(super) fn anechoic_prepack(weight: *const C_tensor) -> *mut C_tensor;
    pub(super) fn anechoic_linear_prepacked(
        x: *const C_tensor,
        packed: *const C_tensor,
        bias: *const C_tensor,
    ) -> *mut C_tensor;
    pub(super) fn anechoic_linear_rows(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        simd: c_int,
    ) -> *mut C_tensor;
    pub(super) fn anechoic_linear_plain(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
    ) -> *mut C_tensor;
    pub(super) fn anechoic_decode_attention(
        q: *const C_tensor,
        k: *const C_tensor,
        v: *const C_tensor,
        scale: f64,
        simd: c_int,
    ) -> *mut C_tensor;
    pub(super) fn anechoic_decode_attention_int8(
        q: *const C_tensor,
        k: RowsPointers,
        v: RowsPointers,
        scale: f64,
        simd: c_int,
    ) -> *mut C_tensor;
    pub(super) fn anechoic_quantise_rows(
        rows: *const C_tensor,
        into: RowsPointers,
        simd: c_int,
    ) -> c_int;
    pub(super) fn anechoic_gelu_new(x: *const C_tensor, simd: c_int) -> *mut C_tensor;
    pub(super) fn anechoic_read_all(x: *const C_tensor, streams: c_int, simd: c_int) -> i64;
    pub(super) safe fn anechoic_inference_mode_enter() -> *mut c_void;
    pub(super) fn anechoic_inference_mode_leave(mode: *mut c_void);
    pub(super) safe fn anechoic_version() -> *const c_char;
    pub(super) safe fn anechoic_cpu_capability() -> *const c_char;
    pub(super) safe fn anechoic_library_folder() -> *const c_char;
    pub(super) safe fn anechoic_load_cuda() -> c_int;
    pub(super) safe fn anechoic_synchronize(index: c_int) -> c_int;
    pub(super) safe fn anechoic_reset_peak(index: c_int) -> c_int;
    pub(super) fn anechoic_peak_memory(index: c_int, out: *mut i64) -> c_int;
    pub(super) fn anechoic_device_memory(index: c_int, out: *mut DeviceMemory) -> c_int;
    pub(super) safe fn anechoic_empty_device_cache() -> c_int;
    pub(super) safe fn anechoic_timer_start(index: c_int) -> *mut c_void;
    pub(super) fn anechoic_timer_stop(timer: *mut c_void, ns: *mut u64) -> c_int;
    pub(super) fn anechoic_timer_free(timer: *mut c_void);
}

/// [`super::Int8Rows`] as C++ takes them.
#[repr(C)]
pub(super) struct RowsPointers {
    codes: *const C_tensor,
    scales: *const C_tensor,
}

impl RowsPointers {
    pub(super) fn of(rows: &Int8Rows) -> Self {
        Self {
            codes: rows.codes.as_ptr(),
            scales: rows.scales.as_ptr(),
        }
    }
}

/// The text of this thread's last failure.
pub(super) fn last_message() -> String {
    // SAFETY: the pointer is never null, and the text stays until this thread's next failing call.
    let text = unsafe { CStr::from_ptr(anechoic_error()) };
    text.to_string_lossy().into_owned()
}

/// What just failed on this thread, with libtorch's words.
pub(super) fn failure(action: &'static str) -> OpsError {
    OpsError::Torch {
        action,
        message: last_message(),
    }
}

/// Takes over a tensor that was returned; null is a failure.
pub(super) fn owned(action: &'static str, tensor: *mut C_tensor) -> Result<Tensor, OpsError> {
    if tensor.is_null() {
        return Err(failure(action));
    }
    // SAFETY: the C++ side allocated it for the caller, and nobody else has it.
    Ok(unsafe { Tensor::from_ptr(tensor) })
}

/// Copies a text that was returned; null is a failure.
pub(super) fn text(action: &'static str, text: *const c_char) -> Result<String, OpsError> {
    if text.is_null() {
        return Err(failure(action));
    }
    // SAFETY: it ends in a zero, and stays until this thread's next call for a text.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_string_lossy().into_owned())
}

/// Zero is success.
pub(super) fn done(action: &'static str, code: c_int) -> Result<(), OpsError> {
    if code == 0 {
        Ok(())
    } else {
        Err(failure(action))
    }
}

/// An optional tensor as C++ takes it.
pub(super) fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(std::ptr::null(), Tensor::as_ptr)
}
