//! Data on standard output.

use std::io::{self, Write};

/// Writes data to standard output. A reader that has gone away (`| head`) is not an error.
pub(crate) fn print_data(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
