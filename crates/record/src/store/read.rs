//! Reading a run directory back into memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anechoic_protocol::{DeviceInfo, Job, JobResult, Sample, WorkerEvent};

use super::lock::is_being_written;
use super::recover::{self, Traces, Writer};
use super::{EVENTS, MANIFEST, RecordError, RunLock, attempt_folder};
use crate::timeline::Timeline;
use crate::{Manifest, Observation, RunEvent, RunState, SCHEMA_VERSION, Stamped, Stop, Wait};

/// All that a run directory tells.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The directory.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// What each attempt left, by case and attempt.
    pub attempts: BTreeMap<(String, u32), AttemptData>,
}

/// What one attempt left in the event log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttemptData {
    /// The job it was sent.
    pub job: Option<Job>,
    /// Its raw samples, in order.
    pub samples: Vec<Sample>,
    /// Its result.
    pub result: Option<JobResult>,
    /// What it warned of.
    pub warnings: Vec<String>,
    /// Devices that its worker named in its `hello`.
    pub devices: Vec<DeviceInfo>,
    /// Time from spawn to `hello`.
    pub hello_ns: Option<u64>,
    /// Wait before it, the fixed pause included.
    pub waited_ms: u64,
    /// What it waited for beyond the fixed pause.
    pub waits: Vec<Wait>,
    /// What was seen of the machine meanwhile.
    pub observations: Vec<Observation>,
    /// CPU time that seeing it took; absent where nobody looked.
    pub observing_ns: Option<u64>,
    /// From spawn to the end of the process; absent where the orchestrator died first.
    pub wall_ns: Option<u64>,
    /// CPU time of the orchestrator meanwhile.
    pub orchestrator_cpu_ns: Option<u64>,
    /// When what of it happened.
    pub timeline: Timeline,
}

/// What an attempt left of which the log holds nothing.
static NOTHING: LazyLock<AttemptData> = LazyLock::new(AttemptData::default);

impl RunRecord {
    /// Reads a run directory. An attempt that the event log knows and the manifest does not is told as well: how it
    /// ended, or that the orchestrator died during it, where nobody writes the run any more.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let writer = match is_being_written(path) {
            true => Writer::AtWork,
            false => Writer::Gone,
        };
        Self::read(path, writer)
    }

    /// Reads the directory of a run that the caller itself has locked and makes no attempt in.
    pub fn load_locked(lock: &RunLock) -> Result<Self, RecordError> {
        Self::read(lock.path(), Writer::Gone)
    }

    fn read(path: &Path, writer: Writer) -> Result<Self, RecordError> {
        let mut manifest = read_manifest(path)?;
        let mut attempts: BTreeMap<(String, u32), AttemptData> = BTreeMap::new();
        let mut traces = Traces::new();
        each_event(&path.join(EVENTS), |stamped| {
            recover::note(&mut traces, &stamped);
            let at = stamped.at;
            if let Some((key, fold)) = of_attempt(stamped.event) {
                let data = attempts.entry(key).or_default();
                data.timeline.note(at, &fold);
                fold.into_data(data);
            }
        })?;
        recover::complete(&mut manifest, path, &mut traces, writer);
        mark_interrupted(&mut manifest, writer);
        for key in traces.into_keys() {
            attempts.entry(key).or_default();
        }
        Ok(Self {
            path: path.to_owned(),
            manifest,
            attempts,
        })
    }

    /// The folder with the files of an attempt, whether it is there or not.
    pub fn attempt_folder(&self, case: &str, attempt: u32) -> PathBuf {
        attempt_folder(&self.path, case, attempt)
    }

    /// What an attempt left; empty where the log holds nothing of it.
    pub fn attempt(&self, case: &str, attempt: u32) -> AttemptData {
        self.attempt_data(case, attempt).clone()
    }

    /// The same without a copy of it.
    pub fn attempt_data(&self, case: &str, attempt: u32) -> &AttemptData {
        let key = (case.to_owned(), attempt);
        self.attempts.get(&key).unwrap_or(&NOTHING)
    }
}

/// A run that says it is running, and nobody writes it: its orchestrator died.
pub(super) fn mark_interrupted(manifest: &mut Manifest, writer: Writer) {
    if manifest.state == RunState::Running && writer == Writer::Gone {
        manifest.state = RunState::Interrupted;
    }
}

/// The part of an event that belongs to its attempt.
pub(crate) enum Fold {
    /// Leaves an empty entry, so that the attempt's number is known to be taken.
    Started,
    Waited(u64, Vec<Wait>),
    Observed(Vec<Observation>, u64),
    Job(Box<Job>),
    Worker(u64, WorkerEvent),
    Stopping(Stop),
    Ended(u64, u64),
}

fn of_attempt(event: RunEvent) -> Option<((String, u32), Fold)> {
    match event {
        RunEvent::RunStarted { .. } | RunEvent::RunEnded { .. } | RunEvent::RuleChecked { .. } => {
            None
        }
        RunEvent::Stopping { case, attempt, how } => Some(((case, attempt), Fold::Stopping(how))),
        RunEvent::Observed {
            case,
            attempt,
            observations,
            cost_ns,
        } => Some(((case, attempt), Fold::Observed(observations, cost_ns))),
        RunEvent::AttemptStarted {
            case,
            attempt,
            pid: _,
            containment: _,
        } => Some(((case, attempt), Fold::Started)),
        RunEvent::CooledDown {
            case,
            attempt,
            waited_ms,
            waits,
        } => Some(((case, attempt), Fold::Waited(waited_ms, waits))),
        RunEvent::JobSent { case, attempt, job } => Some(((case, attempt), Fold::Job(job))),
        RunEvent::Worker {
            case,
            attempt,
            since_spawn_ns,
            message,
        } => Some(((case, attempt), Fold::Worker(since_spawn_ns, message))),
        RunEvent::AttemptEnded {
            case,
            attempt,
            wall_ns,
            orchestrator_cpu_ns,
            outcome: _,
            disturbed: _,
            left: _,
            pipes_left: _,
            placement: _,
        } => Some(((case, attempt), Fold::Ended(wall_ns, orchestrator_cpu_ns))),
    }
}

impl AttemptData {
    /// Takes one more event of the attempt. Those of the run alone leave it as it is.
    pub fn take(&mut self, stamped: Stamped) {
        if let Some((_, fold)) = of_attempt(stamped.event) {
            self.timeline.note(stamped.at, &fold);
            fold.into_data(self);
        }
    }
}

impl Fold {
    fn into_data(self, data: &mut AttemptData) {
        match self {
            Self::Started | Self::Stopping(_) => {}
            Self::Waited(waited_ms, waits) => {
                data.waited_ms += waited_ms;
                data.waits.extend(waits);
            }
            Self::Observed(observations, cost_ns) => {
                data.observations.extend(observations);
                data.observing_ns = Some(data.observing_ns.unwrap_or(0) + cost_ns);
            }
            Self::Job(job) => data.job = Some(*job),
            Self::Ended(wall_ns, cpu_ns) => {
                data.wall_ns = Some(wall_ns);
                data.orchestrator_cpu_ns = Some(cpu_ns);
            }
            Self::Worker(at, message) => match message {
                WorkerEvent::Hello { devices, .. } => {
                    data.hello_ns = Some(at);
                    data.devices = devices;
                }
                WorkerEvent::Sample { sample } => data.samples.push(sample),
                WorkerEvent::Warning { message } => data.warnings.push(message),
                WorkerEvent::Finished { result } => data.result = Some(*result),
                WorkerEvent::Phase { .. }
                | WorkerEvent::Progress { .. }
                | WorkerEvent::Failed { .. } => {}
            },
        }
    }
}

/// The version in a stored object, where it has one.
#[derive(serde::Deserialize)]
struct Head {
    schema_version: u32,
}

/// Reads and checks the manifest of a run directory.
pub(super) fn read_manifest(run: &Path) -> Result<Manifest, RecordError> {
    let path = run.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(RecordError::io("read", &path))?;
    let damaged = |e: serde_json::Error| RecordError::damaged(&path, None, e);
    let head: Head = serde_json::from_str(&text).map_err(damaged)?;
    if head.schema_version > SCHEMA_VERSION {
        let found = head.schema_version;
        return Err(RecordError::Newer { path, found });
    }
    serde_json::from_str(&text).map_err(damaged)
}

/// Takes the events in order, one at a time: a log may be larger than memory should be. A last line without newline is
/// what a crash leaves and is passed over; any other unreadable line is damage, named by its number.
fn each_event(path: &Path, mut take: impl FnMut(Stamped)) -> Result<(), RecordError> {
    let file = File::open(path).map_err(RecordError::io("open", path))?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(RecordError::io("read", path))? == 0 || line.last() != Some(&b'\n') {
            break;
        }
        take(read_event(path, number, &line)?);
    }
    Ok(())
}

/// Bytes that are read from the log at a time.
const BUFFER: usize = 64 << 10;

/// Every start tells the version of what follows, so that a newer log is named before its lines are.
fn read_event(path: &Path, number: usize, line: &[u8]) -> Result<Stamped, RecordError> {
    let event = serde_json::from_slice::<Stamped>(line);
    let found = match &event {
        Ok(Stamped {
            event: RunEvent::RunStarted { schema_version, .. },
            ..
        }) => Some(*schema_version),
        Ok(_) => None,
        Err(_) => serde_json::from_slice::<Head>(line)
            .ok()
            .map(|head| head.schema_version),
    };
    match found.filter(|found| *found > SCHEMA_VERSION) {
        Some(found) => Err(RecordError::Newer {
            path: path.to_owned(),
            found,
        }),
        None => event.map_err(|e| RecordError::damaged(path, Some(number), e)),
    }
}
