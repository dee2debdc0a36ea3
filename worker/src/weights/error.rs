//! Everything that can be wrong with a model's files.

use std::path::PathBuf;

use anechoic_protocol::ModelConfigError;
use tch::TchError;

use crate::ops::OpsError;

/// Why a model could not be loaded. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that the system does not give us.
    #[error("read `{path}`")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A `config.json` that is malformed or of a model without code here.
    #[error("use `{path}`")]
    Config {
        /// The `config.json`.
        path: PathBuf,
        /// What is wrong with it.
        source: ModelConfigError,
    },
    /// Neither a single weight file nor an index of shards.
    #[error(
        "find weights in `{folder}`: it has neither `model.safetensors` nor `model.safetensors.index.json`"
    )]
    NoWeights {
        /// The checkpoint folder.
        folder: PathBuf,
    },
    /// An index of shards that is not one.
    #[error("read the shard index `{path}`")]
    Index {
        /// The index.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// The index names a shard that is not there.
    #[error("find shard `{shard}`, which `{index}` names; download the checkpoint again")]
    MissingShard {
        /// The shard.
        shard: String,
        /// The index.
        index: PathBuf,
    },
    /// The folder holds a shard that the index does not name.
    #[error("use shard `{shard}`: `{index}` does not name it, so it belongs to another checkpoint")]
    ExtraShard {
        /// The shard.
        shard: String,
        /// The index.
        index: PathBuf,
    },
    /// The index and a shard disagree about what the shard holds.
    #[error("find tensor `{tensor}` in `{file}`, where the shard index places it")]
    MisplacedTensor {
        /// The tensor.
        tensor: String,
        /// The shard.
        file: PathBuf,
    },
    /// Not a safetensors file.
    #[error("read `{file}` as safetensors: {reason}")]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What about it is wrong.
        reason: String,
    },
    /// A file that ends early, or goes on after its last tensor.
    #[error("read `{file}`: it has {found} bytes, and its header speaks of {expected}")]
    Length {
        /// The file.
        file: PathBuf,
        /// Bytes according to the header.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A parameter that the checkpoint lacks.
    #[error("find tensor `{tensor}` in the weights of `{folder}`")]
    MissingTensor {
        /// The parameter.
        tensor: String,
        /// The checkpoint folder.
        folder: PathBuf,
    },
    /// A tensor that the model's computation does not use.
    #[error(
        "use tensor `{tensor}` of `{file}`: a model with this config.json has no such parameter"
    )]
    UnexpectedTensor {
        /// The tensor.
        tensor: String,
        /// The file.
        file: PathBuf,
    },
    /// A parameter of another shape than `config.json` implies.
    #[error(
        "use tensor `{tensor}` of `{file}`: its shape is {found:?}, and config.json implies {expected:?}"
    )]
    Shape {
        /// The file.
        file: PathBuf,
        /// The parameter.
        tensor: String,
        /// The shape according to `config.json`.
        expected: Vec<i64>,
        /// The shape in the file.
        found: Vec<i64>,
    },
    /// A parameter stored in a type that is not converted here.
    #[error(
        "use tensor `{tensor}` of `{file}`: its type is {found}; accepted are F32, BF16 and F16"
    )]
    StoredType {
        /// The file.
        file: PathBuf,
        /// The parameter.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// A head of its own in a checkpoint whose config says that it shares the embedding.
    #[error(
        "use `{head}`: config.json ties it to `{embedding}`, and the checkpoint holds different values"
    )]
    TiedHeadDiffers {
        /// The head's weight.
        head: &'static str,
        /// The embedding that it should equal.
        embedding: String,
    },
    /// libtorch refused, for example the memory for a parameter.
    #[error("place parameter `{tensor}` on the device")]
    Torch {
        /// The parameter.
        tensor: String,
        /// What libtorch said.
        source: TchError,
    },
    /// A linear layer could not be prepared.
    #[error("prepare the linear layer `{layer}`")]
    Linear {
        /// The layer's path.
        layer: String,
        /// What is wrong.
        source: OpsError,
    },
}

impl LoadError {
    /// Attaches a parameter's name to libtorch's words.
    pub(crate) fn torch(tensor: &str) -> impl FnOnce(TchError) -> Self + use<> {
        let tensor = tensor.to_owned();
        move |source| Self::Torch { tensor, source }
    }
}
