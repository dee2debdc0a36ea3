//! A switch from this project's kernels to libtorch's own operators, so that one can be checked by the other.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static STOCK: Cell<bool> = const { Cell::new(false) };
}

/// While the value lives, this thread's linear layers (wherever the weight is there unpacked), attention, quantisation and
/// activations are computed by libtorch's operators. Drop several in reverse order.
#[derive(Debug)]
#[must_use = "the kernels come back when this is dropped"]
pub struct StockOperators {
    before: bool,
    // The switch belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl StockOperators {
    /// Begins it.
    pub fn enter() -> Self {
        Self {
            before: STOCK.replace(true),
            not_send: PhantomData,
        }
    }

    pub(super) fn in_force() -> bool {
        STOCK.get()
    }
}

impl Drop for StockOperators {
    fn drop(&mut self) {
        STOCK.set(self.before);
    }
}
