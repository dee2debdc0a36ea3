//! A Hugging Face checkpoint folder: one `model.safetensors`, or shards with an index. Everything
//! about the files is checked on opening; values are read when a parameter is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tch::Kind;

use super::LoadError;
use super::header::{self, Entry};

/// An opened checkpoint.
#[derive(Debug)]
pub(super) struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Where each tensor lies: index into `shards` and place in that file.
    tensors: BTreeMap<String, (usize, Entry)>,
    used: BTreeSet<String>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
}

/// A parameter that was found with the right shape and a known type.
pub(super) struct Stored<'a> {
    pub(super) kind: Kind,
    shard: &'a Shard,
    start: u64,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens and checks every weight file of the folder.
    pub(super) fn open(folder: &Path) -> Result<Self, LoadError> {
        let single = folder.join("model.safetensors");
        let index = folder.join("model.safetensors.index.json");
        let mut checkpoint = Self {
            folder: folder.to_owned(),
            shards: vec![],
            tensors: BTreeMap::new(),
            used: BTreeSet::new(),
        };
        if single.exists() {
            let entries = checkpoint.open_shard(single)?;
            checkpoint
                .tensors
                .extend(entries.into_iter().map(|(name, entry)| (name, (0, entry))));
        } else if index.exists() {
            checkpoint.open_sharded(&index)?;
        } else {
            return Err(LoadError::NoWeights {
                folder: folder.to_owned(),
            });
        }
        Ok(checkpoint)
    }

    fn open_shard(&mut self, path: PathBuf) -> Result<BTreeMap<String, Entry>, LoadError> {
        let read_error = |source| LoadError::Read {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(read_error)?;
        let entries = header::read(&mut file, &path)?;
        self.shards.push(Shard { path, file });
        Ok(entries)
    }

    fn open_sharded(&mut self, index: &Path) -> Result<(), LoadError> {
        let read_error = |source| LoadError::Read {
            path: index.to_owned(),
            source,
        };
        let text = fs::read_to_string(index).map_err(read_error)?;
        let Index { weight_map } =
            serde_json::from_str(&text).map_err(|source| LoadError::Index {
                path: index.to_owned(),
                source,
            })?;
        let named: BTreeSet<&String> = weight_map.values().collect();
        refuse_extra_shards(&self.folder, index, &named)?;
        for (position, shard) in named.into_iter().enumerate() {
            let path = self.folder.join(shard);
            if !path.exists() {
                return Err(LoadError::MissingShard {
                    shard: shard.clone(),
                    index: index.to_owned(),
                });
            }
            let mut entries = self.open_shard(path.clone())?;
            for tensor in weight_map
                .iter()
                .filter(|&(_, file)| file == shard)
                .map(|(tensor, _)| tensor)
            {
                let misplaced = || LoadError::MisplacedTensor {
                    tensor: tensor.clone(),
                    file: path.clone(),
                };
                let entry = entries.remove(tensor).ok_or_else(misplaced)?;
                self.tensors.insert(tensor.clone(), (position, entry));
            }
            if let Some(unnamed) = entries.keys().next() {
                let reason = format!(
                    "it holds `{unnamed}`, which the shard index places elsewhere or nowhere"
                );
                return Err(LoadError::Corrupt { file: path, reason });
            }
        }
        Ok(())
    }

    /// Whether the checkpoint holds this tensor.
    pub(super) fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    /// Finds a parameter and checks its shape and type.
    pub(super) fn find(&mut self, tensor: &str, shape: &[i64]) -> Result<Stored<'_>, LoadError> {
        let missing = || LoadError::MissingTensor {
            tensor: tensor.to_owned(),
            folder: self.folder.clone(),
        };
        let (shard, entry) = self.tensors.get(tensor).ok_or_else(missing)?;
        let shard = &self.shards[*shard];
        let file = || shard.path.clone();
        if entry.shape != shape {
            let (expected, found) = (shape.to_vec(), entry.shape.clone());
            return Err(LoadError::Shape {
                file: file(),
                tensor: tensor.to_owned(),
                expected,
                found,
            });
        }
        let kind = match entry.dtype.as_str() {
            "F32" => Kind::Float,
            "BF16" => Kind::BFloat16,
            "F16" => Kind::Half,
            other => {
                let found = other.to_owned();
                return Err(LoadError::StoredType {
                    file: file(),
                    tensor: tensor.to_owned(),
                    found,
                });
            }
        };
        self.used.insert(tensor.to_owned());
        Ok(Stored {
            kind,
            shard,
            start: entry.start,
        })
    }

    /// Refuses tensors that nothing has asked for, unless they are known to be without effect.
    pub(super) fn refuse_unused(
        &self,
        without_effect: impl Fn(&str) -> bool,
    ) -> Result<(), LoadError> {
        let unused = self
            .tensors
            .iter()
            .find(|(tensor, _)| !self.used.contains(*tensor) && !without_effect(tensor));
        match unused {
            None => Ok(()),
            Some((tensor, (shard, _))) => Err(LoadError::UnexpectedTensor {
                tensor: tensor.clone(),
                file: self.shards[*shard].path.clone(),
            }),
        }
    }
}

impl Stored<'_> {
    /// Fills `bytes` with the parameter's bytes from `offset` on. Reading into a buffer of ours,
    /// and not through a memory map, keeps the resident set free of file pages that would be
    /// counted as the model's.
    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), LoadError> {
        let read_error = |source| LoadError::Read {
            path: self.shard.path.clone(),
            source,
        };
        self.shard
            .file
            .read_exact_at(bytes, self.start + offset)
            .map_err(read_error)
    }
}

/// Shards of another download in the same folder mean that nobody knows which weights these are.
fn refuse_extra_shards(
    folder: &Path,
    index: &Path,
    named: &BTreeSet<&String>,
) -> Result<(), LoadError> {
    let read_error = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(read_error)? {
        found.extend(entry.map_err(read_error)?.file_name().into_string().ok());
    }
    let is_shard = |name: &String| name.starts_with("model-") && name.ends_with(".safetensors");
    match found
        .into_iter()
        .find(|name| is_shard(name) && !named.contains(name))
    {
        None => Ok(()),
        Some(shard) => Err(LoadError::ExtraShard {
            shard,
            index: index.to_owned(),
        }),
    }
}
