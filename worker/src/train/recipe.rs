//! How a model is trained: shape, batches, learning rate, and when layers share.

use std::f64::consts::PI;

use anechoic_protocol::{Gpt2Config, Sharing};

use super::TrainError;
use crate::text::VOCAB;

/// Everything that a trained model follows from, beside the number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The shape; windows are as long as its own.
    pub config: Gpt2Config,
    /// With [`Sharing::Pairs`] every other step shares keys and values between the layers of pairs.
    pub sharing: Sharing,
    /// Optimiser steps.
    pub steps: u32,
    /// Tokens per step, at least a window of them.
    pub tokens_per_step: u32,
    /// The largest learning rate.
    pub peak_rate: f64,
    /// Seed of the first parameters and of the text.
    pub seed: u64,
}

/// The shape of the shipped models: 0.8 million parameters, 1.7 MB in half precision.
pub fn shipped_config() -> Gpt2Config {
    Gpt2Config {
        vocab_size: VOCAB as u32,
        n_positions: 256,
        ..Gpt2Config::sized(128, 4, 2)
    }
}

impl Recipe {
    /// The recipe of the shipped models.
    pub fn shipped(sharing: Sharing, steps: u32, seed: u64) -> Self {
        Self {
            config: shipped_config(),
            sharing,
            steps,
            tokens_per_step: 2048,
            peak_rate: 2e-3,
            seed,
        }
    }

    /// Refuses what cannot be followed.
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |text: String| Err(TrainError::Recipe(text));
        let (config, window) = (&self.config, self.config.n_positions);
        if config.vocab_size < VOCAB as u32 {
            return refuse(format!(
                "{} tokens are too few for the text's {VOCAB}",
                config.vocab_size
            ));
        }
        if self.steps == 0 {
            return refuse("at least one step is needed".to_owned());
        }
        if window < 2 || self.tokens_per_step < window {
            return refuse(format!(
                "a window of {window} tokens is below 2 or above the {} tokens of a step",
                self.tokens_per_step
            ));
        }
        if self.sharing == Sharing::Pairs && !config.n_layer.is_multiple_of(2) {
            return refuse(format!("{} layers make up no pairs", config.n_layer));
        }
        Ok(())
    }

    /// Learning rate of a step, from 0: a straight rise over a twentieth of the steps, then half a cosine down to next to
    /// nothing.
    pub fn rate(&self, step: u32) -> f64 {
        let rise = (self.steps / 20).max(1);
        if step < rise {
            return self.peak_rate * f64::from(step + 1) / f64::from(rise);
        }
        let done = f64::from(step - rise) / f64::from((self.steps - rise).max(1));
        self.peak_rate * (0.01 + 0.99 * (1.0 + (PI * done).cos()) / 2.0)
    }

    /// Which layers own keys and values at a step, from 0.
    pub fn sharing_at(&self, step: u32) -> Sharing {
        match step % 2 {
            0 => Sharing::None,
            _ => self.sharing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe::shipped(Sharing::Pairs, 100, 1)
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let recipe = recipe();
        let rates: Vec<f64> = (0..100).map(|step| recipe.rate(step)).collect();
        assert!((rates[0] - 4e-4).abs() < 1e-12 && (rates[4] - 2e-3).abs() < 1e-12);
        assert!(rates[5..].is_sorted_by(|a, b| a > b), "{rates:?}");
        assert!(rates[99] > 0.0 && rates[99] < 4e-5);
        let one = Recipe { steps: 1, ..recipe };
        assert_eq!(one.rate(0), 2e-3);
    }

    #[test]
    fn sharing_alternates() {
        let recipe = recipe();
        assert_eq!(
            [0, 1, 2].map(|step| recipe.sharing_at(step)),
            [Sharing::None, Sharing::Pairs, Sharing::None]
        );
        let plain = Recipe {
            sharing: Sharing::None,
            ..recipe
        };
        assert!((0..4).all(|step| plain.sharing_at(step) == Sharing::None));
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let check = |change: &dyn Fn(&mut Recipe), expected: &str| {
            let mut recipe = recipe();
            change(&mut recipe);
            let error = recipe.check().unwrap_err().to_string();
            assert_eq!(error, format!("train a model: {expected}"));
        };
        assert!(recipe().check().is_ok());
        check(&|r| r.steps = 0, "at least one step is needed");
        check(
            &|r| r.config.vocab_size = 9,
            "9 tokens are too few for the text's 21",
        );
        check(&|r| r.config.n_layer = 3, "3 layers make up no pairs");
        let window = "a window of 4096 tokens is below 2 or above the 2048 tokens of a step";
        check(&|r| r.config.n_positions = 4096, window);
    }
}
