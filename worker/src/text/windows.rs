//! The windows of tokens that quality is measured on.

use std::path::Path;

use anechoic_protocol::{ModelSource, TextSource};

use super::source::{Source, entropy_rate, losses};
use super::tokens::{TextError, read};

/// Windows of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// Token ids, by window.
    pub tokens: Vec<Vec<i64>>,
    /// What the source knows of them, where the text comes from one.
    pub source: Option<SourceLosses>,
}

/// The synthetic source's view of its own text.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceLosses {
    /// Per window, the sum over all tokens but the first, in nats.
    pub losses: Vec<f64>,
    /// Entropy rate, nats per token.
    pub entropy_rate: f64,
}

/// Which windows are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Tokens of one.
    pub window: u32,
    /// At most so many.
    pub windows: u32,
}

impl Windows {
    /// Cuts windows from the start of a text. Those of the synthetic source, drawn from `seed`, each begin with a line: what
    /// is left of the line before is passed over. Those of a file follow each other without a gap; a shorter text gives
    /// fewer.
    pub fn cut(
        text: &TextSource,
        model: &ModelSource,
        wanted: Wanted,
        seed: u64,
    ) -> Result<Self, TextError> {
        match text {
            TextSource::Synthetic => Ok(Self::synthetic(wanted, seed)),
            TextSource::File { name, path } => {
                let tokens = read(model, name, Path::new(path))?;
                Self::consecutive(&tokens, name, wanted)
            }
        }
    }

    fn synthetic(wanted: Wanted, seed: u64) -> Self {
        let mut source = Source::new(seed);
        let windows = 0..wanted.windows;
        let tokens: Vec<_> = windows
            .map(|_| source.window(wanted.window as usize))
            .collect();
        let losses = tokens.iter().map(|window| losses(window).iter().sum());
        Self {
            source: Some(SourceLosses {
                losses: losses.collect(),
                entropy_rate: entropy_rate(),
            }),
            tokens,
        }
    }

    fn consecutive(tokens: &[i64], name: &str, wanted: Wanted) -> Result<Self, TextError> {
        let whole = tokens.chunks_exact(wanted.window as usize);
        let windows: Vec<_> = whole
            .take(wanted.windows as usize)
            .map(<[i64]>::to_vec)
            .collect();
        match windows.is_empty() {
            false => Ok(Self {
                tokens: windows,
                source: None,
            }),
            true => Err(TextError::Short {
                name: name.to_owned(),
                tokens: tokens.len(),
                window: wanted.window,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelSource = ModelSource::Folder {
        name: String::new(),
        path: String::new(),
    };

    fn wanted(window: u32, windows: u32) -> Wanted {
        Wanted { window, windows }
    }

    #[test]
    fn windows_of_the_source_begin_with_a_line_and_are_known() {
        let windows = Windows::cut(&TextSource::Synthetic, &MODEL, wanted(50, 20), 4).unwrap();
        assert_eq!(windows.tokens.len(), 20);
        let source = windows.source.unwrap();
        for (tokens, loss) in windows.tokens.iter().zip(&source.losses) {
            assert_eq!(tokens.len(), 50);
            assert!(loss.is_finite() && *loss > 30.0, "{loss}");
        }
        assert_eq!(source.entropy_rate, entropy_rate());
        let again = Windows::cut(&TextSource::Synthetic, &MODEL, wanted(50, 20), 5).unwrap();
        assert_ne!(again.tokens, windows.tokens);
    }

    #[test]
    fn windows_of_a_file_follow_each_other() {
        let tokens: Vec<i64> = (0..10).collect();
        let cut = |window, windows| Windows::consecutive(&tokens, "t", wanted(window, windows));
        assert_eq!(cut(3, 9).unwrap().tokens, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]);
        assert_eq!(cut(3, 2).unwrap().tokens.len(), 2);
        assert_eq!(cut(10, 1).unwrap().source, None);
        assert_eq!(
            cut(11, 1).unwrap_err().to_string(),
            "cut windows of 11 tokens from the text `t`, which has 10 tokens; give a longer text or a shorter window"
        );
    }
}
