//! The matrix: what goes wrong, and how the attempt must end. `docs/failures.md` shows it.

use anechoic_suite::Ending;
use nix::sys::signal::Signal;

/// One way in which something goes wrong in the middle case of three.
pub(crate) struct Row {
    /// In words.
    pub(crate) fault: &'static str,
    /// How the test brings it about.
    pub(crate) how: How,
    /// How the attempt must end.
    pub(crate) ending: Ending,
    /// A part of what is said about it.
    pub(crate) cause: &'static str,
}

/// Who does what.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// The fake worker does this by itself.
    Worker(&'static str),
    /// The fake worker does this, and the time limit of 3 s ends it.
    Hangs(&'static str),
    /// The fake worker does this in a case with these settings.
    With(&'static str, &'static str),
    /// The worker program has an interpreter that is not there.
    NoInterpreter,
    /// Somebody who is no child of the worker holds its standard output open.
    PipeHeld,
    /// Tasks of the machine wait for memory while the worker measures, and the run says `--when-restless discard`.
    MachineStalls,
    /// Somebody else sends the worker this signal while it measures.
    WorkerGets(Signal),
    /// `anechoic` gets these signals while a worker that does this measures; each but the first once the worker is
    /// being stopped.
    OrchestratorGets(&'static [Signal], &'static str),
}

const fn row(fault: &'static str, how: How, ending: Ending, cause: &'static str) -> Row {
    Row {
        fault,
        how,
        ending,
        cause,
    }
}

use How::{
    Hangs, MachineStalls, NoInterpreter, OrchestratorGets, PipeHeld, With, Worker, WorkerGets,
};

/// What a worker says at its start.
const HELLO: &[Row] = &[
    row(
        "says hello in another version",
        Worker("wrong-version"),
        Ending::ProtocolMismatch,
        "speaks protocol 2, this build speaks 1",
    ),
    row(
        "says hello in another version, with other fields",
        Worker("foreign-hello"),
        Ending::ProtocolMismatch,
        "speaks protocol 99",
    ),
    row(
        "says hello twice",
        Worker("second-hello"),
        Ending::ProtocolViolation,
        "a second hello",
    ),
    row(
        "sends a phase before its hello",
        Worker("no-hello"),
        Ending::ProtocolViolation,
        "a phase before its hello",
    ),
    row(
        "offers no benchmark",
        Worker("no-benchmark"),
        Ending::WorkerFailed,
        "(invalid-job): the worker offers no benchmark `capture`",
    ),
    row(
        "sees another device",
        Worker("other-device"),
        Ending::WorkerFailed,
        "(device-unavailable): the job needs cpu, the worker sees cuda:7",
    ),
    row(
        "waits with its hello until its input is closed",
        Hangs("slow-hello"),
        Ending::Timeout,
        "timed out in start after 3 s",
    ),
    row(
        "cannot be started",
        NoInterpreter,
        Ending::SpawnFailed,
        "No such file",
    ),
];

/// What comes out of its standard output.
const OUTPUT: &[Row] = &[
    row(
        "writes a log line to standard output",
        Worker("garbage"),
        Ending::ProtocolViolation,
        "`[W] loading kernels ...`",
    ),
    row(
        "writes bytes that are no text",
        Worker("not-text"),
        Ending::ProtocolViolation,
        "not UTF-8",
    ),
    row(
        "writes a line that never ends",
        Worker("endless-line"),
        Ending::ProtocolViolation,
        "longer than the 16777216 bytes",
    ),
    row(
        "closes standard output and goes on",
        Worker("closes-stdout"),
        Ending::ProtocolViolation,
        "closed its standard output",
    ),
    row(
        "exits with 0 in the middle of a line",
        Worker("exit-in-line"),
        Ending::ProtocolViolation,
        "in the middle of a line (12 bytes)",
    ),
    row(
        "exits with 0 before its result",
        Worker("no-result"),
        Ending::ProtocolViolation,
        "code 0 and without a result",
    ),
    row(
        "sends its result twice",
        Worker("two-results"),
        Ending::ProtocolViolation,
        "a result after its last message",
    ),
    row(
        "goes on talking after its result",
        Worker("after-result"),
        Ending::ProtocolViolation,
        "a warning after its last message",
    ),
    row(
        "sends one sample too few",
        Worker("missing-sample"),
        Ending::ProtocolViolation,
        "after 1 of 2 samples",
    ),
    row(
        "sends its samples in another order",
        Worker("sample-order"),
        Ending::ProtocolViolation,
        "sample 2 where 1 was due",
    ),
];

/// What does not belong to the job.
const ECHO: &[Row] = &[
    row(
        "uses other settings than the job's",
        Worker("wrong-echo"),
        Ending::EchoMismatch,
        "work.workload.batch_size: asked 2, used 1",
    ),
    row(
        "captures one row too few",
        Worker("wrong-rows"),
        Ending::EchoMismatch,
        "captured_rows: expected 48, got 47",
    ),
    row(
        "sends readings that nobody asked for",
        Worker("extra-readings"),
        Ending::EchoMismatch,
        "sample 1: inside_ns: not asked for, and there",
    ),
    row(
        "leaves out readings that were asked for",
        With("attribution = \"inside\"", "missing-readings"),
        Ending::EchoMismatch,
        "inside_ns: asked for, and absent",
    ),
    row(
        "pairs one decode step too few",
        With("attribution = \"paired\"", "short-pairs"),
        Ending::EchoMismatch,
        "paired.on_ns: expected 2, got 1",
    ),
    row(
        "finishes although its verification found a difference",
        Worker("bad-verification"),
        Ending::VerificationFailed,
        "an error of 1",
    ),
    row(
        "finishes without a verification",
        Worker("no-verification"),
        Ending::ProtocolViolation,
        "finished without a verification",
    ),
    row(
        "finishes with a verification that compared nothing",
        Worker("empty-verification"),
        Ending::ProtocolViolation,
        "its verification compared nothing",
    ),
];

/// How its process ends.
const EXITS: &[Row] = &[
    row(
        "exits with 3 while measuring",
        Worker("exit-3"),
        Ending::ExitCode,
        "exited with code 3",
    ),
    row(
        "exits with 7 after its result",
        Worker("result-then-exit-7"),
        Ending::ExitCode,
        "exited with code 7",
    ),
    row(
        "segmentation fault",
        Worker("segv"),
        Ending::Signal,
        "SIGSEGV (signal 11)",
    ),
    row(
        "segmentation fault after its result",
        Worker("result-then-segv"),
        Ending::Signal,
        "SIGSEGV",
    ),
    row(
        "aborts",
        Worker("abort"),
        Ending::Signal,
        "SIGABRT (signal 6)",
    ),
    row(
        "is killed by itself",
        Worker("kill"),
        Ending::Signal,
        "SIGKILL (signal 9)",
    ),
    row(
        "is killed in the middle of a line",
        Worker("kill-in-line"),
        Ending::Signal,
        "SIGKILL (signal 9)",
    ),
    row(
        "is killed by somebody else",
        WorkerGets(Signal::SIGKILL),
        Ending::Signal,
        "SIGKILL (signal 9)",
    ),
    row(
        "is terminated by somebody else",
        WorkerGets(Signal::SIGTERM),
        Ending::Signal,
        "SIGTERM (signal 15)",
    ),
];

/// What it says itself.
const FAILURES: &[Row] = &[
    row(
        "says that it cannot do the job",
        Worker("fail-invalid-job"),
        Ending::WorkerFailed,
        "(invalid-job): as told",
    ),
    row(
        "says that the device is not there",
        Worker("fail-device-unavailable"),
        Ending::WorkerFailed,
        "(device-unavailable): as told",
    ),
    row(
        "says that the model cannot be loaded",
        Worker("fail-model-load"),
        Ending::WorkerFailed,
        "(model-load): as told",
    ),
    row(
        "says that its verification failed",
        Worker("fail-verification"),
        Ending::VerificationFailed,
        "as told",
    ),
    row(
        "says that the host refused memory",
        Worker("fail-out-of-memory"),
        Ending::HostOutOfMemory,
        "as told",
    ),
    row(
        "says that the device refused memory",
        Worker("fail-device-out-of-memory"),
        Ending::DeviceOutOfMemory,
        "as told",
    ),
    row(
        "takes more memory than its case may have",
        With("memory-limit = \"512MiB\"", "hungry"),
        Ending::HostOutOfMemory,
        "the host has no memory left",
    ),
    row(
        "says that it was stopped, and nobody stopped it",
        Worker("fail-stopped"),
        Ending::WorkerFailed,
        "(stopped): as told",
    ),
    row(
        "says that it failed inside",
        Worker("fail-internal"),
        Ending::WorkerFailed,
        "(internal): as told",
    ),
];

/// What only a limit of time ends.
const HANGS: &[Row] = &[
    row(
        "hangs before its hello",
        Hangs("hang-in-start"),
        Ending::Timeout,
        "timed out in start after 3 s",
    ),
    row(
        "hangs while loading",
        Hangs("hang-in-load"),
        Ending::Timeout,
        "timed out in load after 3 s",
    ),
    row(
        "hangs while verifying",
        Hangs("hang-in-verify"),
        Ending::Timeout,
        "timed out in verify after 3 s",
    ),
    row(
        "hangs while warming up",
        Hangs("hang-in-warm-up"),
        Ending::Timeout,
        "timed out in warm-up after 3 s",
    ),
    row(
        "hangs while measuring",
        Hangs("hang-in-measure"),
        Ending::Timeout,
        "timed out in measure after 3 s",
    ),
    row(
        "hangs after its result",
        Hangs("hang-in-stop"),
        Ending::Timeout,
        "timed out in stop after 3 s",
    ),
    row(
        "hangs and ignores SIGTERM",
        Hangs("stubborn"),
        Ending::Timeout,
        "timed out in measure after 3 s",
    ),
    row(
        "takes too long and stops when asked",
        Hangs("obedient"),
        Ending::Timeout,
        "timed out in measure after 3 s",
    ),
];

/// What it leaves behind.
const LEAKS: &[Row] = &[
    row(
        "leaves a child in its group",
        Worker("grandchild"),
        Ending::Leaked,
        "left 1 process(es) behind",
    ),
    row(
        "leaves a child in a group of its own",
        Worker("runaway"),
        Ending::Leaked,
        "left 1 process(es) behind",
    ),
    row(
        "leaves a daemon: a session of its own, no environment, no pipes",
        Worker("daemon"),
        Ending::Leaked,
        "left 1 process(es) behind",
    ),
    row(
        "leaves a child that ignores SIGTERM",
        Worker("stubborn-child"),
        Ending::Leaked,
        "left 1 process(es) behind",
    ),
    row(
        "leaves a child of each kind",
        Worker("brood"),
        Ending::Leaked,
        "process(es) behind",
    ),
    row(
        "leaves no process, and a pipe that somebody else holds open",
        PipeHeld,
        Ending::Leaked,
        "left 0 process(es) behind, and its pipes were held open",
    ),
    row(
        "leaves a child of each kind and exits with 3",
        Worker("brood-then-exit-3"),
        Ending::ExitCode,
        "exited with code 3",
    ),
    row(
        "leaves a child of each kind and hangs",
        Hangs("brood-then-hang"),
        Ending::Timeout,
        "timed out in measure after 3 s",
    ),
];

/// What happens to the machine.
const MACHINE: &[Row] = &[row(
    "is short of memory while the worker measures, under `when-restless = \"discard\"`",
    MachineStalls,
    Ending::Contaminated,
    "tasks wait for memory",
)];

/// What happens to `anechoic` itself.
const ORCHESTRATOR: &[Row] = &[
    row(
        "Ctrl-C; the worker stops when asked",
        OrchestratorGets(&[Signal::SIGINT], "obedient"),
        Ending::Cancelled,
        "cancelled in measure",
    ),
    row(
        "SIGTERM; the worker hangs",
        OrchestratorGets(&[Signal::SIGTERM], "hang-in-measure"),
        Ending::Cancelled,
        "cancelled in measure",
    ),
    row(
        "Ctrl-C; the worker ignores SIGTERM",
        OrchestratorGets(&[Signal::SIGINT], "stubborn"),
        Ending::Cancelled,
        "cancelled in measure",
    ),
    row(
        "Ctrl-C twice",
        OrchestratorGets(&[Signal::SIGINT, Signal::SIGINT], "stubborn"),
        Ending::Cancelled,
        "cancelled in measure",
    ),
    row(
        "SIGKILL",
        OrchestratorGets(&[Signal::SIGKILL], "hang-in-measure"),
        Ending::OrchestratorDied,
        "the orchestrator died while it was in measure",
    ),
];

/// The parts of the matrix, each with its title.
pub(crate) const PARTS: &[(&str, &[Row])] = &[
    ("hello", HELLO),
    ("output", OUTPUT),
    ("result", ECHO),
    ("exit", EXITS),
    ("failure", FAILURES),
    ("time", HANGS),
    ("leak", LEAKS),
    ("machine", MACHINE),
    ("orchestrator", ORCHESTRATOR),
];
