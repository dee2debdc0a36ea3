//! libtorch's inference mode, which tch does not have: no autograd, and no bookkeeping for it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::ffi;

/// Inference mode for this thread while the value lives. Drop several in reverse order.
#[derive(Debug)]
#[must_use = "inference mode ends when this is dropped"]
pub struct InferenceMode {
    mode: NonNull<c_void>,
    // The mode belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl InferenceMode {
    /// Begins it.
    pub fn enter() -> Self {
        let mode = NonNull::new(ffi::anechoic_inference_mode_enter());
        Self {
            mode: mode.expect("entering inference mode only allocates"),
            not_send: PhantomData,
        }
    }
}

impl Drop for InferenceMode {
    fn drop(&mut self) {
        // SAFETY: it was made in `enter`, on this thread, and is dropped once.
        unsafe { ffi::anechoic_inference_mode_leave(self.mode.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    fn records_gradients() -> bool {
        let x = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        (x * 2.0).requires_grad()
    }

    #[test]
    fn it_lasts_as_long_as_its_values() {
        assert!(records_gradients());
        let x = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        {
            let _outer = InferenceMode::enter();
            assert!(!(&x * 2.0).requires_grad());
            drop(InferenceMode::enter());
            assert!(!(&x * 2.0).requires_grad(), "the outer one still holds");
        }
        assert!(records_gradients());
    }
}
