//! Parameters on their device in their type, one at a time, from wherever they come.

use std::fs;
use std::path::Path;

use anechoic_protocol::{Dtype, ModelConfig, ModelSource};
use tch::{Device, Kind, Tensor};

use super::LoadError;
use super::checkpoint::Checkpoint;
use super::random::{Init, fill_normal, hash};

/// Values that are read or drawn at a time: bounds what loading needs beside the parameters themselves.
const PIECE: i64 = 1 << 21;

/// A source of parameters.
#[derive(Debug)]
pub struct Weights {
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
            let text = fs::read_to_string(&path)
                .map_err(|source| LoadError::Read { path: path.clone(), source })?;
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

impl Weights {
    /// Opens a source. A checkpoint's files are checked whole before the first parameter is read; a preset's
    /// parameters follow from `seed`.
    pub fn open(
        source: &ModelSource,
        config: &ModelConfig,
        dtype: Dtype,
        device: Device,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let origin = match source {
            ModelSource::Preset { .. } => Origin::Seeded { seed, layers: config.layers() },
            ModelSource::Folder { path, .. } => Origin::Checkpoint(Checkpoint::open(Path::new(path))?),
        };
        Ok(Self { origin, kind: kind(dtype), device })
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

    /// The parameter of this name, in memory of its own.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, LoadError> {
        let to = Place { name, kind: self.kind, device: self.device, shape };
        match &mut self.origin {
            Origin::Checkpoint(checkpoint) => read_tensor(checkpoint, &to),
            Origin::Seeded { seed, layers } => draw_tensor(*seed, *layers, &to),
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

/// Where a parameter goes, and what it is called meanwhile.
struct Place<'a> {
    name: &'a str,
    kind: Kind,
    device: Device,
    shape: &'a [i64],
}

impl Place<'_> {
    /// Fills a new parameter piece by piece; `piece` yields the given number of values from the given index on.
    fn fill(
        &self,
        mut piece: impl FnMut(i64, i64) -> Result<Tensor, LoadError>,
    ) -> Result<Tensor, LoadError> {
        let torch = || LoadError::torch(self.name);
        let values = Tensor::f_empty(self.shape, (self.kind, self.device)).map_err(torch())?;
        let flat = values.f_view([-1]).map_err(torch())?;
        let total = flat.size()[0];
        for first in (0..total).step_by(PIECE as usize) {
            let count = PIECE.min(total - first);
            let mut target = flat.f_narrow(0, first, count).map_err(torch())?;
            target.f_copy_(&piece(first, count)?).map_err(torch())?;
        }
        Ok(values)
    }
}

fn read_tensor(checkpoint: &mut Checkpoint, to: &Place<'_>) -> Result<Tensor, LoadError> {
    let stored = checkpoint.find(to.name, to.shape)?;
    let width = stored.kind.elt_size_in_bytes();
    let mut bytes = Vec::new();
    to.fill(|first, count| {
        bytes.resize(count as usize * width, 0);
        stored.read(&mut bytes, first as u64 * width as u64)?;
        Tensor::f_from_data_size(&bytes, &[count], stored.kind).map_err(LoadError::torch(to.name))
    })
}

fn draw_tensor(seed: u64, layers: u32, to: &Place<'_>) -> Result<Tensor, LoadError> {
    let options = (to.kind, to.device);
    match Init::of(to.name, layers) {
        Init::Zeros => Tensor::f_zeros(to.shape, options).map_err(LoadError::torch(to.name)),
        Init::Ones => Tensor::f_ones(to.shape, options).map_err(LoadError::torch(to.name)),
        Init::Normal(std) => {
            let key = hash(seed, to.name);
            let mut values = Vec::new();
            to.fill(|first, count| {
                values.resize(count as usize, 0.0f32);
                fill_normal(&mut values, key, first as u64, std);
                Tensor::f_from_slice(&values).map_err(LoadError::torch(to.name))
            })
        }
    }
}
