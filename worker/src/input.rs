//! Where jobs come from. Standard input is read by one thread from its first byte to its end: lines are jobs as long as
//! somebody waits for them, and the end means stop. Nobody else reads it, so that the watch over its end cannot swallow
//! a job.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anechoic_protocol::MAX_LINE_BYTES;

use crate::emit::Emitter;

/// Jobs as they come, not read yet.
#[derive(Debug)]
pub struct Jobs {
    emitter: Arc<Emitter>,
    /// Absent once the last job was taken.
    lines: Option<Receiver<io::Result<Vec<u8>>>>,
}

impl Jobs {
    /// The lines of standard input. When it ends, the emitter ends the process.
    pub fn watch(emitter: &Arc<Emitter>) -> Self {
        let (sender, lines) = channel();
        let watcher = Arc::clone(emitter);
        std::thread::spawn(move || read_all(&watcher, &sender));
        Self::of(emitter, lines)
    }

    /// One job, with nothing to be watched.
    pub fn given(emitter: &Arc<Emitter>, text: String) -> Self {
        let (sender, lines) = channel();
        emitter.asked();
        let sent = sender.send(Ok(text.into_bytes()));
        sent.expect("the receiver is in this function");
        Self::of(emitter, lines)
    }

    fn of(emitter: &Arc<Emitter>, lines: Receiver<io::Result<Vec<u8>>>) -> Self {
        Self {
            emitter: Arc::clone(emitter),
            lines: Some(lines),
        }
    }

    /// Waits for the next job. Where none can come any more the process ends.
    pub fn next(&self) -> io::Result<Vec<u8>> {
        match self.lines.as_ref().map(Receiver::recv) {
            Some(Ok(line)) => line,
            Some(Err(_)) | None => self.emitter.input_ended(),
        }
    }

    /// What still comes is thrown away.
    pub fn close(&mut self) {
        self.lines = None;
    }
}

fn read_all(emitter: &Emitter, sender: &Sender<io::Result<Vec<u8>>>) -> ! {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        // A message, its newline, and one byte to see that it is too long.
        let cap = MAX_LINE_BYTES as u64 + 2;
        let read = input.by_ref().take(cap).read_until(b'\n', &mut line);
        if matches!(read, Ok(0)) {
            emitter.input_ended()
        }
        let failed = read.is_err();
        emitter.asked();
        if sender.send(read.map(|_| line)).is_err() || failed {
            throw_away(emitter, input)
        }
    }
}

/// Nobody takes jobs any more.
fn throw_away(emitter: &Emitter, mut input: impl Read) -> ! {
    let mut ignored = [0; 256];
    while input.read(&mut ignored).is_ok_and(|n| n > 0) {}
    emitter.input_ended()
}
