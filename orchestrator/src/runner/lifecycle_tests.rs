//! Every order of events in the life of an attempt, without a process and without a clock.

use std::time::{Duration, Instant};

use anechoic_protocol::{
    BenchmarkName, FailureKind, PROTOCOL_VERSION, Phase, WorkerEvent, WorkerIdentity,
};
use anechoic_record::{Containment, Outcome, RunEvent, Stop};
use proptest::prelude::*;

use super::lifecycle::{Action, Input, Lifecycle};
use super::limits::Limits;
use crate::process::ExitKind;
use fixture::{finished, hello, job, sample};

/// Values that tests of messages share.
pub(super) mod fixture {
    use super::*;
    use anechoic_protocol::{
        Attribution, Benchmark, CaptureIteration, CaptureMode, CaptureWork, Device, Dtype, Echo,
        Environment, Job, JobResult, ModelSource, PeakMemory, Preset, Probe, Sample, Strategy,
        Verification, Workload,
    };

    /// Two iterations, two requests, two layers, seven positions.
    pub(crate) fn job() -> Job {
        Job {
            protocol: PROTOCOL_VERSION,
            case: "capture.some".into(),
            attempt: 1,
            device: Device::Cpu,
            threads: 2,
            seed: 0,
            work: Benchmark::Capture(CaptureWork {
                model: ModelSource::Preset {
                    name: Preset::Gpt2Tiny,
                },
                dtype: Dtype::F32,
                workload: Workload {
                    batch_size: 2,
                    prefill_tokens: 5,
                    decode_tokens: 3,
                    prefill_chunk: 5,
                    warmup_iterations: 0,
                    iterations: 2,
                },
                mode: CaptureMode::Custom,
                layers: vec![0, 2],
                strategy: Strategy::Arena,
                probe: Probe::Full,
                attribution: Attribution::Off,
                fetch_dtype: Dtype::F32,
                fetch_breakdown: false,
            }),
            more: false,
        }
    }

    pub(crate) fn sample(job: &Job, iteration: u32) -> Sample {
        let Benchmark::Capture(work) = &job.work else {
            unreachable!("it is a capture")
        };
        let batch = u64::from(work.workload.batch_size);
        Sample::Capture(CaptureIteration {
            iteration,
            prefill_ns: 1,
            decode_ns: 1,
            generation_ns: 2,
            fetch_ns: 1,
            fetch_parts: None,
            generated_tokens: batch * u64::from(work.workload.decode_tokens),
            captured_rows: work.expected_rows() * batch * work.layers.len() as u64,
            captured_bytes: 1,
            resident_bytes: 1,
            inside_ns: None,
            paired: None,
        })
    }

    pub(crate) fn result(job: &Job) -> JobResult {
        JobResult {
            used: Echo(job.clone()),
            model: None,
            environment: Environment {
                torch: None,
                device: job.device,
                linear_path: None,
                attention_path: None,
                cpu_capability: None,
            },
            verification: Some(Verification {
                method: "full pass".into(),
                compared: 10,
                max_relative_error: 0.0,
                tolerance: 0.01,
            }),
            memory: PeakMemory {
                peak_resident_bytes: 1,
                peak_device_bytes: None,
                capture_bytes: 0,
                resident_at_start_bytes: None,
                resident_at_end_bytes: None,
            },
            phases: Vec::new(),
        }
    }

    pub(crate) fn hello(protocol: u32) -> Input {
        Input::Message(WorkerEvent::Hello {
            protocol,
            worker: WorkerIdentity {
                name: "test".into(),
                version: "1".into(),
            },
            torch: None,
            devices: Vec::new(),
            benchmarks: vec![BenchmarkName::Capture],
            several_jobs: false,
        })
    }

    pub(crate) fn finished() -> Input {
        let result = Box::new(result(&job()));
        Input::Message(WorkerEvent::Finished { result })
    }
}

const TIMEOUT: Duration = Duration::from_secs(60);

/// A lifecycle under test, with a clock that moves by hand.
struct Bench {
    lifecycle: Lifecycle,
    now: Instant,
    deadline: Option<Instant>,
    seen: Vec<Action>,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let mut bench = Self {
            lifecycle: Lifecycle::new(job(), Limits::of(TIMEOUT), now),
            now,
            deadline: None,
            seen: Vec::new(),
        };
        bench.feed(Input::Spawned {
            pid: 7,
            containment: Containment::default(),
        });
        bench
    }

    fn feed(&mut self, input: Input) -> Vec<Action> {
        let actions = self.lifecycle.step(input, self.now);
        for action in &actions {
            if let Action::SetDeadline(deadline) = action {
                self.deadline = Some(*deadline);
            }
        }
        self.seen.extend(actions.clone());
        actions
    }

    /// Moves the clock to the deadline; returns how long that took.
    fn wait(&mut self) -> Duration {
        let deadline = self.deadline.expect("a deadline is set");
        let waited = deadline.saturating_duration_since(self.now);
        self.now = self.now.max(deadline);
        self.feed(Input::DeadlinePassed);
        waited
    }

    fn working() -> Self {
        let mut bench = Self::new();
        bench.feed(hello(PROTOCOL_VERSION));
        bench
    }

    fn measured() -> Self {
        let mut bench = Self::working();
        for iteration in 1..=2 {
            bench.feed(sample_input(iteration));
        }
        bench
    }

    /// The process ends and its pipes close.
    fn gone(mut self, how: ExitKind) -> Outcome {
        self.feed(Input::OutputEnded(0));
        self.feed(Input::LogEnded);
        self.feed(Input::Exited(how));
        self.outcome()
    }

    fn outcome(&self) -> Outcome {
        let mut ends = self.seen.iter().filter_map(|action| match action {
            Action::End(outcome) => Some(outcome.clone()),
            _ => None,
        });
        let outcome = ends.next().expect("the attempt has ended");
        assert_eq!(ends.next(), None, "an attempt ends once");
        outcome
    }

    fn finished() -> Self {
        let mut bench = Self::measured();
        bench.feed(finished());
        bench
    }

    fn signals(&self) -> Vec<Stop> {
        let signal = |action: &Action| match action {
            Action::Signal(how) => Some(*how),
            _ => None,
        };
        self.seen.iter().filter_map(signal).collect()
    }
}

fn sample_input(iteration: u32) -> Input {
    let sample = sample(&job(), iteration);
    Input::Message(WorkerEvent::Sample { sample })
}

fn failed(kind: FailureKind) -> Input {
    let message = "because".to_owned();
    Input::Message(WorkerEvent::Failed { kind, message })
}

fn warning() -> Input {
    let message = "hot".to_owned();
    Input::Message(WorkerEvent::Warning { message })
}

fn phase(phase: Phase) -> Input {
    Input::Message(WorkerEvent::Phase { phase })
}

fn killed() -> ExitKind {
    ExitKind::by_signal(9)
}

fn violation(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::ProtocolViolation { detail } => detail,
        other => panic!("not a violation: {other:?}"),
    }
}

#[test]
fn a_good_attempt() {
    let mut bench = Bench::new();
    let actions = bench.feed(hello(PROTOCOL_VERSION));
    assert!(
        matches!(actions[0], Action::Emit(RunEvent::Worker { .. })),
        "{actions:?}"
    );
    assert!(
        matches!(actions[1], Action::Emit(RunEvent::JobSent { .. })),
        "{actions:?}"
    );
    assert_eq!(actions[2], Action::SendJob);
    for input in [
        phase(Phase::Load),
        phase(Phase::Measure),
        sample_input(1),
        sample_input(2),
        finished(),
    ] {
        bench.feed(input);
    }
    assert_eq!(bench.signals(), [Stop::CloseStdin]);
    assert_eq!(bench.gone(ExitKind::Code(0)), Outcome::Ok);
}

#[test]
fn every_message_is_recorded_before_anything_is_done_about_it() {
    let mut bench = Bench::working();
    let actions = bench.feed(sample_input(2));
    assert!(matches!(
        actions[0],
        Action::Emit(RunEvent::Worker {
            message: WorkerEvent::Sample { .. },
            ..
        })
    ));
    assert!(actions.contains(&Action::Signal(Stop::CloseStdin)));
}

#[test]
fn the_job_goes_to_nobody_who_speaks_another_version() {
    for input in [
        hello(PROTOCOL_VERSION + 1),
        Input::ForeignHello(PROTOCOL_VERSION + 1),
    ] {
        let mut bench = Bench::new();
        assert!(!bench.feed(input).contains(&Action::SendJob));
        let expected = Outcome::ProtocolMismatch {
            expected: PROTOCOL_VERSION,
            found: PROTOCOL_VERSION + 1,
        };
        assert_eq!(bench.gone(ExitKind::Code(0)), expected);
    }
}

#[test]
fn ends_without_a_last_message() {
    let check = |make: fn() -> Bench, how: ExitKind, expected: Outcome| {
        assert_eq!(make().gone(how), expected);
    };
    let by_kill = Outcome::Signal {
        number: 9,
        name: "SIGKILL".into(),
    };
    for make in [Bench::new, Bench::working, Bench::measured] {
        check(make, ExitKind::Code(3), Outcome::ExitCode { code: 3 });
        check(make, killed(), by_kill.clone());
        assert!(violation(&make().gone(ExitKind::Code(0))).contains("without a result"));
    }
}

#[test]
fn output_that_ends_in_the_middle_of_a_line_is_said() {
    let mut bench = Bench::measured();
    bench.feed(Input::OutputEnded(17));
    bench.feed(Input::LogEnded);
    bench.feed(Input::Exited(ExitKind::Code(0)));
    assert!(violation(&bench.outcome()).contains("middle of a line (17 bytes)"));
}

#[test]
fn a_result_does_not_excuse_a_bad_end() {
    let end = |how| {
        let mut bench = Bench::measured();
        bench.feed(finished());
        bench.gone(how)
    };
    assert_eq!(end(ExitKind::Code(1)), Outcome::ExitCode { code: 1 });
    assert!(matches!(end(killed()), Outcome::Signal { number: 9, .. }));
}

#[test]
fn a_failure_that_was_reported_stands_however_the_process_ends() {
    for how in [ExitKind::Code(0), ExitKind::Code(1), killed()] {
        let mut bench = Bench::working();
        bench.feed(failed(FailureKind::ModelLoad));
        let expected = Outcome::WorkerFailed {
            kind: FailureKind::ModelLoad,
            message: "because".into(),
        };
        assert_eq!(bench.gone(how), expected);
    }
}

#[test]
fn messages_in_the_wrong_place_are_violations() {
    let check = |make: fn() -> Bench, input: Input, expected: &str| {
        let mut bench = make();
        bench.feed(input);
        let outcome = bench.gone(ExitKind::Code(0));
        assert!(violation(&outcome).contains(expected), "{outcome:?}");
    };
    let reported = Bench::finished;
    check(Bench::new, phase(Phase::Load), "a phase before its hello");
    check(Bench::new, sample_input(1), "a sample before its hello");
    check(Bench::new, finished(), "a result before its hello");
    check(
        Bench::new,
        failed(FailureKind::Internal),
        "a failure before its hello",
    );
    check(Bench::working, hello(PROTOCOL_VERSION), "second hello");
    check(Bench::working, Input::ForeignHello(9), "second hello");
    check(Bench::working, finished(), "after 0 of 2 samples");
    check(Bench::measured, sample_input(3), "after the 2 of the job");
    check(
        Bench::working,
        Input::BadLine("no message: `x`".into()),
        "no message: `x`",
    );
    check(reported, finished(), "a result after its last message");
    check(reported, warning(), "a warning after its last message");
    check(
        reported,
        failed(FailureKind::Internal),
        "a failure after its last message",
    );
}

#[test]
fn a_timeout_names_the_phase_and_the_limit() {
    let mut bench = Bench::working();
    bench.feed(phase(Phase::WarmUp));
    bench.now += Duration::from_secs(10);
    assert_eq!(bench.wait(), TIMEOUT - Duration::from_secs(10));
    let expected = Outcome::Timeout {
        phase: Phase::WarmUp,
        limit_ms: 60_000,
    };
    assert_eq!(bench.gone(killed()), expected);
}

#[test]
fn a_worker_without_hello_has_less_time() {
    let long = Limits::of(Duration::from_secs(3600));
    let now = Instant::now();
    let mut lifecycle = Lifecycle::new(job(), long, now);
    let actions = lifecycle.step(
        Input::Spawned {
            pid: 1,
            containment: Containment::default(),
        },
        now,
    );
    assert_eq!(actions[1], Action::SetDeadline(now + long.hello));
}

#[test]
fn stopping_escalates_and_gives_up_on_what_cannot_be_killed() {
    let mut bench = Bench::working();
    bench.wait();
    assert_eq!(bench.signals(), [Stop::CloseStdin]);
    assert_eq!(bench.wait(), Duration::from_secs(1));
    assert_eq!(bench.signals().last(), Some(&Stop::Terminate));
    assert_eq!(bench.wait(), Duration::from_secs(2));
    assert_eq!(bench.signals().last(), Some(&Stop::Kill));
    for _ in 0..5 {
        bench.wait();
    }
    assert!(matches!(bench.outcome(), Outcome::Timeout { .. }));
}

#[test]
fn a_worker_that_hangs_after_its_result_is_a_timeout_in_stop() {
    let mut bench = Bench::measured();
    bench.feed(finished());
    assert_eq!(bench.wait(), Duration::from_secs(30));
    let outcome = bench.gone(killed());
    assert!(
        matches!(
            outcome,
            Outcome::Timeout {
                phase: Phase::Stop,
                ..
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn pipes_that_outlive_the_process_are_left_after_a_second() {
    let mut bench = Bench::measured();
    bench.feed(finished());
    bench.feed(Input::Exited(ExitKind::Code(0)));
    assert_eq!(bench.wait(), Duration::from_secs(1));
    assert_eq!(bench.outcome(), Outcome::Ok);
}

#[test]
fn a_process_without_output_can_report_nothing() {
    let mut bench = Bench::working();
    bench.feed(Input::OutputEnded(0));
    assert_eq!(bench.wait(), Duration::from_secs(1));
    let outcome = bench.gone(killed());
    assert!(violation(&outcome).contains("closed its standard output"));
}

#[test]
fn a_cancelled_attempt_is_asked_first_and_killed_at_the_second_request() {
    let mut bench = Bench::working();
    bench.feed(phase(Phase::Load));
    bench.feed(Input::CancelRequested);
    assert_eq!(bench.signals(), [Stop::CloseStdin]);
    bench.feed(Input::KillRequested);
    assert_eq!(bench.signals(), [Stop::CloseStdin, Stop::Kill]);
    let outcome = bench.gone(killed());
    assert_eq!(outcome, Outcome::Cancelled { phase: Phase::Load });
}

#[test]
fn a_request_to_stop_after_the_result_keeps_it_if_the_process_ends_well_in_time() {
    let mut bench = Bench::finished();
    bench.feed(Input::CancelRequested);
    assert_eq!(bench.gone(ExitKind::Code(0)), Outcome::Ok);

    let mut exited = Bench::finished();
    exited.feed(Input::Exited(ExitKind::Code(0)));
    exited.feed(Input::CancelRequested);
    assert_eq!(exited.wait(), Duration::from_secs(1));
    assert_eq!(exited.outcome(), Outcome::Ok);
}

#[test]
fn a_request_to_stop_after_the_result_ends_a_process_that_stays() {
    let cancelled = Outcome::Cancelled { phase: Phase::Stop };
    for how in [ExitKind::Code(3), killed()] {
        let mut bench = Bench::finished();
        bench.feed(Input::CancelRequested);
        assert_eq!(bench.gone(how), cancelled);
    }
    let mut stays = Bench::finished();
    stays.feed(Input::CancelRequested);
    assert_eq!(stays.wait(), Duration::from_secs(1));
    assert_eq!(stays.signals().last(), Some(&Stop::Terminate));
    assert_eq!(stays.wait(), Duration::from_secs(2));
    assert_eq!(stays.signals().last(), Some(&Stop::Kill));
    assert_eq!(stays.gone(ExitKind::Code(0)), cancelled);

    let mut killed_at_once = Bench::finished();
    killed_at_once.feed(Input::CancelRequested);
    killed_at_once.feed(Input::KillRequested);
    assert_eq!(killed_at_once.signals().last(), Some(&Stop::Kill));
    assert_eq!(killed_at_once.gone(killed()), cancelled);
}

/// The end of the process can be seen before the hello that it left in its pipe.
#[test]
fn nobody_is_sent_a_job_after_the_end_of_the_process() {
    let check = |log_ended: bool, how: ExitKind| {
        let mut bench = Bench::new();
        bench.feed(Input::Exited(how));
        if log_ended {
            bench.feed(Input::LogEnded);
        }
        let actions = bench.feed(hello(PROTOCOL_VERSION));
        assert_eq!(actions.len(), 1, "the hello is recorded: {actions:?}");
        assert!(matches!(actions[0], Action::Emit(RunEvent::Worker { .. })));
        bench.feed(Input::OutputEnded(0));
        if !log_ended {
            assert_eq!(
                bench.wait(),
                Duration::from_secs(1),
                "the leak limit stands"
            );
        }
        bench.outcome()
    };
    for log_ended in [false, true] {
        assert_eq!(
            check(log_ended, ExitKind::Code(3)),
            Outcome::ExitCode { code: 3 }
        );
        assert!(matches!(
            check(log_ended, killed()),
            Outcome::Signal { number: 9, .. }
        ));
        let quiet = check(log_ended, ExitKind::Code(0));
        assert!(violation(&quiet).contains("without a result"));
    }
}

#[test]
fn the_first_verdict_stands() {
    let mut bench = Bench::working();
    bench.wait();
    for input in [
        failed(FailureKind::Stopped),
        Input::BadLine("x".into()),
        Input::CancelRequested,
        finished(),
    ] {
        bench.feed(input);
    }
    assert!(matches!(
        bench.gone(ExitKind::Code(5)),
        Outcome::Timeout { .. }
    ));
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        (1..4u32).prop_map(|protocol| hello(protocol.min(PROTOCOL_VERSION + 1))),
        (2..4u32).prop_map(Input::ForeignHello),
        (1..4u32).prop_map(sample_input),
        Just(finished()),
        Just(failed(FailureKind::ModelLoad)),
        Just(phase(Phase::Measure)),
        Just(warning()),
        Just(Input::BadLine("x".into())),
        Just(Input::OutputEnded(3)),
        Just(Input::LogEnded),
        Just(Input::Exited(ExitKind::Code(0))),
        Just(Input::Exited(killed())),
        Just(Input::DeadlinePassed),
        Just(Input::CancelRequested),
        Just(Input::KillRequested),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_an_attempt_ends_exactly_once(inputs in prop::collection::vec(any_input(), 0..40)) {
        let mut bench = Bench::new();
        for input in inputs {
            bench.feed(input);
        }
        bench.feed(Input::OutputEnded(0));
        bench.feed(Input::LogEnded);
        bench.feed(Input::Exited(ExitKind::Code(0)));
        let ends = bench.seen.iter().filter(|action| matches!(action, Action::End(_))).count();
        prop_assert_eq!(ends, 1);
        prop_assert!(matches!(bench.seen.last(), Some(Action::End(_))));
    }

    #[test]
    fn a_process_that_never_ends_is_given_up(inputs in prop::collection::vec(any_input(), 0..10)) {
        let mut bench = Bench::new();
        for input in inputs {
            bench.feed(input);
        }
        for _ in 0..20 {
            bench.wait();
        }
        prop_assert!(matches!(bench.seen.last(), Some(Action::End(_))));
    }

    #[test]
    fn once_the_process_has_ended_only_the_leak_limit_runs(
        before in prop::collection::vec(any_input(), 0..10),
        after in prop::collection::vec(any_input(), 0..10),
    ) {
        let mut bench = Bench::new();
        for input in before {
            bench.feed(input);
        }
        bench.feed(Input::Exited(ExitKind::Code(0)));
        let count = bench.seen.len();
        for input in after.into_iter().filter(|input| !matches!(input, Input::Exited(_))) {
            bench.feed(input);
        }
        let idle = |action: &Action| matches!(action, Action::Emit(RunEvent::Worker { .. }) | Action::End(_));
        prop_assert!(bench.seen[count..].iter().all(idle), "{:?}", &bench.seen[count..]);
    }

    #[test]
    fn only_a_finished_attempt_with_code_zero_is_ok(inputs in prop::collection::vec(any_input(), 0..12)) {
        let mut bench = Bench::new();
        for input in inputs.clone() {
            bench.feed(input);
        }
        let ok = bench.seen.contains(&Action::End(Outcome::Ok));
        let has = |wanted: &Input| inputs.contains(wanted);
        prop_assert!(!ok || (has(&finished()) && has(&sample_input(1)) && has(&sample_input(2))));
    }
}
