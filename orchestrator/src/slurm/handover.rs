//! What the two sides of a Slurm attempt hand each other: files in the folder `slurm` of the attempt's, on a file system
//! that both see. The node begins with a request, says where it is, logs events, and says last how it ended. The files that
//! the node writes are there before it, and it writes into them: what is new in a file, other machines see when they open
//! it; what is new in a folder, NFS may hide from them for a minute.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anechoic_record::{
    AttemptRecord, MachineState, Manifest, RecordError, Stamped, Start, write_atomically,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The files that the node writes.
const NODE: &str = "node.json";
const END: &str = "end.json";
const EVENTS: &str = "events.jsonl";

/// What the node is asked to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The version of the program that asks: both sides have to be of the same build.
    pub(crate) anechoic: String,
    /// The run with the one case of the attempt.
    pub(crate) manifest: Manifest,
    /// The attempt's number.
    pub(crate) attempt: u32,
    /// Whether it is the first of this start, before which there is no pause.
    pub(crate) is_first: bool,
    /// A limit of its time in place of its case's.
    pub(crate) timeout_ms: Option<u64>,
    /// The worker program.
    pub(crate) worker: PathBuf,
    /// The state of rest of nodes, by their names, as earlier attempts have found it.
    pub(crate) references: BTreeMap<String, MachineState>,
}

/// How the node's side ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum End {
    /// An attempt was made, or refused because the machine was not at rest.
    Made {
        /// How it ended.
        record: Box<AttemptRecord>,
        /// The state of rest from now on.
        reference: Option<Box<MachineState>>,
    },
    /// It was stopped before it had begun.
    Stopped,
    /// The node lacks something.
    Unfit {
        /// What.
        message: String,
    },
}

/// The folder that lies between the two sides.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    folder: PathBuf,
}

impl Desk {
    /// Makes the folder within the attempt's.
    pub(crate) fn make(attempt: &Path) -> Result<Self, RecordError> {
        let folder = attempt.join("slurm");
        let refused = |source| RecordError::Io {
            action: "create",
            path: folder.clone(),
            source,
        };
        fs::create_dir(&folder).map_err(refused)?;
        for name in [NODE, END, EVENTS] {
            fs::File::create_new(folder.join(name)).map_err(refused)?;
        }
        Ok(Self { folder })
    }

    /// The folder that a request is in.
    pub(crate) fn of_request(request: &Path) -> Self {
        let folder = request.parent().unwrap_or(Path::new("."));
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the request.
    pub(crate) fn request(&self) -> PathBuf {
        self.folder.join("request.json")
    }

    /// Takes the request back: a job that starts all the same finds none.
    pub(crate) fn withdraw(&self) {
        let _ = fs::remove_file(self.request());
    }

    /// The script of the job.
    pub(crate) fn script(&self) -> PathBuf {
        self.folder.join("job.sh")
    }

    /// All that the supervisor on the node writes for people.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("job.log")
    }

    /// Asks.
    pub(crate) fn ask(&self, request: &Request) -> Result<(), RecordError> {
        write_atomically(&self.request(), &text(request))
    }

    /// What is asked for.
    pub(crate) fn asked(&self) -> Result<Request, RecordError> {
        let path = self.request();
        let text = fs::read_to_string(&path).map_err(|source| RecordError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|error| RecordError::Damaged {
            path,
            line: None,
            detail: error.to_string(),
        })
    }

    /// Says where the attempt is made.
    pub(crate) fn say_node(&self, start: &Start) -> Result<(), RecordError> {
        self.write(NODE, start)
    }

    /// Where the attempt is made, once the node has said so.
    pub(crate) fn node(&self) -> Option<Start> {
        self.read(NODE)
    }

    /// Says how it ended.
    pub(crate) fn say_end(&self, end: &End) -> Result<(), RecordError> {
        self.write(END, end)
    }

    /// How it ended, once the node has said so.
    pub(crate) fn end(&self) -> Option<End> {
        self.read(END)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), RecordError> {
        let path = self.folder.join(name);
        let written = fs::write(&path, text(value));
        written.map_err(|source| RecordError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// One that is not whole yet is as good as none.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(&fs::read_to_string(self.folder.join(name)).ok()?).ok()
    }

    /// The whole events behind this many bytes of the log, and how many bytes there are now. The file is opened anew: what
    /// another machine has written is seen then.
    pub(crate) fn events(&self, from: u64) -> Result<(Vec<Stamped>, u64), RecordError> {
        let path = self.folder.join(EVENTS);
        let text = read_from(&path, from).map_err(|source| RecordError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        let whole = &text[..whole.map_or(0, |at| at + 1)];
        let lines = whole.split_inclusive(|byte| *byte == b'\n');
        let events = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        let events = events.map_err(|error| RecordError::Damaged {
            path,
            line: None,
            detail: error.to_string(),
        })?;
        Ok((events, from + whole.len() as u64))
    }
}

/// What a file holds behind this many bytes; nothing where there is none yet.
fn read_from(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match fs::File::open(path) {
        Ok(mut file) => {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut text)?;
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(text),
        Err(error) => Err(error),
    }
}
fn text(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records always serialise");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_events_are_taken_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::make(folder.path()).unwrap();
        assert_eq!(desk.events(0).unwrap().1, 0);
        let path = desk.folder().join("events.jsonl");
        assert!(desk.node().is_none() && desk.end().is_none());
        let mut log = fs::File::create(path).unwrap();
        let line = r#"{"at":"2026-11-30T02:53:17Z","event":"run-ended","state":"complete"}"#;
        write!(log, "{line}\n{line}\n{}", &line[..20]).unwrap();
        let (events, at) = desk.events(0).unwrap();
        assert_eq!(events.len(), 2);
        writeln!(log, "{}", &line[20..]).unwrap();
        let (events, end) = desk.events(at).unwrap();
        assert_eq!((events.len(), end), (1, 3 * (line.len() as u64 + 1)));
        assert!(desk.events(end).unwrap().0.is_empty());
    }
}
