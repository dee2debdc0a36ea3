//! One message is one line of JSON. Lines have a length cap, so that a broken worker cannot fill memory.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest line that either side accepts, newline excluded: 16 MiB.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// A line that is not a message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("the line is {0} bytes long; at most {MAX_LINE_BYTES} are accepted")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotText,
    /// Not the JSON of a message of this protocol.
    #[error("the line is not a message of protocol {version}: {source}", version = crate::PROTOCOL_VERSION)]
    NotAMessage {
        /// What the JSON reader says.
        source: serde_json::Error,
    },
}

/// The message as one line, newline included.
///
/// # Panics
/// Never for this crate's types: they hold only values that JSON can express.
pub fn encode_line<T: Serialize>(message: &T) -> String {
    let mut line = serde_json::to_string(message).expect("protocol types always serialise");
    line.push('\n');
    line
}

/// Reads one line, with or without its newline.
pub fn decode_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, FrameError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(FrameError::TooLong(line.len()));
    }
    let text = std::str::from_utf8(line).map_err(|_| FrameError::NotText)?;
    serde_json::from_str(text.trim_end()).map_err(|source| FrameError::NotAMessage { source })
}
