//! Reading runs and nights, several at a time.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anechoic_record::{Night, RecordError, RunRecord, read_night};
use anechoic_report::RunDigest;

use crate::entries::night_entry;

/// Threads that read at most; more only wait for each other's files.
const THREADS: usize = 8;
/// Runs that are read before the first of them is stored.
const AHEAD: usize = 64;

/// What is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A run directory.
    Run,
    /// The file of a night.
    Night,
}

/// A run or a night that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Which of both.
    pub(crate) what: What,
    /// The name of the directory or the file.
    pub(crate) name: String,
    /// The state of its files before it is read.
    pub(crate) stamp: String,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// A run.
    Run(RunDigest),
    /// A night.
    Night(Night),
    /// Nothing, as it is damaged or may not be read.
    Unreadable {
        /// Why, in words.
        why: String,
        /// Whether only other files will do: a file that may not be read now may be later.
        is_lasting: bool,
    },
}

impl Wanted {
    /// The name of a run, or the path of a night: names it among all of the root.
    pub(crate) fn entry(&self) -> String {
        match self.what {
            What::Run => self.name.clone(),
            What::Night => night_entry(&self.name),
        }
    }

    fn read(&self, root: &Path) -> Content {
        let read = match self.what {
            What::Run => RunRecord::load(&root.join(&self.name)).map(|record| {
                // A directory's name is what a run is found by.
                let run = self.name.clone();
                Content::Run(RunDigest {
                    run,
                    ..RunDigest::of(&record)
                })
            }),
            What::Night => read_night(root, &self.name).map(Content::Night),
        };
        read.unwrap_or_else(|error| Content::Unreadable {
            why: error.to_string(),
            is_lasting: !matches!(error, RecordError::Io { .. }),
        })
    }
}

/// Reads all of these, and hands each to `take`, in no order, until that fails.
pub(crate) fn read_all<E>(
    root: &Path,
    wanted: &[Wanted],
    mut take: impl FnMut(&Wanted, Content) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::sync_channel(AHEAD);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads.min(THREADS).min(wanted.len()) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                while let Some(one) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more where storing has failed.
                    if send.send((one, one.read(root))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        // Goes before the threads are waited for, so that none waits for a listener in vain.
        let received = receive;
        received
            .iter()
            .try_for_each(|(one, content)| take(one, content))
    })
}
