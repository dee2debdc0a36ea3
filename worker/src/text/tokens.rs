//! Text as tokens, by the `tokenizer.json` of a checkpoint's folder, and the one of the synthetic source's models.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::ModelSource;
use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

use super::source::{VOCAB, character_of};

/// Why there are no tokens. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The text is not there or no UTF-8.
    #[error("read the text `{name}`: {cause}")]
    Read {
        /// What the user called it.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A preset is a shape with random weights.
    #[error(
        "make tokens of the text `{text}`: the preset `{preset}` has no tokenizer; name a checkpoint folder with a tokenizer.json"
    )]
    Preset {
        /// The text.
        text: String,
        /// The preset.
        preset: String,
    },
    /// The checkpoint comes without a tokenizer.
    #[error(
        "read `{}`: {cause}; put the tokenizer.json that belongs to the model beside its config.json", .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A tokenizer that cannot be used.
    #[error("use `{}` as a tokenizer: {cause}; download the model's tokenizer.json again", .path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A text shorter than one window.
    #[error(
        "cut windows of {window} tokens from the text `{name}`, which has {tokens} tokens; give a longer text or a shorter window"
    )]
    Short {
        /// What the user called the text.
        name: String,
        /// Its tokens.
        tokens: usize,
        /// Tokens of one window.
        window: u32,
    },
    /// Text that the tokenizer has no tokens for.
    #[error("make tokens of the text `{name}` by `{}`: {cause}", .tokenizer.display())]
    Encode {
        /// What the user called the text.
        name: String,
        /// The tokenizer.
        tokenizer: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

/// The tokens of a UTF-8 file, without any that the tokenizer would add of its own.
pub fn read(model: &ModelSource, name: &str, path: &Path) -> Result<Vec<i64>, TextError> {
    let folder = match model {
        ModelSource::Folder { path, .. } => Path::new(path),
        ModelSource::Preset { name: preset } => {
            return Err(TextError::Preset {
                text: name.to_owned(),
                preset: preset.as_str().to_owned(),
            });
        }
    };
    let text = fs::read_to_string(path).map_err(|cause| TextError::Read {
        name: name.to_owned(),
        cause,
    })?;
    let file = folder.join("tokenizer.json");
    let tokens = open(&file)?.encode_fast(text, false);
    let tokens = tokens.map_err(|cause| TextError::Encode {
        name: name.to_owned(),
        tokenizer: file,
        cause: cause.to_string(),
    })?;
    Ok(tokens.get_ids().iter().map(|&id| i64::from(id)).collect())
}

fn open(file: &Path) -> Result<Tokenizer, TextError> {
    let bytes = fs::read(file).map_err(|cause| TextError::Missing {
        path: file.to_owned(),
        cause,
    })?;
    Tokenizer::from_bytes(bytes).map_err(|cause| TextError::Tokenizer {
        path: file.to_owned(),
        cause: cause.to_string(),
    })
}

/// The `tokenizer.json` of the synthetic source's models: one token per character, and an error for any other character.
pub fn tokenizer_json() -> String {
    let vocab: Map<String, Value> = (0..VOCAB)
        .filter_map(|token| Some((character_of(token)?.to_string(), json!(token))))
        .collect();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": { "Regex": "[\\s\\S]" },
            "behavior": "Isolated",
            "invert": false,
        },
        "post_processor": null,
        "decoder": { "type": "Fuse" },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" },
    });
    format!("{tokenizer:#}\n")
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::Preset;

    use super::*;
    use crate::text::generate;

    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        /// A folder with this tokenizer and this text.
        fn new(tokenizer: Option<&str>, text: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            if let Some(json) = tokenizer {
                fs::write(folder.path().join("tokenizer.json"), json).unwrap();
            }
            fs::write(folder.path().join("text"), text).unwrap();
            Self { folder }
        }

        fn read(&self) -> Result<Vec<i64>, String> {
            let at = self.folder.path();
            let model = ModelSource::Folder {
                name: "model".to_owned(),
                path: at.display().to_string(),
            };
            let tokens = read(&model, "a text", &at.join("text"));
            tokens.map_err(|e| e.to_string().replace(&at.display().to_string(), "DIR"))
        }
    }

    fn refused(case: &Case, expected: &str) {
        let error = case.read().unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn text_of_the_source_becomes_its_tokens_again() {
        let tokens = generate(3, 3000);
        let text: String = tokens.iter().filter_map(|&t| character_of(t)).collect();
        assert_eq!(
            Case::new(Some(&tokenizer_json()), text.as_bytes())
                .read()
                .unwrap(),
            tokens
        );
        assert!(
            Case::new(Some(&tokenizer_json()), b"")
                .read()
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let json = tokenizer_json();
        refused(
            &Case::new(None, b"abc"),
            "read `DIR/tokenizer.json`: No such file",
        );
        refused(&Case::new(None, b"abc"), "beside its config.json");
        refused(
            &Case::new(Some("{}"), b"abc"),
            "use `DIR/tokenizer.json` as a tokenizer: ",
        );
        refused(
            &Case::new(Some(&json), b"ab7"),
            "make tokens of the text `a text` by `DIR/tokenizer.json`: ",
        );
        refused(
            &Case::new(Some(&json), b"ab\xff"),
            "read the text `a text`: stream did not contain valid UTF-8",
        );
        let without_text = Case::new(Some(&json), b"");
        fs::remove_file(without_text.folder.path().join("text")).unwrap();
        refused(&without_text, "read the text `a text`: No such file");
    }

    #[test]
    fn a_preset_has_no_tokenizer() {
        let preset = ModelSource::Preset {
            name: Preset::Gpt2Tiny,
        };
        let error = read(&preset, "a text", Path::new("text"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the preset `gpt2-tiny` has no tokenizer; name a checkpoint folder"),
            "{error}"
        );
    }
}
