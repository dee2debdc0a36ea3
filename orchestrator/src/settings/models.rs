//! From a model's name to its shape and its weights: a preset, a folder, or a repository in the local
//! cache of the Hugging Face hub. Reads `config.json`, and checks that every weight file is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::{ModelConfig, ModelConfigError, ModelSource, Preset};
use serde::Deserialize;

use super::hub::{self, Cached};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// Neither a preset nor a folder nor a repository's name.
    #[error(
        "`{name}` is no model: neither a preset ({presets}) nor a folder nor `org/name` of a repository"
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
pub(crate) fn resolve_model(name: &str) -> Result<(ModelSource, ModelConfig), ModelError> {
    resolve_in(name, hub::own_cache_folder().as_deref())
}

fn resolve_in(name: &str, cache: Option<&Path>) -> Result<(ModelSource, ModelConfig), ModelError> {
    if let Ok(preset) = name.parse::<Preset>() {
        return Ok((ModelSource::Preset { name: preset }, preset.config()));
    }
    if Path::new(name).is_dir() {
        return open_folder(name, Path::new(name));
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

fn open_folder(name: &str, folder: &Path) -> Result<(ModelSource, ModelConfig), ModelError> {
    let folder = folder
        .canonicalize()
        .map_err(|source| unreadable(name, folder, source))?;
    let path = folder
        .to_str()
        .ok_or_else(|| ModelError::NotText(folder.clone()))?
        .to_owned();
    let text = read(name, &folder.join(CONFIG))?;
    let config = ModelConfig::from_json(&text).map_err(|source| ModelError::Config {
        name: name.to_owned(),
        source,
    })?;
    check_weights(name, &folder)?;
    let name = name.to_owned();
    Ok((ModelSource::Folder { name, path }, config))
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

    fn error(name: &str, cache: Option<&Path>) -> String {
        let error = resolve_in(name, cache).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", source.unwrap_or_default())
    }

    #[test]
    fn presets_need_no_files() {
        let (source, config) = resolve_in("gpt2-tiny", None).unwrap();
        assert_eq!(source.name(), "gpt2-tiny");
        assert_eq!(config.layers(), 4);
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
        let (source, config) = resolve_in(name, None).unwrap();
        assert_eq!(config.hidden(), 64);
        let path = folder.canonicalize().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            source,
            ModelSource::Folder {
                name: name.to_owned(),
                path
            }
        );
    }

    #[test]
    fn a_cached_repository_is_its_snapshot() {
        let cache = tempfile::tempdir().unwrap();
        let snapshot = cache.path().join("models--org--name/snapshots/abc");
        fs::create_dir_all(&snapshot).unwrap();
        fs::write(snapshot.join(CONFIG), GPT2).unwrap();
        fs::write(snapshot.join(WEIGHTS), "").unwrap();
        let (source, _) = resolve_in("org/name", Some(cache.path())).unwrap();
        assert_eq!(source.name(), "org/name");
        fs::create_dir_all(cache.path().join("models--org--name/snapshots/def")).unwrap();
        assert!(error("org/name", Some(cache.path())).contains("several snapshots"));
    }
}
