//! Jobs that a worker has to carry out: one of every benchmark, and one that arrives in unusual ways.

use anechoic_protocol::{FailureKind, Job, WorkerEvent, encode_line};
use serde_json::{Value, json};

use super::attacks::{Attacker, FLUSH};
use super::judge;
use super::rule::{Rule, State, Verdict};
use super::session::Transcript;
use crate::process::LaunchError;

/// Rules that every whole job shows.
const SHOWN: [Rule; 8] = [
    Rule::Jobs,
    Rule::Output,
    Rule::Phases,
    Rule::Samples,
    Rule::Echo,
    Rule::Verification,
    Rule::Result,
    Rule::ExitCode,
];

/// What the jobs of all benchmarks have shown.
pub(super) struct Found {
    pub(super) verdicts: Vec<Verdict>,
    /// Jobs that the worker carried out, well or badly.
    pub(super) able: Vec<Job>,
}

/// One job after the other, each in a process of its own.
pub(super) async fn jobs(attacker: &mut Attacker<'_>, jobs: &[Job]) -> Result<Found, LaunchError> {
    let mut able = Vec::new();
    let mut judged = Vec::new();
    let mut refused = Vec::new();
    for job in jobs {
        let name = job.work.name().as_str();
        let transcript = attacker.whole(&format!("job-{name}"), job).await?;
        match refusal(&transcript) {
            Some(message) => refused.push(format!("`{name}`: {message}")),
            None => {
                judged.push((name, judge::whole_job(job, &transcript)));
                able.push(job.clone());
            }
        }
    }
    let verdicts = SHOWN.map(|rule| summed(rule, &judged, &refused)).to_vec();
    Ok(Found { verdicts, able })
}

/// The message of a worker that cannot do the job that the check has for it.
fn refusal(transcript: &Transcript) -> Option<String> {
    match transcript.results()[..] {
        [
            WorkerEvent::Failed {
                kind: FailureKind::InvalidJob,
                message,
            },
        ] => Some(message.clone()),
        _ => None,
    }
}

/// One verdict for all jobs: the first fault, or the benchmarks that had none.
fn summed(rule: Rule, judged: &[(&str, Vec<Verdict>)], refused: &[String]) -> Verdict {
    let mut held = Vec::new();
    let mut untested = None;
    for (benchmark, verdicts) in judged {
        let of_rule = verdicts.iter().filter(|verdict| verdict.rule == rule);
        for Verdict { state, detail, .. } in of_rule {
            match state {
                State::Broken => return rule.broken(format!("`{benchmark}`: {detail}")),
                State::NotTested => untested = Some(detail.clone()),
                State::Held => held.push(*benchmark),
            }
        }
    }
    if !held.is_empty() {
        return rule.held(all_of(&held, refused));
    }
    match (rule, untested) {
        (_, Some(why)) => rule.not_tested(why),
        (Rule::Jobs, None) => rule.broken(format!(
            "it carries out no job: {}; give it one that it can do with --parameters or --job",
            refused.join("; ")
        )),
        (_, None) => rule.not_tested("no job was carried out"),
    }
}

fn all_of(held: &[&str], refused: &[String]) -> String {
    let skipped = refused.iter().map(|what| format!("; not tested {what}"));
    held.join(", ") + &skipped.collect::<String>()
}

/// The job with fields of a later version.
pub(super) async fn unknown_fields(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut value = json!(job);
    value["later"] = json!({ "field": 1 });
    value["work"]["later"] = json!(true);
    let transcript = attacker.line("unknown-fields", &value.to_string()).await?;
    Ok(Rule::UnknownFields.judged(carried_out(&transcript)))
}

fn carried_out(transcript: &Transcript) -> Result<String, String> {
    if let [WorkerEvent::Failed { message, .. }, ..] = transcript.results()[..] {
        return Err(format!("it failed: {message}"));
    }
    judge::result(transcript)?;
    judge::exit_code(transcript)?;
    Ok("it carried the job out".to_owned())
}

/// The job in two writes, then in as many as it has characters.
pub(super) async fn in_pieces(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let line = encode_line(job);
    let characters: Vec<String> = line.chars().map(String::from).collect();
    let middle = characters.len() / 2;
    let halves = [characters[..middle].concat(), characters[middle..].concat()];
    for (how, pieces) in [
        ("in two writes", &halves[..]),
        ("in single bytes", &characters),
    ] {
        let mut session = attacker.start("job-in-pieces").await?;
        for piece in pieces {
            session.send(piece);
            session.flush(FLUSH).await;
        }
        let transcript = attacker.finish(session).await;
        if let Err(what) = carried_out(&transcript) {
            return Ok(Rule::JobInPieces.broken(format!("{how}: {what}")));
        }
    }
    Ok(Rule::JobInPieces.held("in two writes, in single bytes"))
}

/// The job and behind it another one, in one write.
pub(super) async fn second_job(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut second: Value = json!(job);
    second["attempt"] = json!(2);
    let lines = format!("{}{second}", encode_line(job));
    let transcript = attacker.line("second-job", &lines).await?;
    let found = match transcript.results().len() {
        several @ 2.. => Err(format!("it sent {several} results")),
        0 | 1 => carried_out(&transcript),
    };
    Ok(Rule::SecondJob.judged(found))
}
