//! The harm that faults do.

use std::collections::TryReserveError;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{FailureKind, Job, Phase, WorkerEvent};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::getpid;

use crate::{answer, children, fail, send, surroundings, write};

/// Does nothing until somebody ends the process.
pub(crate) fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Harm while measuring; a code when the process is to end with it.
pub(crate) fn before_samples(fault: Fault) -> Option<ExitCode> {
    match fault {
        Fault::Hang(Phase::Measure) | Fault::OtherDeviceHangs => hang(),
        Fault::Stubborn => stay(),
        Fault::Garbage => write(b"[W] loading kernels ...\n"),
        Fault::NotText => write(b"\xff\xfe\n"),
        Fault::EndlessLine => write_without_end(),
        Fault::HugeStderr => shout(),
        Fault::Exit(code) => std::process::exit(code),
        Fault::Segv => end_by(Signal::SIGSEGV),
        Fault::Abort => {
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
            std::process::abort()
        }
        Fault::Kill => end_by(Signal::SIGKILL),
        Fault::KillInLine => {
            write(b"{\"type\":\"sam");
            end_by(Signal::SIGKILL)
        }
        Fault::ExitInLine => {
            write(b"{\"type\":\"sam");
            return Some(ExitCode::SUCCESS);
        }
        Fault::Obedient => {
            wait_for_end_of_input();
            fail(FailureKind::Stopped);
            return Some(ExitCode::SUCCESS);
        }
        Fault::NoResult => return Some(ExitCode::SUCCESS),
        Fault::Fail(kind) => {
            fail(kind);
            return Some(ExitCode::FAILURE);
        }
        Fault::Grandchild => leave_child(false),
        Fault::Runaway => leave_child(true),
        Fault::Daemon => children::daemon(),
        Fault::SlowChild => children::slow(),
        Fault::StubbornChild => children::stubborn(),
        Fault::Brood => leave_brood(),
        Fault::BroodThenHang => {
            leave_brood();
            hang()
        }
        Fault::BroodThenExit => {
            leave_brood();
            std::process::exit(3)
        }
        Fault::BroodThenShout => {
            leave_brood();
            shout();
            hang()
        }
        Fault::Hungry if take_memory().is_err() => {
            fail(FailureKind::OutOfMemory);
            return Some(ExitCode::FAILURE);
        }
        Fault::Tells => surroundings::tell(),
        Fault::ClosesStdout => close_stdout(),
        Fault::Slow => std::thread::sleep(Duration::from_secs(3)),
        _ => {}
    }
    None
}

/// Harm after the result, and the code to end with.
pub(crate) fn after_result(job: &Job, fault: Fault) -> ExitCode {
    match fault {
        Fault::Hang(Phase::Stop) => hang(),
        Fault::TwoResults => send(&answer::result(job, fault)),
        Fault::AfterResult => send(&WorkerEvent::Warning {
            message: "one more thing".to_owned(),
        }),
        Fault::ResultThenExit(code) => std::process::exit(code),
        Fault::ResultThenSegv => end_by(Signal::SIGSEGV),
        _ => {}
    }
    ExitCode::SUCCESS
}

/// Blocks SIGTERM, so that only SIGKILL helps.
fn stay() -> ! {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGTERM);
    blocked.thread_block().expect("signals can be blocked");
    hang()
}

fn end_by(signal: Signal) -> ! {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    loop {
        // More than once: the first SIGSEGV goes to the runtime's handler, which restores the default.
        let _ = kill(getpid(), signal);
    }
}

fn write_without_end() {
    let block = vec![b'x'; 1 << 20];
    let mut out = std::io::stdout().lock();
    while out.write_all(&block).is_ok() {}
    hang()
}

fn shout() {
    let line = format!("{}\n", "noise ".repeat(170));
    for _ in 0..4200 {
        eprint!("{line}");
    }
    eprintln!("the last words");
}

pub(crate) fn wait_for_end_of_input() {
    let mut rest = Vec::new();
    let _ = std::io::stdin().lock().read_to_end(&mut rest);
}

/// A child of each kind.
fn leave_brood() {
    leave_child(false);
    leave_child(true);
    children::daemon();
    children::stubborn();
}

/// A child that holds both pipes; its id goes to the log. `away` gives it a group of its own.
#[expect(
    clippy::zombie_processes,
    reason = "to leave the child behind is the fault"
)]
fn leave_child(away: bool) {
    let mut command = Command::new("sleep");
    command.arg("3600").stdin(Stdio::null());
    if away {
        command.process_group(0);
    }
    let child = command.spawn().expect("sleep can be started");
    eprintln!("grandchild {}", child.id());
}

fn close_stdout() {
    let _ = nix::unistd::close(std::io::stdout().as_raw_fd());
    hang()
}

/// Takes memory and writes to it, piece by piece, up to 1 GiB.
fn take_memory() -> Result<(), TryReserveError> {
    const PIECE: usize = 16 << 20;
    let mut pieces = Vec::new();
    for _ in 0..64 {
        let mut piece: Vec<u8> = Vec::new();
        piece.try_reserve_exact(PIECE)?;
        piece.resize(PIECE, 1);
        pieces.push(piece);
    }
    eprintln!("took {} pieces", pieces.len());
    Ok(())
}
