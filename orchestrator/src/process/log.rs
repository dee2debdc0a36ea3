//! A worker's standard error: all of it into the attempt's `stderr.log`, the last part kept in memory.

use std::collections::VecDeque;
use std::io::{self, Write};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of the end is kept in memory.
pub(crate) const TAIL_BYTES: usize = 64 * 1024;

/// Copies a pipe to a log.
#[derive(Debug)]
pub(crate) struct LogCopier<R, L> {
    source: R,
    log: L,
    chunk: Box<[u8]>,
    tail: Tail,
}

/// The last [`TAIL_BYTES`] of a log.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<u8>);

impl<R: AsyncRead + Unpin, L: Write> LogCopier<R, L> {
    pub(crate) fn new(source: R, log: L) -> Self {
        Self {
            source,
            log,
            chunk: vec![0; 16 * 1024].into_boxed_slice(),
            tail: Tail::default(),
        }
    }

    /// What is read from now on goes to another log.
    pub(crate) fn log_to(&mut self, log: L) {
        self.log = log;
    }

    /// Copies one chunk; false at the end of the pipe. An error is one of writing the log.
    pub(crate) async fn copy_some(&mut self) -> io::Result<bool> {
        let read = self.source.read(&mut self.chunk).await.unwrap_or(0);
        self.log.write_all(&self.chunk[..read])?;
        self.tail.push(&self.chunk[..read]);
        Ok(read > 0)
    }

    pub(crate) fn into_tail(self) -> Tail {
        self.tail
    }
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        let excess = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..excess);
    }

    /// The last lines that are not empty, oldest first.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<String> = text
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(count)
            .map(str::to_owned)
            .collect();
        lines.reverse();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn copy(input: &[u8]) -> (Vec<u8>, Tail) {
        let mut log = Vec::new();
        let mut copier = LogCopier::new(input, &mut log);
        while copier.copy_some().await.unwrap() {}
        let tail = copier.into_tail();
        (log, tail)
    }

    #[tokio::test]
    async fn everything_is_logged_and_the_end_is_kept() {
        let input: Vec<u8> = (0..100_000)
            .flat_map(|i| format!("line {i}\n").into_bytes())
            .collect();
        let (log, tail) = copy(&input).await;
        assert_eq!(log, input);
        assert_eq!(tail.0.len(), TAIL_BYTES);
        assert_eq!(tail.last_lines(2), ["line 99998", "line 99999"]);
    }

    #[tokio::test]
    async fn last_lines_survive_bytes_that_are_no_text() {
        let (_, tail) = copy(b"one\n\n\xff\xfe two\n").await;
        assert_eq!(tail.last_lines(5), ["one", "\u{fffd}\u{fffd} two"]);
    }
}
