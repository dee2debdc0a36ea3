//! Jobs that a worker has to refuse.

use anechoic_protocol::{
    BenchmarkName, FailureKind, Job, PROTOCOL_VERSION, WorkerEvent, encode_line,
};
use serde_json::json;

use super::attacks::Attacker;
use super::rule::{Rule, Verdict};
use super::session::{End, Transcript};
use crate::process::LaunchError;

/// A device that no machine has.
const FAR_DEVICE: &str = "cuda:63";

/// How a worker has to refuse.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// By `failed` of this kind.
    Kind(FailureKind),
    /// By `failed` of any kind.
    Failed,
    /// By `failed`, or by ending with a code other than 0.
    FailedOrCode,
}

/// A benchmark that nobody knows.
pub(super) async fn unknown_benchmark(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut value = json!(job);
    value["work"]["benchmark"] = json!("no-such-benchmark");
    let transcript = attacker
        .line("unknown-benchmark", &value.to_string())
        .await?;
    let wanted = Wanted::Kind(FailureKind::InvalidJob);
    Ok(Rule::UnknownBenchmark.judged(judged(&transcript, wanted)))
}

/// A benchmark of the protocol that is not in its hello.
pub(super) async fn not_offered(
    attacker: &mut Attacker<'_>,
    offered: &[BenchmarkName],
    small: impl Fn(BenchmarkName) -> Job,
) -> Result<Verdict, LaunchError> {
    let rule = Rule::BenchmarkNotOffered;
    let mut others = BenchmarkName::ALL.into_iter();
    let Some(other) = others.find(|name| !offered.contains(name)) else {
        return Ok(rule.not_tested("it offers every benchmark"));
    };
    let transcript = attacker
        .line("not-offered", &encode_line(&small(other)))
        .await?;
    let wanted = Wanted::Kind(FailureKind::InvalidJob);
    let found = judged(&transcript, wanted);
    Ok(rule.judged(found.map_err(|what| format!("`{}`: {what}", other.as_str()))))
}

/// A device that is not there.
pub(super) async fn far_device(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut value = json!(job);
    value["device"] = json!(FAR_DEVICE);
    let transcript = attacker.line("far-device", &value.to_string()).await?;
    Ok(Rule::DeviceNotThere.judged(judged(&transcript, Wanted::Failed)))
}

/// A job of the next version, with the fields of this one.
pub(super) async fn other_version(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut value = json!(job);
    value["protocol"] = json!(PROTOCOL_VERSION + 1);
    let transcript = attacker.line("other-version", &value.to_string()).await?;
    Ok(Rule::OtherVersion.judged(judged(&transcript, Wanted::Failed)))
}

/// A line that is no JSON.
pub(super) async fn not_json(attacker: &mut Attacker<'_>) -> Result<Verdict, LaunchError> {
    let transcript = attacker
        .line("not-json", "{\"protocol\": 1, this is no JSON")
        .await?;
    Ok(Rule::NotJson.judged(judged(&transcript, Wanted::FailedOrCode)))
}

fn judged(transcript: &Transcript, wanted: Wanted) -> Result<String, String> {
    match (transcript.results()[..].first(), wanted) {
        (Some(WorkerEvent::Failed { kind, .. }), Wanted::Kind(expected)) if *kind != expected => {
            Err(format!(
                "it said `failed` `{}`, not `{}`",
                kind.as_str(),
                expected.as_str()
            ))
        }
        (Some(WorkerEvent::Failed { kind, .. }), _) => {
            still_there(transcript)?;
            Ok(format!("`failed` `{}`", kind.as_str()))
        }
        (Some(_), _) => Err("it carried the job out".to_owned()),
        (None, Wanted::FailedOrCode) if transcript.end == End::ByItself => {
            match transcript.ended_well() {
                true => Err("it ended with code 0 and without `failed`".to_owned()),
                false => Ok(transcript.ending()),
            }
        }
        (None, _) => Err(format!(
            "no `failed` came: {}",
            transcript.ending_with_log()
        )),
    }
}

fn still_there(transcript: &Transcript) -> Result<(), String> {
    match transcript.end {
        End::ByItself => Ok(()),
        End::Terminated | End::Killed => {
            Err(format!("after its `failed`, {}", transcript.ending()))
        }
    }
}
