//! `anechoic-worker forward`: one full pass over given tokens, with logits and residual stream
//! written to a file, so that anybody can hold this worker's numbers against another
//! implementation's.

use std::io;
use std::path::{Path, PathBuf};

use anechoic_protocol::{Dtype, ModelSource, Sharing};
use tch::{Device, TchError, Tensor};
use tempfile::NamedTempFile;

use crate::cache::{CacheError, KvCache};
use crate::models::Model;
use crate::weights::{LoadError, Weights, read_config};

/// What to pass through which model.
#[derive(Debug, Clone)]
pub struct ForwardArgs {
    /// Checkpoint folder.
    pub model: PathBuf,
    /// Token ids: `,` between tokens, `;` between requests, which are of equal length.
    pub tokens: String,
    /// The safetensors file to write.
    pub output: PathBuf,
    /// Type of weights and activations.
    pub dtype: Dtype,
    /// Where to compute.
    pub device: Device,
}

/// Why nothing was written. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Token ids that are no numbers, or of unequal length.
    #[error("use the tokens: {0}")]
    Tokens(String),
    /// The output cannot be written.
    #[error("write `{path}`")]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// libtorch could not store the tensors.
    #[error("store the tensors in `{path}`")]
    Store {
        /// The file.
        path: PathBuf,
        /// What libtorch said.
        source: TchError,
    },
    /// The model could not be loaded.
    #[error("load the model")]
    Load(#[from] LoadError),
    /// There is no room for the tokens.
    #[error("pass the tokens through the model")]
    Cache(#[from] CacheError),
}

/// Writes `logits` (b, t, vocab) and, for every decoder layer N, `hidden.N` (b, t, hidden), in the
/// model's type. Everything that can be refused is refused before the model is loaded.
pub fn run(args: &ForwardArgs) -> Result<(), ForwardError> {
    let requests = parse(&args.tokens)?;
    let output = Output::open(&args.output)?;
    let source = ModelSource::Folder {
        name: args.model.display().to_string(),
        path: args.model.display().to_string(),
    };
    let config = read_config(&source)?;
    check(&requests, config.vocab(), config.window())?;
    let [batch, positions] = [requests.len(), requests[0].len()].map(|n| n as u32);
    let mut cache = KvCache::full(&config, batch, positions, args.dtype, args.device)?;
    let mut weights = Weights::open(&source, &config, args.dtype, args.device, 0)?;
    let model = Model::load(&config, &mut weights, positions, Sharing::None)?;
    let _no_grad = tch::no_grad_guard();
    let tokens = Tensor::from_slice2(&requests).to_device(args.device);
    output.write(&states(&model, &tokens, &mut cache))
}

/// The named tensors of one full pass, on the CPU.
fn states(model: &Model, tokens: &Tensor, cache: &mut KvCache) -> Vec<(String, Tensor)> {
    let host = |tensor: &Tensor| tensor.to_device(Device::Cpu).contiguous();
    let mut named = Vec::new();
    let hidden = model.forward(tokens, cache, &mut |layer: u32, hidden: &Tensor| {
        named.push((format!("hidden.{layer}"), host(hidden)));
    });
    named.push(("logits".to_owned(), host(&model.logits(&hidden))));
    named
}

fn parse(text: &str) -> Result<Vec<Vec<i64>>, ForwardError> {
    let token = |text: &str| {
        let id = text.trim().parse::<u32>().map(i64::from);
        id.map_err(|_| ForwardError::Tokens(format!("`{}` is not a token id", text.trim())))
    };
    let request = |text: &str| text.split(',').map(token).collect::<Result<Vec<_>, _>>();
    text.split(';').map(request).collect()
}

fn check(requests: &[Vec<i64>], vocab: u32, window: u32) -> Result<(), ForwardError> {
    let length = requests[0].len();
    if let Some(other) = requests.iter().find(|request| request.len() != length) {
        let text = format!(
            "requests of {length} and of {} tokens cannot run as one batch",
            other.len()
        );
        return Err(ForwardError::Tokens(text));
    }
    if length > window as usize {
        let text = format!("{length} tokens do not fit the model's window of {window}");
        return Err(ForwardError::Tokens(text));
    }
    match requests
        .iter()
        .flatten()
        .find(|&&id| id >= i64::from(vocab))
    {
        None => Ok(()),
        Some(id) => {
            let text = format!("token {id} is outside the model's vocabulary of {vocab}");
            Err(ForwardError::Tokens(text))
        }
    }
}

/// A file that is there whole or not at all.
struct Output {
    path: PathBuf,
    unfinished: NamedTempFile,
}

impl Output {
    /// Proves that the folder can be written to.
    fn open(path: &Path) -> Result<Self, ForwardError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let refused = |source| ForwardError::Output {
            path: path.to_owned(),
            source,
        };
        if path.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .permissions(readable_by_all())
            .tempfile_in(folder)
            .map_err(refused)?;
        Ok(Self {
            path: path.to_owned(),
            unfinished,
        })
    }

    fn write(self, named: &[(String, Tensor)]) -> Result<(), ForwardError> {
        let path = self.path;
        Tensor::write_safetensors(named, self.unfinished.path()).map_err(|source| {
            ForwardError::Store {
                path: path.clone(),
                source,
            }
        })?;
        self.unfinished
            .as_file()
            .sync_all()
            .and_then(|()| self.unfinished.persist(&path).map_err(io::Error::from))
            .map_err(|source| ForwardError::Output { path, source })?;
        Ok(())
    }
}

/// As for any file one creates; the system still takes away what the user's mask says.
fn readable_by_all() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_and_refused() {
        assert_eq!(parse("1,2, 3;4,5,6").unwrap(), [[1, 2, 3], [4, 5, 6]]);
        let refused = |text: &str, expected: &str| {
            let error = parse(text)
                .and_then(|requests| check(&requests, 50, 4))
                .unwrap_err();
            assert_eq!(error.to_string(), format!("use the tokens: {expected}"));
        };
        refused("", "`` is not a token id");
        refused("1,x", "`x` is not a token id");
        refused("1,-2", "`-2` is not a token id");
        refused(
            "1,2;3",
            "requests of 2 and of 1 tokens cannot run as one batch",
        );
        refused("1,50", "token 50 is outside the model's vocabulary of 50");
        refused("1,2,3,4,5", "5 tokens do not fit the model's window of 4");
    }
}
