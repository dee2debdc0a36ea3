//! Parameters on their device in their type, one at a time, from wherever they come.

use std::fs;
use std::path::Path;

use anechoic_protocol::{Dtype, ModelConfig, ModelSource};
use tch::{Device, Kind, Tensor};

use super::LoadError;
use super::checkpoint::Checkpoint;
use super::random::{Init, fill_normal, hash};

/// Values that are read or drawn at a time. Bounds what loading needs beside the parameters, and the
/// holes that freed buffers leave between them.
const PIECE: i64 = 1 << 18;

/// A source of parameters.
#[derive(Debug)]
pub struct Weights {
    source: ModelSource,
    origin: Origin,
    kind: Kind,
    device: Device,
}

#[derive(Debug)]
enum Origin {
    Seeded { seed: u64, layers: u32 },
    Checkpoint(Checkpoint),
}

/// The configuration of a preset, or the one in a checkpoint folder.
pub fn read_config(source: &ModelSource) -> Result<ModelConfig, LoadError> {
    match source {
        ModelSource::Preset { name } => Ok(name.config()),
        ModelSource::Folder { path, .. } => {
            let path = Path::new(path).join("config.json");
            let text = fs::read_to_string(&path).map_err(|source| LoadError::Read {
                path: path.clone(),
                source,
            })?;
            ModelConfig::from_json(&text).map_err(|source| LoadError::Config { path, source })
        }
    }
}

/// libtorch's name of a type.
pub fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::Bf16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
    }
}

/// The protocol's name of a type that [`kind`] yields.
pub fn dtype_of(kind: Kind) -> Dtype {
    match kind {
        Kind::BFloat16 => Dtype::Bf16,
        Kind::Half => Dtype::F16,
        _ => Dtype::F32,
    }
}

impl Weights {
    /// Opens a source. A checkpoint's files are checked whole before the first parameter is read; a
    /// preset's parameters follow from `seed`.
    pub fn open(
        source: &ModelSource,
        config: &ModelConfig,
        dtype: Dtype,
        device: Device,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let origin = match source {
            ModelSource::Preset { .. } => Origin::Seeded {
                seed,
                layers: config.layers(),
            },
            ModelSource::Folder { path, .. } => {
                Origin::Checkpoint(Checkpoint::open(Path::new(path))?)
            }
        };
        Ok(Self {
            source: source.clone(),
            origin,
            kind: kind(dtype),
            device,
        })
    }

    /// What was opened.
    pub(crate) fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Type of the parameters that come out.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Device of the parameters that come out.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Whether a checkpoint holds this tensor; a preset has all.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.origin {
            Origin::Seeded { .. } => true,
            Origin::Checkpoint(checkpoint) => checkpoint.has(name),
        }
    }

    /// Whether values come from files, where there can be too many of them.
    pub(crate) fn are_stored(&self) -> bool {
        matches!(self.origin, Origin::Checkpoint(_))
    }

    /// Memory for parameters, to be filled by [`Weights::read_into`].
    pub(crate) fn empty(&self, name: &str, shape: &[i64]) -> Result<Tensor, LoadError> {
        Tensor::f_empty(shape, (self.kind, self.device)).map_err(LoadError::torch(name))
    }

    /// The parameter of this name, in memory of its own.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, LoadError> {
        let values = self.empty(name, shape)?;
        self.read_into(name, &values)?;
        Ok(values)
    }

    /// Writes the parameter of this name over `target`, which has its shape and may be a view: a
    /// parameter that is kept turned or beside others is never in memory twice.
    pub(crate) fn read_into(&mut self, name: &str, target: &Tensor) -> Result<(), LoadError> {
        match &mut self.origin {
            Origin::Checkpoint(checkpoint) => read_tensor(checkpoint, name, target),
            Origin::Seeded { seed, layers } => draw_tensor(*seed, *layers, name, target),
        }
    }

    /// Refuses a checkpoint with tensors that the model has not asked for and that have an effect.
    pub(crate) fn finish(&self, without_effect: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        match &self.origin {
            Origin::Seeded { .. } => Ok(()),
            Origin::Checkpoint(checkpoint) => checkpoint.refuse_unused(without_effect),
        }
    }
}

fn read_tensor(checkpoint: &mut Checkpoint, name: &str, target: &Tensor) -> Result<(), LoadError> {
    let stored = checkpoint.find(name, &target.size())?;
    let width = stored.kind.elt_size_in_bytes();
    let mut bytes = Vec::new();
    fill(name, target, |first, count| {
        bytes.resize(count as usize * width, 0);
        stored.read(&mut bytes, first as u64 * width as u64)?;
        Tensor::f_from_data_size(&bytes, &[count], stored.kind).map_err(LoadError::torch(name))
    })
}

fn draw_tensor(seed: u64, layers: u32, name: &str, target: &Tensor) -> Result<(), LoadError> {
    let constant = |value: f64| {
        let filled = target.shallow_clone().f_fill_(value);
        filled.map(drop).map_err(LoadError::torch(name))
    };
    match Init::of(name, layers) {
        Init::Zeros => constant(0.0),
        Init::Ones => constant(1.0),
        Init::Normal(std) => {
            let key = hash(seed, name);
            let mut values = Vec::new();
            fill(name, target, |first, count| {
                values.resize(count as usize, 0.0f32);
                fill_normal(&mut values, key, first as u64, std);
                Tensor::f_from_slice(&values).map_err(LoadError::torch(name))
            })
        }
    }
}

/// Fills a target some rows at a time; `piece` yields the given number of values from the given
/// index on, in whatever type they come.
fn fill(
    name: &str,
    target: &Tensor,
    mut piece: impl FnMut(i64, i64) -> Result<Tensor, LoadError>,
) -> Result<(), LoadError> {
    let torch = || LoadError::torch(name);
    let shape = target.size();
    let (rows, row_values) = (shape[0], shape[1..].iter().product::<i64>());
    let rows_at_once = (PIECE / row_values.max(1)).max(1);
    for first in (0..rows).step_by(rows_at_once as usize) {
        let count = rows_at_once.min(rows - first);
        let values = piece(first * row_values, count * row_values)?;
        let mut rows = target.f_narrow(0, first, count).map_err(torch())?;
        let values = values.f_view(&*rows.size()).map_err(torch())?;
        rows.f_copy_(&values).map_err(torch())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_several_pieces_arrive_whole_and_turned() {
        let (rows, row) = (5, PIECE / 3);
        let all = Tensor::arange(rows * row, (Kind::Float, Device::Cpu)).view([rows, row]);
        let check = |target: &Tensor| {
            let mut counts = vec![];
            let piece = |first: i64, count: i64| {
                counts.push(count);
                Ok(all.flatten(0, 1).narrow(0, first, count))
            };
            fill("w", target, piece).unwrap();
            assert_eq!(counts, [3 * row, 2 * row]);
            assert!(target.equal(&all));
        };
        let options = (Kind::Float, Device::Cpu);
        check(&Tensor::empty([rows, row], options));
        check(&Tensor::empty([row, rows], options).tr());
        check(&Tensor::empty([rows + 2, row], options).narrow(0, 1, rows));
    }
}
