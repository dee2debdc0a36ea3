//! The training loop, and the loss on text that training has not seen.

use std::path::Path;

use anechoic_protocol::Sharing;
use tch::nn::{self, OptimizerConfig};
use tch::{Kind, Tensor};

use super::gpt2::DECAYING;
use super::{Folder, Recipe, Report, TrainError, Trainee};
use crate::text::{Source, losses};
use crate::weights::hash;

/// Steps between two lines of progress.
const REPORTED: u32 = 20;
/// Windows of the held-out text.
const HELD_OUT: usize = 64;

/// Losses in nats per scored token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    /// Tokens scored.
    pub tokens: u64,
    /// Under the source itself.
    pub source: f64,
    /// Under the model, every layer with its own keys and values.
    pub loss: f64,
    /// Under the model with keys and values shared by pairs of layers; absent where layers make up no pairs.
    pub shared_loss: Option<f64>,
}

/// Trains a model. The same recipe on the same machine with the same number of threads gives the same parameters.
/// `progress` gets a line now and then.
pub fn train(recipe: &Recipe, progress: &mut impl FnMut(&str)) -> Result<Trainee, TrainError> {
    recipe.check()?;
    let model = Trainee::new(&recipe.config, recipe.seed)?;
    let mut optimizer = nn::adamw(0.9, 0.98, 0.0).build(model.store(), recipe.peak_rate)?;
    optimizer.set_weight_decay_group(DECAYING, 0.01);
    let mut source = Source::for_training(recipe.seed);
    let mut seen = Seen::default();
    for step in 0..recipe.steps {
        let windows = batch(recipe, &mut source);
        let sharing = recipe.sharing_at(step);
        let loss = model.loss(&Tensor::from_slice2(&windows), sharing);
        optimizer.set_lr(recipe.rate(step));
        optimizer.backward_step_clip_norm(&loss, 1.0);
        seen.add(sharing, f64::try_from(&loss)?, &windows);
        if (step + 1) % REPORTED == 0 || step + 1 == recipe.steps {
            let line = std::mem::take(&mut seen).line();
            progress(&format!("step {} of {}: {line}", step + 1, recipe.steps));
        }
    }
    Ok(model)
}

/// Trains a model and writes it to a new folder.
pub fn to_folder(
    recipe: &Recipe,
    path: &Path,
    progress: &mut impl FnMut(&str),
) -> Result<(), TrainError> {
    recipe.check()?;
    let folder = Folder::open(path)?;
    let model = train(recipe, progress)?;
    let held_out = HeldOut::of(&model, recipe.seed)?;
    folder.write(&model, &Report::new(recipe, &held_out))
}

fn batch(recipe: &Recipe, source: &mut Source) -> Vec<Vec<i64>> {
    let window = recipe.config.n_positions;
    let windows = recipe.tokens_per_step / window;
    (0..windows)
        .map(|_| source.window(window as usize))
        .collect()
}

/// Losses since the last line of progress.
#[derive(Debug, Default)]
struct Seen {
    plain: Vec<f64>,
    shared: Vec<f64>,
    source: Vec<f64>,
}

impl Seen {
    fn add(&mut self, sharing: Sharing, loss: f64, windows: &[Vec<i64>]) {
        match sharing {
            Sharing::None => self.plain.push(loss),
            Sharing::Pairs => self.shared.push(loss),
        }
        self.source.push(source_loss(windows));
    }

    fn line(&self) -> String {
        let of = |losses: &[f64], name: &str| match losses {
            [] => String::new(),
            _ => format!("{name} {:.4}, ", mean(losses)),
        };
        format!(
            "{}{}the source itself {:.4} nats per token",
            of(&self.plain, "loss"),
            of(&self.shared, "with shared layers"),
            mean(&self.source)
        )
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The source's own mean loss per scored token.
fn source_loss(windows: &[Vec<i64>]) -> f64 {
    let all: Vec<f64> = windows.iter().flat_map(|window| losses(window)).collect();
    mean(&all)
}

impl HeldOut {
    /// Scores windows as long as the model's, of a text that training with this seed does not see.
    pub fn of(model: &Trainee, seed: u64) -> Result<Self, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let mut source = Source::for_training(hash(seed, "held out"));
        let window = model.config().n_positions as usize;
        let windows: Vec<_> = (0..HELD_OUT).map(|_| source.window(window)).collect();
        let score = |sharing| -> Result<f64, TrainError> {
            let parts = windows.chunks(8).map(|part| {
                let loss = model.loss(&Tensor::from_slice2(part), sharing);
                Ok(f64::try_from(loss.to_kind(Kind::Double))?)
            });
            Ok(mean(&parts.collect::<Result<Vec<f64>, TrainError>>()?))
        };
        let pairs = model.config().n_layer.is_multiple_of(2);
        Ok(Self {
            tokens: (HELD_OUT * (window - 1)) as u64,
            source: source_loss(&windows),
            loss: score(Sharing::None)?,
            shared_loss: pairs.then(|| score(Sharing::Pairs)).transpose()?,
        })
    }
}
