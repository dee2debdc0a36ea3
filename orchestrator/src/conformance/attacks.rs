//! The attacks in their order: hello first, for all others need to know it; then whole jobs, refusals and stops.

use std::collections::BTreeMap;
use std::time::Duration;

use anechoic_protocol::{
    BenchmarkName, DeviceInfo, Job, PROTOCOL_VERSION, Parameter, WorkerEvent, WorkerIdentity,
    encode_line,
};
use anechoic_record::Leftover;

use super::rule::{Rule, State, Verdict};
use super::session::{End, Session, Subject, Transcript};
use super::{complete, jobs, refusals, stops};
use crate::process::LaunchError;
use crate::reporter::duration;
use crate::runner::Input;

/// How long a worker that is given a job before its hello may take to say it.
const AFTER_JOB: Duration = Duration::from_secs(5);

/// How long a worker may take to end that was given no job.
const GOODBYE: Duration = Duration::from_secs(2);

/// Pause behind each piece of a job, so that it is a write of its own.
pub(super) const FLUSH: Duration = Duration::from_micros(200);

/// What was found out about a program.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Who it says it is; `None` where it says no hello.
    pub(crate) worker: Option<WorkerIdentity>,
    /// A verdict on every rule, in the order of the table.
    pub(crate) verdicts: Vec<Verdict>,
}

/// What the attacks are made with.
#[derive(Debug, Default)]
pub(crate) struct Ammunition {
    /// Parameters of custom jobs.
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Jobs in place of the small ones of their benchmarks.
    pub(crate) jobs: Vec<Job>,
    /// The rules that are wanted; empty for all.
    pub(crate) only: Vec<Rule>,
}

/// A hello, and when it came.
struct Greeting {
    protocol: u32,
    worker: WorkerIdentity,
    devices: Vec<DeviceInfo>,
    benchmarks: Vec<BenchmarkName>,
    /// Whether it came before a job.
    unasked: bool,
}

/// Starts processes, and remembers what they left behind.
pub(super) struct Attacker<'a> {
    pub(super) subject: &'a Subject,
    only: &'a [Rule],
    waits_for_job: bool,
    left: Vec<String>,
    ended: usize,
}

/// Attacks the program and judges every rule.
pub(crate) async fn check(
    subject: &Subject,
    ammunition: &Ammunition,
) -> Result<Checked, LaunchError> {
    let mut attacker = Attacker {
        subject,
        only: &ammunition.only,
        waits_for_job: false,
        left: Vec::new(),
        ended: 0,
    };
    let (mut verdicts, greeting) = hello(&mut attacker).await?;
    if let Some(greeting) = &greeting {
        attacker.waits_for_job = !greeting.unasked;
        verdicts.extend(after_hello(&mut attacker, greeting, ammunition).await?);
        verdicts.push(attacker.nothing_left());
    }
    Ok(Checked {
        worker: greeting.map(|greeting| greeting.worker),
        verdicts: in_order(verdicts, &attacker),
    })
}

/// Every wanted rule once; those that no attack has reached are not tested.
fn in_order(mut verdicts: Vec<Verdict>, attacker: &Attacker<'_>) -> Vec<Verdict> {
    let why = match verdicts
        .iter()
        .any(|v| v.rule == Rule::Hello && v.state == State::Broken)
    {
        true => "it said no hello to go on from",
        false => "it carried out no job to try it with",
    };
    let take = |rule: Rule| {
        let at = verdicts.iter().position(|verdict| verdict.rule == rule);
        at.map_or_else(|| rule.not_tested(why), |at| verdicts.swap_remove(at))
    };
    let wanted = Rule::all().into_iter().filter(|rule| attacker.wants(*rule));
    wanted.map(take).collect()
}

async fn hello(
    attacker: &mut Attacker<'_>,
) -> Result<(Vec<Verdict>, Option<Greeting>), LaunchError> {
    let mut session = Session::start(attacker.subject, "hello")?;
    let limit = attacker.subject.timeout;
    let unasked = session.wait_for_hello(limit).await;
    let took = session.since_start();
    if !unasked && !session.has_exited() {
        session.send(&encode_line(&jobs::small(
            BenchmarkName::Custom,
            &[],
            &BTreeMap::new(),
        )));
        session.wait_for_hello(AFTER_JOB).await;
    }
    let transcript = attacker.finish_at_once(session).await;
    let greeting = greeting(&transcript, unasked);
    let verdict = Rule::Hello.judged(in_time(&transcript, greeting.as_ref(), limit, took));
    let content = greeting
        .as_ref()
        .map(|g| Rule::HelloContent.judged(content(g)));
    Ok((std::iter::once(verdict).chain(content).collect(), greeting))
}

fn greeting(transcript: &Transcript, unasked: bool) -> Option<Greeting> {
    transcript.messages().find_map(|message| match message {
        WorkerEvent::Hello {
            worker,
            devices,
            benchmarks,
            protocol,
            several_jobs: _,
            torch: _,
        } => Some(Greeting {
            protocol: *protocol,
            worker: worker.clone(),
            devices: devices.clone(),
            benchmarks: benchmarks.clone(),
            unasked,
        }),
        WorkerEvent::Phase { .. }
        | WorkerEvent::Progress { .. }
        | WorkerEvent::Sample { .. }
        | WorkerEvent::Warning { .. }
        | WorkerEvent::Finished { .. }
        | WorkerEvent::Failed { .. } => None,
    })
}

fn in_time(
    transcript: &Transcript,
    greeting: Option<&Greeting>,
    limit: Duration,
    took: Duration,
) -> Result<String, String> {
    let lines = transcript.inputs.iter().map(|(_, input)| input);
    let mut lines = lines.filter(|input| {
        matches!(
            input,
            Input::Message(_) | Input::ForeignHello(_) | Input::BadLine(_)
        )
    });
    let limit = duration(limit);
    match (greeting, lines.next()) {
        (_, Some(Input::ForeignHello(version))) => Err(format!(
            "it speaks version {version} of the protocol, not {PROTOCOL_VERSION}"
        )),
        (Some(_), Some(Input::BadLine(what))) => Err(format!("its first line is no hello: {what}")),
        (Some(Greeting { protocol, .. }), _) if *protocol != PROTOCOL_VERSION => Err(format!(
            "it speaks version {protocol} of the protocol, not {PROTOCOL_VERSION}"
        )),
        (Some(greeting), _) if !greeting.unasked => Err(format!(
            "none within {limit}, and then one as soon as a job was sent: it waits for the job"
        )),
        (Some(_), _) => Ok(format!("after {}", duration(took))),
        (None, _) if transcript.end == End::ByItself => {
            Err(format!("none: {}", transcript.ending_with_log()))
        }
        (None, _) => Err(format!(
            "none within {limit}; a worker that needs longer to start is given it with --timeout, and a run waits 120 s"
        )),
    }
}

fn content(greeting: &Greeting) -> Result<String, String> {
    let WorkerIdentity { name, version } = &greeting.worker;
    if name.trim().is_empty() || version.trim().is_empty() {
        return Err("its name or its version is empty".to_owned());
    }
    let offered: Vec<_> = greeting
        .benchmarks
        .iter()
        .map(|name| name.as_str())
        .collect();
    if offered.is_empty() {
        return Err("it offers no benchmark".to_owned());
    }
    Ok(format!("{name} {version}: {}", offered.join(", ")))
}

/// Whole jobs come first: they show which one the other attacks can be made with.
async fn after_hello(
    attacker: &mut Attacker<'_>,
    greeting: &Greeting,
    ammunition: &Ammunition,
) -> Result<Vec<Verdict>, LaunchError> {
    let small = |name| {
        let given = ammunition.jobs.iter().find(|job| job.work.name() == name);
        let made = || jobs::small(name, &greeting.devices, &ammunition.parameters);
        given.cloned().unwrap_or_else(made)
    };
    let offered: Vec<Job> = greeting.benchmarks.iter().copied().map(small).collect();
    let found = complete::jobs(attacker, &offered).await?;
    let mut verdicts = found.verdicts;
    if attacker.wants(Rule::NoJob) {
        verdicts.push(no_job(attacker).await?);
    }
    if attacker.wants(Rule::NotJson) {
        verdicts.push(refusals::not_json(attacker).await?);
    }
    if attacker.wants(Rule::BenchmarkNotOffered) {
        verdicts.push(refusals::not_offered(attacker, &greeting.benchmarks, small).await?);
    }
    // The job for everything else: the last one, as custom is the lightest.
    if let Some(job) = found.able.last() {
        verdicts.extend(with_job(attacker, job).await?);
    }
    Ok(verdicts)
}

/// Every attack that needs a job which the worker can do.
async fn with_job(attacker: &mut Attacker<'_>, job: &Job) -> Result<Vec<Verdict>, LaunchError> {
    let mut verdicts = Vec::new();
    for rule in Rule::all() {
        if attacker.wants(rule) {
            verdicts.extend(attack_again(attacker, job, rule).await?);
        }
    }
    Ok(verdicts)
}

/// The attack on one rule. A stop that has little time is tried once more before it counts as broken: where the
/// machine is busy, anybody is late.
async fn attack_again(
    attacker: &mut Attacker<'_>,
    job: &Job,
    rule: Rule,
) -> Result<Option<Verdict>, LaunchError> {
    let first = attack_with(attacker, job, rule).await?;
    let is_broken = |verdict: &Verdict| verdict.state == State::Broken;
    match rule.is_short_of_time() && first.as_ref().is_some_and(is_broken) {
        true => attack_with(attacker, job, rule).await,
        false => Ok(first),
    }
}

/// The attack on one rule; `None` where another attack shows it.
async fn attack_with(
    attacker: &mut Attacker<'_>,
    job: &Job,
    rule: Rule,
) -> Result<Option<Verdict>, LaunchError> {
    let verdict = match rule {
        Rule::UnknownFields => complete::unknown_fields(attacker, job).await?,
        Rule::JobInPieces => complete::in_pieces(attacker, job).await?,
        Rule::SecondJob => complete::second_job(attacker, job).await?,
        Rule::UnknownBenchmark => refusals::unknown_benchmark(attacker, job).await?,
        Rule::DeviceNotThere => refusals::far_device(attacker, job).await?,
        Rule::OtherVersion => refusals::other_version(attacker, job).await?,
        Rule::OutputClosed => stops::close_output(attacker, job).await?,
        Rule::Stop(phase) => stops::close_input(attacker, job, phase).await?,
        Rule::Terminate(phase) => stops::terminate(attacker, job, phase).await?,
        Rule::Hello
        | Rule::HelloContent
        | Rule::NoJob
        | Rule::Jobs
        | Rule::Output
        | Rule::Phases
        | Rule::Samples
        | Rule::Echo
        | Rule::Verification
        | Rule::Result
        | Rule::ExitCode
        | Rule::NothingLeft
        | Rule::BenchmarkNotOffered
        | Rule::NotJson => return Ok(None),
    };
    Ok(Some(verdict))
}

/// Standard input is closed behind the hello, as where a worker is only asked what it can do.
async fn no_job(attacker: &mut Attacker<'_>) -> Result<Verdict, LaunchError> {
    let rule = Rule::NoJob;
    let mut session = attacker.start("no-job").await?;
    session.close_input();
    let transcript = attacker.finish_within(session, GOODBYE).await;
    if !transcript.results().is_empty() {
        return Ok(rule.broken("it sent a result, although there was no job"));
    }
    Ok(rule.judged(match transcript.ended_well() {
        true => Ok(transcript.ending()),
        false => Err(transcript.ending_with_log()),
    }))
}

impl Attacker<'_> {
    fn wants(&self, rule: Rule) -> bool {
        self.only.is_empty() || self.only.contains(&rule)
    }

    /// A process that has said hello, as far as it does so before a job.
    pub(super) async fn start(&mut self, attack: &str) -> Result<Session, LaunchError> {
        let mut session = Session::start(self.subject, attack)?;
        if !self.waits_for_job {
            session.wait_for_hello(self.subject.timeout).await;
        }
        Ok(session)
    }

    /// A process that is given this job and watched until its end.
    pub(super) async fn whole(
        &mut self,
        attack: &str,
        job: &Job,
    ) -> Result<Transcript, LaunchError> {
        self.line(attack, &encode_line(job)).await
    }

    /// A process that is given this line and watched until its end.
    pub(super) async fn line(
        &mut self,
        attack: &str,
        line: &str,
    ) -> Result<Transcript, LaunchError> {
        let mut session = self.start(attack).await?;
        session.send(line.trim_end_matches('\n'));
        session.send("\n");
        Ok(self.finish(session).await)
    }

    pub(super) async fn finish(&mut self, session: Session) -> Transcript {
        self.finish_within(session, self.subject.timeout).await
    }

    /// Ends a process of which nothing more is wanted.
    pub(super) async fn finish_at_once(&mut self, session: Session) -> Transcript {
        self.finish_within(session, Duration::ZERO).await
    }

    pub(super) async fn finish_within(&mut self, session: Session, within: Duration) -> Transcript {
        let attack = session.attack().to_owned();
        let transcript = session.finish(within).await;
        // What was ended from outside had no time to clean up.
        if transcript.end == End::ByItself {
            self.ended += 1;
            self.note_left(&attack, &transcript);
        }
        transcript
    }

    fn note_left(&mut self, attack: &str, transcript: &Transcript) {
        let swept = &transcript.swept;
        let name = |left: &Leftover| match &left.name {
            Some(name) => format!("{name} ({})", left.pid),
            None => left.pid.to_string(),
        };
        let names: Vec<_> = swept.left.iter().map(name).collect();
        if !names.is_empty() {
            self.left
                .push(format!("`{attack}` left {}", names.join(", ")));
        } else if swept.held_pipes {
            self.left.push(format!("`{attack}` left its pipes open"));
        }
    }

    fn nothing_left(&self) -> Verdict {
        let rule = Rule::NothingLeft;
        match (self.left.first(), self.ended) {
            (Some(first), _) => rule.broken(first.clone()),
            (None, 0) => rule.not_tested("it never ended by itself"),
            (None, ended) => rule.held(format!("after {ended} processes that ended by themselves")),
        }
    }
}
