//! The wait before an attempt: drives the gate with readings and the clock, tells people, and records the wait.

use std::time::{Duration, Instant};

use anechoic_record::{Disturbance, Moment, Restless, RunEvent};
use anechoic_suite::{Case, Plan, WhenRestless};
use tokio::time::sleep;

use super::gate::{Gate, Pace, Step};
use super::rest::Colder;
use super::run::{Context, RunError};

/// Waits before an attempt. What disturbs it all the same; `None` where the user wants to stop.
pub(super) async fn wait_before(
    context: &mut Context<'_>,
    case: &Case,
    attempt: u32,
    pace: Pace,
) -> Result<Option<Vec<Disturbance>>, RunError> {
    let first = context.sampler.read();
    let start = first.at;
    let mut gate = Gate::new(pace, context.sampler.reference.clone(), first);
    let planned = gate.opens() > start;
    let passed = pass(context, &mut gate).await;
    if planned {
        let waited = start.elapsed().as_millis();
        context.emit(RunEvent::CooledDown {
            case: case.id.clone(),
            attempt,
            waited_ms: u64::try_from(waited).unwrap_or(u64::MAX),
            waits: gate.waits(),
        })?;
    }
    if let Some(restless) = &passed {
        take_reference(context, &gate, restless);
    }
    Ok(passed.map(before))
}

/// The first attempt that may count is what later ones are compared with; a colder machine takes its place.
fn take_reference(context: &mut Context<'_>, gate: &Gate, restless: &[Restless]) {
    let counts = match context.recorder.manifest().plan.when_restless {
        WhenRestless::Label => true,
        WhenRestless::Discard | WhenRestless::Refuse => restless.is_empty(),
    };
    let reference = &mut context.sampler.reference;
    if !counts {
        return;
    }
    if reference.state.is_none() {
        reference.state = Some(gate.state().clone());
    } else if gate.limit().is_some() {
        for colder in reference.cool(gate.state()) {
            context.reporter.note(&colder_note(colder));
        }
    }
}

fn colder_note(colder: Colder) -> String {
    let Colder { what, before, now } = colder;
    let degrees = |millicelsius: i64| format!("{:.1} °C", millicelsius as f64 / 1e3);
    format!(
        "the {what} is at {} and was warmer, at {}, for attempts before; from now on the lower temperature is waited for",
        degrees(now),
        degrees(before)
    )
}

fn before(restless: Vec<Restless>) -> Vec<Disturbance> {
    let disturbance = |what| Disturbance {
        when: Moment::Before,
        what,
    };
    restless.into_iter().map(disturbance).collect()
}

/// Reads when the gate wants it, until it lets the attempt pass or the user wants to stop.
async fn pass(context: &mut Context<'_>, gate: &mut Gate) -> Option<Vec<Restless>> {
    if !cool_down(context, gate).await {
        return None;
    }
    let mut told: Vec<&'static str> = Vec::new();
    loop {
        let reading = context.sampler.read();
        let (until, reasons) = match gate.step(reading) {
            Step::Go { restless } => return Some(restless),
            Step::Wait { until, reasons } => (until, reasons),
        };
        let names: Vec<_> = reasons.iter().map(Restless::name).collect();
        let left = gate.limit().map_or(Duration::ZERO, |limit| {
            limit.saturating_duration_since(Instant::now())
        });
        let is_news = names.iter().any(|name| !told.contains(name));
        context.reporter.waiting(&reasons, left, is_news);
        told.extend(names);
        if !sleep_until(context, until).await {
            return None;
        }
    }
}

/// Waits until the gate opens and counts down once a second; a look at the machine alone is not worth a word. False
/// where the user wants to stop. No worker runs meanwhile.
async fn cool_down(context: &mut Context<'_>, gate: &Gate) -> bool {
    let whole = gate.pause();
    let mut left = gate.opens().saturating_duration_since(Instant::now());
    let mut told = whole;
    while !left.is_zero() && !context.interrupts.requested() {
        if !whole.is_zero() {
            context.reporter.cooling(told, whole);
        }
        let step = Instant::now() + left.min(Duration::from_secs(1));
        sleep_until(context, step).await;
        left = gate.opens().saturating_duration_since(Instant::now());
        told = left;
    }
    !context.interrupts.requested()
}

/// False where the user wants to stop.
async fn sleep_until(context: &mut Context<'_>, until: Instant) -> bool {
    tokio::select! {
        () = sleep(until.saturating_duration_since(Instant::now())) => {}
        urgency = context.interrupts.next() => context.reporter.stopping(urgency),
    }
    !context.interrupts.requested()
}

/// How a plan waits before its first attempt, and before the others.
pub(super) fn pace(plan: &Plan, is_first: bool) -> Pace {
    Pace {
        pause: match is_first {
            true => Duration::ZERO,
            false => plan.cooldown,
        },
        limit: plan.settle.map(|settle| settle.limit),
    }
}

/// What people are told where an attempt is disturbed before it begins.
pub(super) fn words(policy: WhenRestless) -> &'static str {
    match policy {
        WhenRestless::Label => "the attempt is made and labelled",
        WhenRestless::Discard => "the attempt is made and does not count",
        WhenRestless::Refuse => "the attempt is not made",
    }
}
