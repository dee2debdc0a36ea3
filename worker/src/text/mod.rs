//! Text to score: a synthetic source whose entropy is known, and files made into tokens by a checkpoint's tokenizer.

mod source;
mod tokens;
mod windows;

pub use source::{Source, VOCAB, character_of, entropy_rate, generate, losses, write};
pub use tokens::{TextError, read, tokenizer_json};
pub use windows::{SourceLosses, Wanted, Windows};
