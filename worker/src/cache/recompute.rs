//! No cache: only the tokens are kept, and every forward call is fed all of them again. Keys and values live as long as
//! the layer that has just computed them.

use tch::Tensor;

/// The tokens fed so far, and the keys and values of the layer at work.
#[derive(Debug, Default)]
pub(super) struct Recompute {
    tokens: Option<Tensor>, // (batch, position)
    layer: Option<(Tensor, Tensor)>,
}

impl Recompute {
    /// All of the context: the first `position` tokens and those that come now, (batch, t) → (batch, position + t).
    pub(super) fn feed(&mut self, position: i64, tokens: &Tensor) -> Tensor {
        let context = match &self.tokens {
            Some(before) if position > 0 => {
                Tensor::cat(&[before.narrow(1, 0, position), tokens.shallow_clone()], 1)
            }
            Some(_) | None => tokens.shallow_clone(),
        };
        self.tokens = Some(context.shallow_clone());
        context
    }

    /// Keeps a layer's keys and values until the next layer's come.
    pub(super) fn write(&mut self, keys: &Tensor, values: &Tensor) {
        self.layer = Some((keys.shallow_clone(), values.shallow_clone()));
    }

    /// The keys and values of the layer at work.
    ///
    /// # Panics
    /// When nothing was written: the model reads before it writes.
    pub(super) fn read(&self) -> (Tensor, Tensor) {
        let (keys, values) = self.layer.as_ref().expect("a layer writes before it reads");
        (keys.shallow_clone(), values.shallow_clone())
    }

    /// Forgets the layer at work, and with it the memory of its keys and values.
    pub(super) fn end_forward(&mut self) {
        self.layer = None;
    }
}
