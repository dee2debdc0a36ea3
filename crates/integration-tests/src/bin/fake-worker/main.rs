//! A worker that speaks the protocol, measures nothing, and misbehaves as `ANECHOIC_FAKE_WORKER` says. See
//! [`anechoic_integration_tests::fault`]; its times are turned by arguments or
//! `ANECHOIC_FAKE_DIALS`, see [`anechoic_integration_tests::dials`]. Also an example of a worker without libtorch.

mod answer;
mod capture;
mod carry;
mod children;
mod harm;
mod kv;
mod quality;
mod surroundings;

use std::env;
use std::fs;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anechoic_integration_tests::dials::{self, Dials, stretch};
use anechoic_integration_tests::fault::{Fault, choose};
use anechoic_protocol::{
    FailureKind, Job, PROTOCOL_VERSION, Phase, WorkerEvent, decode_line, encode_line,
};

fn main() -> ExitCode {
    let fault = own_fault();
    let dials = match dials() {
        Ok(dials) => dials,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    greet(fault);
    let mut process = carry::Process::new();
    loop {
        match read_job() {
            Some(Ok(job)) if !answer::takes(fault, job.device) => {
                return refuse(FailureKind::DeviceUnavailable, "it computes on the CPU");
            }
            Some(Ok(job)) => {
                log_parent();
                if let Some(code) = work(&job, &mut process, &dials) {
                    return code;
                }
            }
            Some(Err(why)) => return refuse(FailureKind::InvalidJob, &why),
            None => return ExitCode::SUCCESS,
        }
    }
}

/// What the test's variable says, then what the arguments do.
fn dials() -> Result<Dials, String> {
    let variable = env::var(dials::VARIABLE).unwrap_or_default();
    let words = variable.split_whitespace().map(str::to_owned);
    Dials::read(words.chain(env::args().skip(1)))
}

/// The orchestrator marks its workers with `run/case/attempt`.
fn own_fault() -> Fault {
    let mark = env::var("ANECHOIC_ATTEMPT").unwrap_or_default();
    let parts: Vec<&str> = mark.split('/').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    fault_of(part(1), part(2))
}

/// In a session every job has a fault of its own.
fn fault_of(case: &str, attempt: &str) -> Fault {
    let rules = env::var("ANECHOIC_FAKE_WORKER").unwrap_or_default();
    choose(&rules, case, attempt).expect("ANECHOIC_FAKE_WORKER holds rules")
}

/// Looks at the orchestrator from outside, for tests of what it holds while it runs. Once the job has come,
/// it has left the call that started this process and has closed what it needed for that.
fn log_parent() {
    let parent = nix::unistd::getppid();
    let files = fs::read_dir(format!("/proc/{parent}/fd")).map_or(0, Iterator::count);
    let status = fs::read_to_string(format!("/proc/{parent}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident
        .and_then(|text| text.trim().strip_suffix(" kB"))
        .unwrap_or("0");
    eprintln!("parent-files {files}");
    eprintln!("parent-resident-kib {resident}");
}

fn greet(fault: Fault) {
    match fault {
        Fault::Hang(Phase::Start) => harm::hang(),
        Fault::SlowHello => {
            eprintln!("no hello yet");
            harm::wait_for_end_of_input();
            send(&answer::hello(fault));
        }
        Fault::NoHello => phase(Phase::Load),
        Fault::ForeignHello => write(b"{\"type\":\"hello\",\"protocol\":99,\"name\":\"other\"}\n"),
        _ => send(&answer::hello(fault)),
    }
    if fault == Fault::SecondHello {
        send(&answer::hello(fault));
    }
}

/// The job; `None` where the input is closed before it.
fn read_job() -> Option<Result<Job, String>> {
    let mut line = Vec::new();
    std::io::stdin().lock().read_until(b'\n', &mut line).ok()?;
    if line.is_empty() {
        return None;
    }
    let read = decode_line::<Job>(&line).map_err(|error| error.to_string());
    Some(read.and_then(|job| match job.protocol {
        PROTOCOL_VERSION => Ok(job),
        other => Err(format!("the job is of protocol {other}")),
    }))
}

/// Does a job. The code to end with; `None` where the process goes on to the next job.
fn work(job: &Job, process: &mut carry::Process, dials: &Dials) -> Option<ExitCode> {
    let fault = fault_of(&job.case, &job.attempt.to_string());
    // What would watch the input for its end would swallow the next job.
    if !job.more {
        stop_when_input_closes(fault);
    }
    if let Some(message) = dials.warning(job) {
        send(&WorkerEvent::Warning { message });
    }
    let factor = dials.factor(job);
    for step in [Phase::Load, Phase::Verify, Phase::WarmUp] {
        phase(step);
        if fault == Fault::Hang(step) {
            harm::hang();
        }
    }
    phase(Phase::Measure);
    if let Some(code) = harm::before_samples(fault) {
        return Some(code);
    }
    for iteration in answer::iterations(job, fault) {
        let mut sample = answer::sample(job, iteration, fault);
        stretch(&mut sample, factor);
        process.spoil(&mut sample, job);
        send(&WorkerEvent::Sample { sample });
    }
    phase(Phase::Stop);
    let mut result = answer::result(job, fault);
    process.remember(job, &mut result);
    finish(job.more, &result);
    if job.more && fault == Fault::Ok {
        return None;
    }
    Some(harm::after_result(job, fault))
}

/// Whether the last message was sent; changed under the lock of standard output.
static HAS_ENDED: AtomicBool = AtomicBool::new(false);

fn finish(more: bool, result: &WorkerEvent) {
    let _held = std::io::stdout().lock();
    HAS_ENDED.store(!more, Ordering::Relaxed);
    send(result);
}

/// Closed input means stop, for a worker that behaves.
fn stop_when_input_closes(fault: Fault) {
    if fault != Fault::Ok {
        return;
    }
    std::thread::spawn(|| {
        harm::wait_for_end_of_input();
        let _held = std::io::stdout().lock();
        if !HAS_ENDED.load(Ordering::Relaxed) {
            refuse(FailureKind::Stopped, "standard input was closed");
            std::process::exit(1);
        }
    });
}

/// Says that there is no result.
fn refuse(kind: FailureKind, why: &str) -> ExitCode {
    let message = why.to_owned();
    send(&WorkerEvent::Failed { kind, message });
    ExitCode::FAILURE
}

fn phase(phase: Phase) {
    send(&WorkerEvent::Phase { phase });
}

fn fail(kind: FailureKind) {
    let message = format!("as told: {}", kind.as_str());
    send(&WorkerEvent::Failed { kind, message });
}

fn send(event: &WorkerEvent) {
    write(encode_line(event).as_bytes());
}

/// Nobody reading is the end: the orchestrator is gone or has heard enough.
fn write(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}
