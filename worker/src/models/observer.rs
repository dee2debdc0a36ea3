//! What may look at a forward pass between its parts.

use tch::Tensor;

/// Sees the residual stream, (b, t, hidden), where it passes from one part of the model to the next. What is not
/// implemented does nothing, and is compiled away. A closure sees what each layer leaves.
pub trait Observer {
    /// After the embedding.
    fn embedded(&mut self, _x: &Tensor) {}

    /// After a layer's attention and its residual.
    fn attended(&mut self, _layer: u32, _x: &Tensor) {}

    /// After a layer.
    fn layer_done(&mut self, _layer: u32, _x: &Tensor) {}
}

impl<F: FnMut(u32, &Tensor)> Observer for F {
    fn layer_done(&mut self, layer: u32, x: &Tensor) {
        self(layer, x);
    }
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}
