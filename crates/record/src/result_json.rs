//! Results for people's own programs: `result.json` of an attempt and the lines of `results.jsonl`, one line per
//! measured point. What every benchmark's results have in common; the rest is in a file per family.

mod capture;
mod custom;
mod kv;

use std::borrow::Cow;

use anechoic_protocol::Benchmark;
use serde_json::{Map, Value, json};

use crate::{AttemptData, AttemptRecord, CaseRecord, Manifest, RunRecord, SCHEMA_VERSION};

/// An attempt with what its results are made of.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    manifest: &'a Manifest,
    case: &'a CaseRecord,
    number: u32,
    data: &'a AttemptData,
}

/// The result of one attempt that ended well.
pub fn result_json(
    manifest: &Manifest,
    case: &CaseRecord,
    attempt: u32,
    data: &AttemptData,
) -> Value {
    let attempt = Attempt {
        manifest,
        case,
        number: attempt,
        data,
    };
    let mut map = match &case.case.work {
        Benchmark::Capture(work) => capture::result(&attempt, work),
        Benchmark::Latency(_)
        | Benchmark::Vram(_)
        | Benchmark::Phase(_)
        | Benchmark::Perplexity(_)
        | Benchmark::Capacity(_)
        | Benchmark::Roofline(_) => kv::result(&attempt),
        Benchmark::Custom(work) => custom::result(&attempt, work),
    };
    merge(&mut map, attempt.circumstances());
    Value::Object(map)
}

/// One self-contained object per measured point of a run, each with the `outcome` of its attempt and the names of what
/// `disturbed` it; an attempt that measured nothing that counts has its settings alone.
pub fn point_lines(record: &RunRecord) -> Vec<Value> {
    points(record).collect()
}

/// The same, made attempt by attempt: a large run has more of them than memory should hold.
pub fn points(record: &RunRecord) -> impl Iterator<Item = Value> {
    let cases = record.manifest.cases.iter();
    let attempts = cases.flat_map(|case| case.attempts.iter().map(move |attempt| (case, attempt)));
    attempts.flat_map(|(case, attempt)| points_of(record, case, attempt))
}

fn points_of(record: &RunRecord, case: &CaseRecord, attempt: &AttemptRecord) -> Vec<Value> {
    let mut data = Cow::Borrowed(record.attempt_data(&case.case.id, attempt.attempt));
    if !attempt.outcome.is_ok() && !data.samples.is_empty() {
        data.to_mut().samples.clear();
    }
    let disturbed = attempt.disturbances();
    let mut lines = lines(&Attempt {
        manifest: &record.manifest,
        case,
        number: attempt.attempt,
        data: &data,
    });
    for line in &mut lines {
        line["disturbed"] = disturbed.clone().into();
        line["outcome"] = attempt.outcome.name().into();
    }
    lines
}

/// One self-contained object per measured point of an attempt; its settings alone where it has no samples.
pub fn result_lines(
    manifest: &Manifest,
    case: &CaseRecord,
    attempt: u32,
    data: &AttemptData,
) -> Vec<Value> {
    lines(&Attempt {
        manifest,
        case,
        number: attempt,
        data,
    })
}

fn lines(attempt: &Attempt<'_>) -> Vec<Value> {
    let lines = match &attempt.case.case.work {
        Benchmark::Capture(work) => capture::lines(attempt, work),
        Benchmark::Latency(_)
        | Benchmark::Vram(_)
        | Benchmark::Phase(_)
        | Benchmark::Perplexity(_)
        | Benchmark::Capacity(_)
        | Benchmark::Roofline(_) => kv::lines(attempt),
        Benchmark::Custom(work) => custom::lines(attempt, work),
    };
    lines.into_iter().map(Value::Object).collect()
}

impl Attempt<'_> {
    /// Which attempt of which case of which run, and where it computed.
    fn identity(&self) -> Map<String, Value> {
        let Self { manifest, case, .. } = self;
        let mut map = Map::new();
        merge(
            &mut map,
            json!({
                "schema_version": SCHEMA_VERSION,
                "run": manifest.run,
                "suite": manifest.plan.name,
                "case": case.case.id,
                "attempt": self.number,
                "benchmark": case.case.work.name().as_str(),
                "device": manifest.settings.device,
                "threads": case.case.threads.unwrap_or(manifest.settings.threads),
                "seed": case.case.seed,
            }),
        );
        map
    }

    /// What was loaded, how it was checked, and with what and where it was computed.
    fn circumstances(&self) -> Value {
        let result = self.data.result.as_ref();
        json!({
            "warnings": self.data.warnings,
            "model_facts": result.and_then(|r| r.model.as_ref()),
            "environment": result.map(|r| &r.environment),
            "verification": result.and_then(|r| r.verification.as_ref()),
            "memory": result.map(|r| &r.memory),
            "phases": result.map(|r| &r.phases),
            "settings_used": result.map(|r| &r.used),
            "versions": {
                "anechoic": self.manifest.anechoic,
                "worker": self.manifest.settings.worker_identity,
                "torch": self.manifest.settings.torch,
            },
            "machine": self.manifest.machine,
        })
    }
}

fn merge(into: &mut Map<String, Value>, from: Value) {
    if let Value::Object(from) = from {
        into.extend(from);
    }
}
