//! Data on standard output.

use std::io::{self, BufWriter, Write};

/// Writes data to standard output. A reader that has gone away (`| head`) is not an error.
pub(crate) fn print_data(text: &str) -> io::Result<()> {
    write_data(|out| out.write_all(text.as_bytes()))
}

/// Lets `write` put data on standard output, piece by piece, for what should never be in memory as a whole.
pub(crate) fn write_data(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is left in the buffer would be tried once more.
            let _ = out.into_parts();
            Ok(())
        }
        written => written,
    }
}
