//! The lives of attempts that share a process, without a process and without a clock.

use std::time::{Duration, Instant};

use anechoic_protocol::{FailureKind, Job, PROTOCOL_VERSION, Phase, WorkerEvent};
use anechoic_record::{Containment, Outcome, RunEvent, Stop};

use super::lifecycle::{Action, Input, Lifecycle};
use super::lifecycle_tests::fixture::{hello, job, result, sample};
use super::limits::Limits;
use crate::process::ExitKind;

const TIMEOUT: Duration = Duration::from_secs(600);

fn asked(more: bool) -> Job {
    Job { more, ..job() }
}

fn spawned() -> Input {
    Input::Spawned {
        pid: 7,
        containment: Containment::default(),
    }
}

/// A hello with or without the offer of several jobs.
fn offering(several: bool) -> Input {
    match hello(PROTOCOL_VERSION) {
        Input::Message(WorkerEvent::Hello {
            protocol,
            worker,
            torch,
            devices,
            benchmarks,
            several_jobs: _,
        }) => Input::Message(WorkerEvent::Hello {
            protocol,
            worker,
            torch,
            devices,
            benchmarks,
            several_jobs: several,
        }),
        other => panic!("no hello but {other:?}"),
    }
}

/// Samples and result of a job; what the result brought about.
fn work(life: &mut Lifecycle, more: bool, now: Instant) -> Vec<Action> {
    for iteration in 1..=2 {
        let sample = sample(&job(), iteration);
        life.step(Input::Message(WorkerEvent::Sample { sample }), now);
    }
    let result = Box::new(result(&asked(more)));
    life.step(Input::Message(WorkerEvent::Finished { result }), now)
}

/// The first attempt of a session, at its end.
fn handed_over(now: Instant) -> Lifecycle {
    let mut life = Lifecycle::new(asked(true), Limits::of(TIMEOUT), now);
    life.step(spawned(), now);
    life.step(offering(true), now);
    let actions = work(&mut life, true, now);
    assert_eq!(actions.last(), Some(&Action::HandOver), "{actions:?}");
    assert!(
        !actions.iter().any(|it| matches!(it, Action::Signal(_))),
        "{actions:?}"
    );
    assert!(
        life.step(Input::DeadlinePassed, now).is_empty(),
        "it is over"
    );
    life
}

fn next(life: Lifecycle, more: bool, now: Instant) -> (Lifecycle, Vec<Action>) {
    let mut life = life.next(asked(more), Limits::of(TIMEOUT), now);
    let actions = life.step(spawned(), now);
    (life, actions)
}

fn outcome(actions: &[Action]) -> Outcome {
    match actions.last() {
        Some(Action::End(outcome)) => outcome.clone(),
        other => panic!("no end but {other:?}"),
    }
}

#[test]
fn the_next_job_goes_out_at_once_and_its_time_counts_from_then() {
    let now = Instant::now();
    let later = now + Duration::from_secs(500);
    let (mut life, actions) = next(handed_over(now), false, later);
    assert!(
        matches!(
            actions[..],
            [
                Action::Emit(RunEvent::AttemptStarted { .. }),
                Action::Emit(RunEvent::JobSent { .. }),
                Action::SendJob,
                Action::SetDeadline(deadline),
            ] if deadline == later + TIMEOUT
        ),
        "{actions:?}"
    );
    let actions = work(&mut life, false, later);
    assert!(
        actions.contains(&Action::Signal(Stop::CloseStdin)),
        "{actions:?}"
    );
    life.step(Input::OutputEnded(0), later);
    life.step(Input::LogEnded, later);
    let end = life.step(Input::Exited(ExitKind::Code(0)), later);
    assert_eq!(outcome(&end), Outcome::Ok);
}

#[test]
fn a_worker_that_offers_one_job_is_not_sent_the_first_of_several() {
    let now = Instant::now();
    let mut life = Lifecycle::new(asked(true), Limits::of(TIMEOUT), now);
    life.step(spawned(), now);
    let actions = life.step(offering(false), now);
    assert!(!actions.contains(&Action::SendJob), "{actions:?}");
    life.step(Input::OutputEnded(0), now);
    life.step(Input::LogEnded, now);
    let end = life.step(Input::Exited(ExitKind::Code(0)), now);
    assert!(matches!(
        outcome(&end),
        Outcome::WorkerFailed {
            kind: FailureKind::InvalidJob,
            ..
        }
    ));
}

#[test]
fn a_process_that_ends_between_jobs_fails_the_next() {
    let now = Instant::now();
    let (mut life, _) = next(handed_over(now), true, now);
    life.step(Input::OutputEnded(0), now);
    life.step(Input::LogEnded, now);
    let end = life.step(Input::Exited(ExitKind::by_signal(11)), now);
    assert!(matches!(outcome(&end), Outcome::Signal { number: 11, .. }));
}

#[test]
fn a_process_whose_end_was_seen_before_the_next_job_is_not_sent_it() {
    let now = Instant::now();
    let mut life = Lifecycle::new(asked(true), Limits::of(TIMEOUT), now);
    life.step(spawned(), now);
    life.step(offering(true), now);
    life.step(Input::Exited(ExitKind::Code(3)), now);
    life.step(Input::LogEnded, now);
    assert_eq!(work(&mut life, true, now).last(), Some(&Action::HandOver));
    let (mut life, actions) = next(life, false, now);
    assert!(!actions.contains(&Action::SendJob), "{actions:?}");
    let end = life.step(Input::OutputEnded(0), now);
    assert_eq!(outcome(&end), Outcome::ExitCode { code: 3 });
}

#[test]
fn what_is_said_between_jobs_belongs_to_the_next() {
    let now = Instant::now();
    let (mut life, _) = next(handed_over(now), true, now);
    let actions = life.step(offering(true), now);
    assert!(
        actions.contains(&Action::Signal(Stop::CloseStdin)),
        "a second hello: {actions:?}"
    );
}

#[test]
fn cancelling_a_later_job_stops_the_process() {
    let now = Instant::now();
    let (mut life, _) = next(handed_over(now), true, now);
    let actions = life.step(Input::CancelRequested, now);
    assert!(
        actions.contains(&Action::Signal(Stop::CloseStdin)),
        "{actions:?}"
    );
    life.step(Input::OutputEnded(0), now);
    life.step(Input::LogEnded, now);
    let end = life.step(Input::Exited(ExitKind::Code(1)), now);
    assert_eq!(
        outcome(&end),
        Outcome::Cancelled {
            phase: Phase::Start
        }
    );
}

#[test]
fn an_echo_without_more_is_another_job_s() {
    let now = Instant::now();
    let mut life = Lifecycle::new(asked(true), Limits::of(TIMEOUT), now);
    life.step(spawned(), now);
    life.step(offering(true), now);
    let actions = work(&mut life, false, now);
    assert!(!actions.contains(&Action::HandOver), "{actions:?}");
    assert!(
        actions.contains(&Action::Signal(Stop::CloseStdin)),
        "{actions:?}"
    );
}
