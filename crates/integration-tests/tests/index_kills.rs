//! Whoever writes an index is killed at random moments: the next one comes to the same content.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_index::{Fault, INDEX, Index, Query, StoredNight, check, rebuild};
use anechoic_integration_tests::anechoic;
use anechoic_integration_tests::kills::Draw;
use anechoic_integration_tests::made_history::MadeHistory;
use anechoic_report::RunDigest;

/// All that an index says.
type Dump = (Vec<RunDigest>, Vec<StoredNight>);

fn dump(root: &Path) -> Dump {
    let index = Index::open(root).expect("it works in a folder of our own");
    assert_eq!(index.notes(), [] as [&str; 0]);
    let runs = index
        .digests(&Query::default())
        .expect("it works in a folder of our own");
    (
        runs,
        index.nights(None).expect("it works in a folder of our own"),
    )
}

/// What writes an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Open,
    Rebuild,
}

impl Writer {
    fn command(self, root: &Path) -> Command {
        let mut command = match self {
            Self::Open => Command::new(env!("CARGO_BIN_EXE_ask-index")),
            Self::Rebuild => {
                let mut command = Command::new(anechoic());
                command.args(["index", "rebuild", "--results"]);
                command
            }
        };
        command.arg(root).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// How long it takes where nobody kills it: the shorter of two.
    fn whole(self, root: &Path) -> Duration {
        let took = |_| {
            clear(root);
            let start = Instant::now();
            assert!(
                self.command(root)
                    .status()
                    .expect("it works in a folder of our own")
                    .success()
            );
            start.elapsed()
        };
        (0..2)
            .map(took)
            .min()
            .expect("it works in a folder of our own")
    }

    /// Whether it was killed before its end.
    fn kill(self, root: &Path, after: Duration) -> bool {
        let mut child = self
            .command(root)
            .spawn()
            .expect("it works in a folder of our own");
        sleep(after);
        child.kill().expect("it works in a folder of our own");
        child
            .wait()
            .expect("it works in a folder of our own")
            .code()
            .is_none()
    }
}

fn clear(root: &Path) {
    for name in [INDEX.to_owned(), format!("{INDEX}-journal")] {
        let _ = std::fs::remove_file(root.join(name));
    }
}

/// Whether an index is there that does not hold all yet.
fn is_partial(root: &Path) -> bool {
    let faults = check(root).expect("it works in a folder of our own");
    assert!(faults.iter().all(Fault::is_behind), "{faults:?}");
    !faults.is_empty() && faults != [Fault::NoIndex]
}

#[test]
fn an_index_whose_writer_is_killed_comes_to_the_same_content() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let history = MadeHistory {
        runs: 100,
        missed: vec![17],
        cases: 1,
        attempts: 1,
        iterations: 1,
        step: Some((0.03, 40)),
        ..MadeHistory::default()
    };
    let runs = history.write(root).unwrap();
    let whole = dump(root);
    assert_eq!((&whole.0, whole.1.len()), (&runs, 100));
    assert_eq!(check(root).unwrap(), []);
    let within = [Writer::Open, Writer::Rebuild].map(|writer| writer.whole(root));
    let mut draw = Draw(50);
    let (mut killed, mut partial) = (0, 0);
    for number in 0..50 {
        let (writer, within) = match number % 2 {
            0 => (Writer::Open, within[0]),
            _ => (Writer::Rebuild, within[1]),
        };
        if writer == Writer::Open {
            clear(root);
        }
        let limit = u64::try_from(within.as_micros()).unwrap();
        killed += u32::from(writer.kill(root, Duration::from_micros(draw.below(limit))));
        // A look at every tenth is enough to know that kills meet writers; it reads all runs.
        partial += u32::from(number % 10 == 0 && is_partial(root));
        if number % 4 >= 2 {
            rebuild(root).unwrap();
        }
        let found = dump(root);
        assert!(
            found == whole,
            "another content after kill {number} of {writer:?}"
        );
    }
    assert_eq!(check(root).unwrap(), []);
    assert!(killed >= 25, "{killed} of 50 were killed before their end");
    assert!(partial > 0, "no kill has met a half-written index");
}
