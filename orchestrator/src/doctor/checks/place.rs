//! What a run needs before anything can be measured: worker, device, models, a folder for results, the device's lock.

use super::super::facts::{DeviceFacts, Facts, LockFacts, PlaceFacts, WorkerFacts};
use super::super::finding::{Check, Finding};
use super::gigabytes;
use crate::runner::Greeting;

/// What the worker of this project is built against; see `docs/setup.md`.
const TORCH: &str = "2.11.0";

/// The worker that this holds for. Another program may use what it likes.
const OWN_WORKER: &str = "anechoic-worker";

/// With less free space than this, a long run may end for it.
const ROOM: u64 = 1 << 30;
/// With less, even a short one.
const LEAST_ROOM: u64 = 64 << 20;

pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![worker(&facts.worker)];
    findings.extend(libtorch(&facts.worker));
    findings.push(device(&facts.device));
    findings.push(folder(&facts.place));
    findings.extend(facts.place.free_bytes.map(space));
    findings.push(lock(&facts.place.lock));
    findings.extend(facts.suite.as_ref().map(suite));
    findings
}

fn suite(suite: &Result<String, String>) -> Finding {
    match suite {
        Ok(planned) => Finding::ok(Check::Suite, planned),
        Err(absent) => Finding::blocker(
            Check::Suite,
            absent,
            "put it there, or name another in the suite; `anechoic list models` shows those that are here",
        ),
    }
}

fn worker(worker: &WorkerFacts) -> Finding {
    let (path, greeting) = match worker {
        WorkerFacts::NotNeeded => {
            return Finding::ok(Check::Worker, "every case of the suite names its own");
        }
        WorkerFacts::Absent(cause) => {
            return Finding::blocker(
                Check::Worker,
                cause,
                "build it with `cargo xtask setup` and `cargo build --release -p anechoic-worker`, or name it with --worker",
            );
        }
        WorkerFacts::Spared(path) => {
            return Finding::note(
                Check::Worker,
                format!(
                    "`{}` was not asked for its hello: a measurement is going on",
                    path.display()
                ),
                "ask again when it has ended",
            );
        }
        WorkerFacts::Asked { path, greeting } => (path.display(), greeting),
    };
    let blocker = |evidence: String, remedy| Finding::blocker(Check::Worker, evidence, remedy);
    match greeting {
        Greeting::Hello { worker, .. } => Finding::ok(
            Check::Worker,
            format!(
                "`{path}` says that it is {} {}",
                worker.name, worker.version
            ),
        ),
        Greeting::Foreign(version) => blocker(
            format!("`{path}` speaks version {version} of the protocol"),
            "build anechoic and the worker from the same source",
        ),
        Greeting::Nonsense(detail) => blocker(
            format!("`{path}` is no worker: {detail}"),
            "name a worker with --worker; its first line has to be a hello",
        ),
        Greeting::Silence => blocker(
            format!("`{path}` says no hello"),
            "run it by hand: an interpreter or a library may be missing",
        ),
        Greeting::NotStarted(cause) => blocker(
            format!("`{path}` does not start: {cause}"),
            "run it by hand: an interpreter or a library may be missing",
        ),
    }
}

fn libtorch(worker: &WorkerFacts) -> Option<Finding> {
    let WorkerFacts::Asked { greeting, .. } = worker else {
        return None;
    };
    let Greeting::Hello { worker, torch, .. } = greeting else {
        return None;
    };
    let evidence = match torch {
        Some(version) => format!("{} uses libtorch {version}", worker.name),
        None => format!("{} tells of no libtorch", worker.name),
    };
    let number = torch
        .as_deref()
        .and_then(|version| version.split('+').next());
    if worker.name != OWN_WORKER || number == Some(TORCH) {
        return Some(Finding::ok(Check::Libtorch, evidence));
    }
    Some(Finding::blocker(
        Check::Libtorch,
        format!("{evidence}; {TORCH} is needed"),
        "unset LIBTORCH and LD_LIBRARY_PATH, then `cargo xtask setup` and build the worker again",
    ))
}

fn device(device: &DeviceFacts) -> Finding {
    match device {
        DeviceFacts::Chosen(device) => {
            Finding::ok(Check::Device, format!("{device} would be used"))
        }
        DeviceFacts::PassedOver(device) => Finding::warning(
            Check::Device,
            format!("a GPU is visible, and a worker does not offer it; {device} would be used"),
            "build the worker with CUDA (docs/setup.md), or pass --device cpu",
        ),
        DeviceFacts::Refused(cause) => Finding::blocker(
            Check::Device,
            cause,
            "pass --device cpu, or check that nvidia-smi sees the GPU",
        ),
    }
}

fn folder(place: &PlaceFacts) -> Finding {
    let folder = place.folder.display();
    match &place.refused {
        None => Finding::ok(Check::ResultsFolder, format!("`{folder}` can be written")),
        Some(cause) => Finding::blocker(
            Check::ResultsFolder,
            format!("`{folder}` cannot be written: {cause}"),
            "choose another folder with --results",
        ),
    }
}

fn space(free: u64) -> Finding {
    let evidence = format!("{} are free where results are written", gigabytes(free));
    let remedy = "make room, or choose another folder with --results";
    match free {
        ROOM.. => Finding::ok(Check::DiskSpace, evidence),
        LEAST_ROOM.. => Finding::warning(Check::DiskSpace, evidence, remedy),
        _ => Finding::blocker(Check::DiskSpace, evidence, remedy),
    }
}

fn lock(lock: &LockFacts) -> Finding {
    match lock {
        LockFacts::Free(path) => {
            Finding::ok(Check::Locks, format!("nobody holds `{}`", path.display()))
        }
        LockFacts::Held { path, holder } => Finding::warning(
            Check::Locks,
            format!("`{}` is held by {holder}", path.display()),
            "wait until it has ended; two measurements on one device spoil each other",
        ),
        LockFacts::Refused(cause) => Finding::blocker(
            Check::Locks,
            cause,
            "name a folder that can be written in ANECHOIC_LOCKS",
        ),
    }
}
