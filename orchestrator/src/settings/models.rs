//! From a model's name to its shape and its weights: a preset, a folder, a model that is shipped, or a repository in
//! the local cache of the Hugging Face hub. Reads `config.json`, and checks that every weight file is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::{ModelConfig, ModelConfigError, ModelSource, Preset};
use anechoic_suite::KnownModel;
use serde::Deserialize;

use super::Shipped;
use super::hub::{self, Cached};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// Neither a preset nor a folder nor a repository's name.
    #[error(
        "`{name}` is no model: neither a preset ({presets}) nor a folder, there or in `models/`, nor `org/name` of a \
         repository"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The presets.
        presets: String,
    },
    /// A repository that is not in the cache.
    #[error("the model `{name}` is not in the local cache `{}`, and there is no such folder", cache.display())]
    NotCached {
        /// What was asked for.
        name: String,
        /// The cache's folder.
        cache: PathBuf,
    },
    /// A repository with several snapshots.
    #[error("the model `{name}` has several snapshots in the local cache: {folders}")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The snapshots.
        folders: String,
    },
    /// A file that cannot be read.
    #[error("the model `{name}` needs `{}`, which cannot be read", path.display())]
    Unreadable {
        /// What was asked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A configuration that the worker has no code for.
    #[error("the model `{name}` cannot be used")]
    Config {
        /// What was asked for.
        name: String,
        /// Why.
        #[source]
        source: ModelConfigError,
    },
    /// An index that is not what it should be.
    #[error("the model `{name}` has a damaged index `{}`", path.display())]
    Index {
        /// What was asked for.
        name: String,
        /// The index.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// Weights that are not there.
    #[error("the model `{name}` is incomplete: `{}` has no {missing}", folder.display())]
    NoWeights {
        /// What was asked for.
        name: String,
        /// Its folder.
        folder: PathBuf,
        /// The files.
        missing: String,
    },
    /// A path that JSON cannot hold.
    #[error("the model folder `{}` has a name that is not UTF-8", .0.display())]
    NotText(PathBuf),
}

impl ModelError {
    /// Whether the name is right and the files are not here: the machine's lack, not the suite's error.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::NotCached { .. } | Self::Unreadable { .. } | Self::NoWeights { .. } => true,
            Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::Config { .. }
            | Self::Index { .. }
            | Self::NotText(_) => false,
        }
    }

    /// The message with its cause.
    pub(crate) fn text(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}

/// The part of `model.safetensors.index.json` that names files.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Finds a model and reads its configuration.
pub(crate) fn resolve_model(name: &str) -> Result<KnownModel, ModelError> {
    resolve_in(name, &Shipped::here(), hub::own_cache_folder().as_deref())
}

fn resolve_in(
    name: &str,
    shipped: &Shipped,
    cache: Option<&Path>,
) -> Result<KnownModel, ModelError> {
    if let Ok(preset) = name.parse::<Preset>() {
        return Ok(preset.into());
    }
    if Path::new(name).is_dir() {
        return open_folder(name, Path::new(name));
    }
    if let Some(folder) = shipped.find(name) {
        return open_folder(name, &folder);
    }
    match cache.filter(|_| is_repository(name)) {
        None => Err(ModelError::Unknown {
            name: name.to_owned(),
            presets: Preset::ALL.map(Preset::as_str).join(", "),
        }),
        Some(cache) => open_folder(name, &snapshot(name, cache)?),
    }
}

/// `org/name`, which is no path that starts somewhere.
fn is_repository(name: &str) -> bool {
    let parts: Vec<_> = name.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.starts_with('~');
    parts.len() == 2 && parts.iter().all(plain)
}

fn snapshot(name: &str, cache: &Path) -> Result<PathBuf, ModelError> {
    match hub::find(cache, name) {
        Cached::Snapshot(folder) => Ok(folder),
        Cached::Several(folders) => Err(ModelError::Ambiguous {
            name: name.to_owned(),
            folders: list(folders.iter().map(|folder| folder.display())),
        }),
        Cached::Nothing => Err(ModelError::NotCached {
            name: name.to_owned(),
            cache: cache.to_owned(),
        }),
    }
}

fn open_folder(name: &str, folder: &Path) -> Result<KnownModel, ModelError> {
    let folder = folder
        .canonicalize()
        .map_err(|source| unreadable(name, folder, source))?;
    let path = folder
        .to_str()
        .ok_or_else(|| ModelError::NotText(folder.clone()))?
        .to_owned();
    let config = read_config(name, &folder)?;
    check_weights(name, &folder)?;
    let name = name.to_owned();
    Ok(KnownModel {
        source: ModelSource::Folder { name, path },
        config,
        tokenizer: folder.join(TOKENIZER).is_file(),
    })
}

/// The shape of the model `name` in this folder.
pub(crate) fn read_config(name: &str, folder: &Path) -> Result<ModelConfig, ModelError> {
    let text = read(name, &folder.join(CONFIG))?;
    ModelConfig::from_json(&text).map_err(|source| ModelError::Config {
        name: name.to_owned(),
        source,
    })
}

fn check_weights(name: &str, folder: &Path) -> Result<(), ModelError> {
    if folder.join(WEIGHTS).is_file() {
        return Ok(());
    }
    let path = folder.join(INDEX);
    if !path.is_file() {
        return Err(incomplete(
            name,
            folder,
            format!("`{WEIGHTS}` and no `{INDEX}`"),
        ));
    }
    let index: Index =
        serde_json::from_str(&read(name, &path)?).map_err(|source| ModelError::Index {
            name: name.to_owned(),
            path,
            source,
        })?;
    let files: BTreeSet<_> = index.weight_map.values().collect();
    let missing: Vec<_> = files
        .iter()
        .filter(|file| !folder.join(file).is_file())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(incomplete(name, folder, list(missing)))
}

fn incomplete(name: &str, folder: &Path, missing: String) -> ModelError {
    ModelError::NoWeights {
        name: name.to_owned(),
        folder: folder.to_owned(),
        missing,
    }
}

fn read(name: &str, path: &Path) -> Result<String, ModelError> {
    fs::read_to_string(path).map_err(|source| unreadable(name, path, source))
}

fn unreadable(name: &str, path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Unreadable {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    }
}

fn list(items: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let quoted: Vec<_> = items.into_iter().map(|item| format!("`{item}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: &str = r#"{"model_type":"gpt2","vocab_size":257,"n_positions":128,"n_embd":64,"n_layer":4,"n_head":4}"#;

    fn none() -> Shipped {
        Shipped::around(Path::new("/nowhere"), None)
    }

    fn error(name: &str, cache: Option<&Path>) -> String {
        let error = resolve_in(name, &none(), cache).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", source.unwrap_or_default())
    }

    #[test]
    fn presets_need_no_files() {
        let found = resolve_in("gpt2-tiny", &none(), None).unwrap();
        assert_eq!(found.source.name(), "gpt2-tiny");
        assert_eq!(found.config.layers(), 4);
    }

    #[test]
    fn unknown_names_are_told_what_there_is() {
        let cache = tempfile::tempdir().unwrap();
        let unknown = error("gpt3", Some(cache.path()));
        assert!(
            unknown.contains("`gpt3` is no model") && unknown.contains("gpt2-medium"),
            "{unknown}"
        );
        assert!(error("./nowhere/model", Some(cache.path())).contains("is no model"));
        let absent = error("org/name", Some(cache.path()));
        assert!(absent.contains("not in the local cache"), "{absent}");
    }

    #[test]
    fn a_folder_is_read_once_it_is_complete() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("gpt2");
        fs::create_dir(&folder).unwrap();
        let name = folder.to_str().unwrap();
        let put = |file: &str, text: &str| fs::write(folder.join(file), text).unwrap();
        assert!(error(name, None).contains("config.json"));
        put(CONFIG, r#"{"model_type":"mamba"}"#);
        assert!(error(name, None).contains("cannot be used"));
        put(CONFIG, GPT2);
        assert!(error(name, None).contains("is incomplete"));
        put(INDEX, "{}");
        assert!(error(name, None).contains("damaged index"));
        put(
            INDEX,
            r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#,
        );
        put("one.safetensors", "");
        let missing = error(name, None);
        assert!(
            missing.contains("`two.safetensors`") && !missing.contains("`one"),
            "{missing}"
        );
        put("two.safetensors", "");
        let found = resolve_in(name, &none(), None).unwrap();
        assert_eq!(found.config.hidden(), 64);
        assert!(!found.tokenizer);
        let path = folder.canonicalize().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            found.source,
            ModelSource::Folder {
                name: name.to_owned(),
                path
            }
        );
        put(TOKENIZER, "{}");
        assert!(resolve_in(name, &none(), None).unwrap().tokenizer);
    }

    #[test]
    fn a_shipped_model_comes_before_a_repository_of_that_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("models/one");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(CONFIG), GPT2).unwrap();
        fs::write(folder.join(WEIGHTS), "").unwrap();
        let shipped = Shipped::around(root.path(), None);
        for name in ["one", "models/one"] {
            let found = resolve_in(name, &shipped, Some(root.path())).unwrap();
            assert_eq!(found.source.name(), name);
        }
    }

    #[test]
    fn a_cached_repository_is_its_snapshot() {
        let cache = tempfile::tempdir().unwrap();
        let snapshot = cache.path().join("models--org--name/snapshots/abc");
        fs::create_dir_all(&snapshot).unwrap();
        fs::write(snapshot.join(CONFIG), GPT2).unwrap();
        fs::write(snapshot.join(WEIGHTS), "").unwrap();
        let found = resolve_in("org/name", &none(), Some(cache.path())).unwrap();
        assert_eq!(found.source.name(), "org/name");
        fs::create_dir_all(cache.path().join("models--org--name/snapshots/def")).unwrap();
        assert!(error("org/name", Some(cache.path())).contains("several snapshots"));
    }
}
