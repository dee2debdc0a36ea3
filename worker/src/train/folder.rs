//! A trained model as a Hugging Face checkpoint folder.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::{ModelConfig, Sharing};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tch::{Device, Kind, Tensor};

use super::{HeldOut, Recipe, TrainError, Trainee};
use crate::{ops, text};

/// A folder that a model will be written to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// How a model was made and how good it is: `training.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    sharing: &'static str,
    steps: u32,
    tokens_per_step: u32,
    peak_learning_rate: f64,
    seed: u64,
    threads: i32,
    torch: String,
    cpu_capability: String,
    source_entropy_nats_per_token: f64,
    held_out: Map<String, Value>,
}

impl Folder {
    /// Proves that the folder can be written to, before a long training. It is made where there is none.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let refused = |source| TrainError::Write {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(refused)?;
        if fs::read_dir(path).map_err(refused)?.next().is_some() {
            return Err(TrainError::NotEmpty(path.to_owned()));
        }
        tempfile::tempfile_in(path).map_err(refused)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Writes everything; the weights, without which nothing takes it for a checkpoint, last.
    pub fn write(&self, model: &Trainee, report: &Report) -> Result<(), TrainError> {
        self.file("tokenizer.json", text::tokenizer_json().as_bytes())?;
        self.file("training.json", pretty(&json!(report)).as_bytes())?;
        self.file("README.md", report.page().as_bytes())?;
        self.file("config.json", config_json(model).as_bytes())?;
        self.file("model.safetensors", &safetensors(&model.parameters())?)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        fs::write(&path, bytes).map_err(|source| TrainError::Write { path, source })
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn config_json(model: &Trainee) -> String {
    let mut value = json!(ModelConfig::Gpt2(model.config().clone()));
    let also = json!({ "architectures": ["GPT2LMHeadModel"], "torch_dtype": "float16", "bos_token_id": 0, "eos_token_id": 0 });
    if let (Value::Object(config), Value::Object(also)) = (&mut value, also) {
        config.extend(also);
    }
    pretty(&value)
}

/// The file format: the header's length in 8 bytes, the header as JSON, the values. Written here and not by a library, so
/// that the bytes are the same every time: tensors in the model's order, padded to 8 bytes.
fn safetensors(parameters: &[(String, Tensor)]) -> Result<Vec<u8>, TrainError> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut values: Vec<u8> = Vec::new();
    for (name, tensor) in parameters {
        let start = values.len();
        values.extend(half_bytes(tensor)?);
        let entry = json!({ "dtype": "F16", "shape": tensor.size(), "data_offsets": [start, values.len()] });
        header.insert(format!("transformer.{name}"), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = header.len() as u64;
    Ok([&length.to_le_bytes()[..], &header, &values].concat())
}

fn half_bytes(tensor: &Tensor) -> Result<Vec<u8>, TrainError> {
    let half = tensor
        .detach()
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Half)?;
    let mut bytes = vec![0; half.numel() * 2];
    half.f_contiguous()?
        .f_copy_data_u8(&mut bytes, half.numel())?;
    Ok(bytes)
}

impl Report {
    /// What `training.json` says of a model.
    pub fn new(recipe: &Recipe, held_out: &HeldOut) -> Self {
        Self {
            sharing: sharing_name(recipe.sharing),
            steps: recipe.steps,
            tokens_per_step: recipe.tokens_per_step,
            peak_learning_rate: recipe.peak_rate,
            seed: recipe.seed,
            threads: tch::get_num_threads(),
            torch: ops::torch_version(),
            cpu_capability: ops::cpu_capability(),
            source_entropy_nats_per_token: rounded(text::entropy_rate()),
            held_out: held_out_json(held_out),
        }
    }

    fn page(&self) -> String {
        let figure = |key: &str| {
            self.held_out
                .get(key)
                .map_or("–".to_owned(), Value::to_string)
        };
        let made_with = match self.sharing {
            "pairs" => {
                "Every other step of its training shared keys and values between the layers of each pair, as v3 and v4 do, so that every KV-cache version has a meaning on it."
            }
            _ => "Its training shared nothing between layers, so v3 and v4 spoil it.",
        };
        format!(
            "# A small GPT-2 on the synthetic source\n\n{made_with}\n\nMade by\n\n```\nanechoic-worker train --sharing {} --steps {} --seed {} --threads {} --output DIR\n```\n\nwith libtorch {} ({}). Held-out text, {} tokens, nats per token:\n\n| | loss |\n| --- | --- |\n| the source itself | {} |\n| the model | {} |\n| with layers sharing keys and values | {} |\n\nThe source's entropy rate is {} nats per token. What the source is, and how the files are used: `docs/models.md`.\n",
            self.sharing,
            self.steps,
            self.seed,
            self.threads,
            self.torch,
            self.cpu_capability,
            figure("tokens"),
            figure("source_loss"),
            figure("loss"),
            figure("shared_loss"),
            self.source_entropy_nats_per_token,
        )
    }
}

fn sharing_name(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::None => "none",
        Sharing::Pairs => "pairs",
    }
}

fn held_out_json(held_out: &HeldOut) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("tokens".to_owned(), json!(held_out.tokens));
    map.insert("source_loss".to_owned(), json!(rounded(held_out.source)));
    map.insert("loss".to_owned(), json!(rounded(held_out.loss)));
    if let Some(shared) = held_out.shared_loss {
        map.insert("shared_loss".to_owned(), json!(rounded(shared)));
    }
    map
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
