//! The rules that can be checked from outside, and what was found about each.

use anechoic_protocol::Phase;

/// A rule of the protocol. `docs/protocol.md` has a row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Hello comes first, in time, before any job.
    Hello,
    /// Hello says who the worker is and what it can do.
    HelloContent,
    /// Closing standard input before the job ends the worker.
    NoJob,
    /// A small job of every benchmark ends as `ok` in a run.
    Jobs,
    /// Standard output holds messages alone.
    Output,
    /// Every phase is announced, in order.
    Phases,
    /// Samples are numbered, and as many as the job asks for.
    Samples,
    /// The settings used are those of the job.
    Echo,
    /// The result was compared with another computation.
    Verification,
    /// Exactly one result, and nothing after it.
    Result,
    /// The process ends by itself, with code 0.
    ExitCode,
    /// Nothing that it started outlives it.
    NothingLeft,
    /// Fields that it does not know are ignored.
    UnknownFields,
    /// A job may arrive in pieces.
    JobInPieces,
    /// What follows the job is no second job.
    SecondJob,
    /// A benchmark that nobody knows is refused.
    UnknownBenchmark,
    /// A benchmark that it does not offer is refused.
    BenchmarkNotOffered,
    /// A device that is not there is refused.
    DeviceNotThere,
    /// A job of another version is refused.
    OtherVersion,
    /// A line that is no JSON is refused.
    NotJson,
    /// Closing standard input stops it, in this phase.
    Stop(Phase),
    /// SIGTERM ends it, in this phase.
    Terminate(Phase),
    /// It ends when nobody reads its output.
    OutputClosed,
}

impl Rule {
    /// Every rule, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let first = [
            Self::Hello,
            Self::HelloContent,
            Self::NoJob,
            Self::Jobs,
            Self::Output,
            Self::Phases,
            Self::Samples,
            Self::Echo,
            Self::Verification,
            Self::Result,
            Self::ExitCode,
            Self::UnknownFields,
            Self::JobInPieces,
            Self::SecondJob,
            Self::UnknownBenchmark,
            Self::BenchmarkNotOffered,
            Self::DeviceNotThere,
            Self::OtherVersion,
            Self::NotJson,
        ];
        let last = [Self::OutputClosed, Self::NothingLeft];
        let stops = STOPPED.into_iter().map(Self::Stop);
        let terminations = Phase::ALL.into_iter().map(Self::Terminate);
        let all = first.into_iter().chain(stops).chain(terminations);
        all.chain(last).collect()
    }

    /// The name in tables and JSON.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Hello => "hello",
            Self::HelloContent => "hello-content",
            Self::NoJob => "no-job",
            Self::Jobs => "jobs",
            Self::Output => "output",
            Self::Phases => "phases",
            Self::Samples => "samples",
            Self::Echo => "echo",
            Self::Verification => "verification",
            Self::Result => "result",
            Self::ExitCode => "exit-code",
            Self::NothingLeft => "nothing-left",
            Self::UnknownFields => "unknown-fields",
            Self::JobInPieces => "job-in-pieces",
            Self::SecondJob => "second-job",
            Self::UnknownBenchmark => "unknown-benchmark",
            Self::BenchmarkNotOffered => "benchmark-not-offered",
            Self::DeviceNotThere => "device-not-there",
            Self::OtherVersion => "other-version",
            Self::NotJson => "not-json",
            Self::Stop(phase) => return format!("stop-in-{}", phase.as_str()),
            Self::Terminate(phase) => return format!("sigterm-in-{}", phase.as_str()),
            Self::OutputClosed => "output-closed",
        };
        name.to_owned()
    }
}

/// Phases in which a job can be stopped by closing standard input. Before the job there is nothing to stop.
pub(super) const STOPPED: [Phase; 5] = [
    Phase::Load,
    Phase::Verify,
    Phase::WarmUp,
    Phase::Measure,
    Phase::Stop,
];

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It was kept in every attack.
    Held,
    /// It was broken.
    Broken,
    /// No attack could tell.
    NotTested,
}

impl State {
    /// The state in tables and JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NotTested => "not tested",
        }
    }
}

/// What was found about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The rule.
    pub(crate) rule: Rule,
    /// Whether it holds.
    pub(crate) state: State,
    /// What was seen, in words.
    pub(crate) detail: String,
}

impl Rule {
    /// Whether a busy machine alone can make a worker break it: the limit is a second.
    pub(super) fn is_short_of_time(self) -> bool {
        match self {
            Self::Stop(_) => true,
            Self::Hello
            | Self::HelloContent
            | Self::NoJob
            | Self::Jobs
            | Self::Output
            | Self::Phases
            | Self::Samples
            | Self::Echo
            | Self::Verification
            | Self::Result
            | Self::ExitCode
            | Self::NothingLeft
            | Self::UnknownFields
            | Self::JobInPieces
            | Self::SecondJob
            | Self::UnknownBenchmark
            | Self::BenchmarkNotOffered
            | Self::DeviceNotThere
            | Self::OtherVersion
            | Self::NotJson
            | Self::Terminate(_)
            | Self::OutputClosed => false,
        }
    }

    pub(super) fn held(self, detail: impl Into<String>) -> Verdict {
        self.verdict(State::Held, detail)
    }

    pub(super) fn broken(self, detail: impl Into<String>) -> Verdict {
        self.verdict(State::Broken, detail)
    }

    pub(super) fn not_tested(self, detail: impl Into<String>) -> Verdict {
        self.verdict(State::NotTested, detail)
    }

    /// Held with the one text, or broken with the other.
    pub(super) fn judged(self, found: Result<String, String>) -> Verdict {
        match found {
            Ok(detail) => self.held(detail),
            Err(detail) => self.broken(detail),
        }
    }

    fn verdict(self, state: State, detail: impl Into<String>) -> Verdict {
        Verdict {
            rule: self,
            state,
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_row_in_the_page() {
        let page = include_str!("../../../docs/protocol.md");
        let mut names: Vec<String> = Rule::all().into_iter().map(Rule::name).collect();
        for name in &names {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
