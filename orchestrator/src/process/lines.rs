//! A worker's standard output, line by line and with a cap. Every byte up to the cap also goes to the
//! attempt's `stdout.log`, as it came.

use std::io::{self, Write};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Read from the pipe at a time.
const CHUNK: usize = 64 * 1024;

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line, without its newline.
    Line(Vec<u8>),
    /// A line that passed the cap. What follows is read and thrown away.
    Overlong,
    /// The end, with the number of bytes that came after the last newline.
    End(usize),
}

/// Splits a pipe into lines. [`LineReader::next`] may be cancelled at any time without losing bytes.
#[derive(Debug)]
pub(crate) struct LineReader<R, L> {
    source: R,
    log: L,
    cap: usize,
    buffer: Vec<u8>,
    scanned: usize,
    discarding: bool,
}

impl<R: AsyncRead + Unpin, L: Write> LineReader<R, L> {
    pub(crate) fn new(source: R, log: L, cap: usize) -> Self {
        Self {
            source,
            log,
            cap,
            buffer: Vec::new(),
            scanned: 0,
            discarding: false,
        }
    }

    /// Bytes that are read from now on go to another log.
    pub(crate) fn log_to(&mut self, log: L) {
        self.log = log;
    }

    /// The next piece. An error is one of writing the log: a pipe that cannot be read has ended.
    pub(crate) async fn next(&mut self) -> io::Result<Piece> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Piece::Line(line));
            }
            if self.buffer.len() > self.cap && !self.discarding {
                self.discarding = true;
                return Ok(Piece::Overlong);
            }
            if self.discarding {
                self.buffer.clear();
                self.scanned = 0;
            }
            self.buffer.reserve(CHUNK);
            let before = self.buffer.len();
            let read = self.source.read_buf(&mut self.buffer).await.unwrap_or(0);
            if read == 0 {
                return Ok(Piece::End(self.buffer.len()));
            }
            if !self.discarding {
                self.log.write_all(&self.buffer[before..])?;
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        if self.discarding {
            return None;
        }
        let found = self.buffer[self.scanned..].iter().position(|&b| b == b'\n');
        let Some(found) = found else {
            self.scanned = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.scanned + found + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.pop();
        self.scanned = 0;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(input: &[u8], cap: usize) -> (Vec<Piece>, Vec<u8>) {
        let mut log = Vec::new();
        let mut reader = LineReader::new(input, &mut log, cap);
        let mut found = Vec::new();
        loop {
            let piece = reader.next().await.unwrap();
            let end = matches!(piece, Piece::End(_));
            found.push(piece);
            if end {
                return (found, log);
            }
        }
    }

    fn line(text: &str) -> Piece {
        Piece::Line(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn bytes_become_lines_and_all_are_logged() {
        let check = async |input: &str, expected: Vec<Piece>| {
            let (found, log) = pieces(input.as_bytes(), 100).await;
            assert_eq!(found, expected, "{input:?}");
            assert_eq!(log, input.as_bytes(), "{input:?}");
        };
        check("", vec![Piece::End(0)]).await;
        check("a\nbc\n", vec![line("a"), line("bc"), Piece::End(0)]).await;
        check("a\n\nb", vec![line("a"), line(""), Piece::End(1)]).await;
    }

    #[tokio::test]
    async fn a_line_without_end_is_reported_once_and_not_kept() {
        let input = vec![b'x'; 10 * CHUNK];
        let (found, log) = pieces(&input, CHUNK).await;
        assert_eq!(found, vec![Piece::Overlong, Piece::End(0)]);
        assert!(log.len() <= 3 * CHUNK, "{} bytes logged", log.len());
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_cap_is_a_line() {
        let (found, _) = pieces(b"12345\n", 5).await;
        assert_eq!(found, vec![line("12345"), Piece::End(0)]);
    }
}
