//! The closed list of a case's settings by name.

use anechoic_protocol::BenchmarkFamily;

use crate::isolating::IsolationSetting;

/// A setting that `[defaults]`, a case, a matrix or `--set` can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Benchmark,
    Model,
    Dtype,
    BatchSize,
    PrefillTokens,
    DecodeTokens,
    PrefillChunk,
    WarmupIterations,
    Iterations,
    Mode,
    Layers,
    Strategy,
    Probe,
    Attribution,
    FetchDtype,
    FetchBreakdown,
    Version,
    Attention,
    Tokens,
    PhaseTokens,
    MemoryBudget,
    Text,
    Window,
    Windows,
    Chunk,
    GreedyTokens,
    Parameters,
    Seed,
    Threads,
    Timeout,
    Isolation(IsolationSetting),
}

impl Setting {
    /// Every setting, in the order in which lists show them.
    pub(crate) const ALL: [Self; 38] = [
        Self::Benchmark,
        Self::Model,
        Self::Dtype,
        Self::BatchSize,
        Self::PrefillTokens,
        Self::DecodeTokens,
        Self::PrefillChunk,
        Self::WarmupIterations,
        Self::Iterations,
        Self::Mode,
        Self::Layers,
        Self::Strategy,
        Self::Probe,
        Self::Attribution,
        Self::FetchDtype,
        Self::FetchBreakdown,
        Self::Version,
        Self::Attention,
        Self::Tokens,
        Self::PhaseTokens,
        Self::MemoryBudget,
        Self::Text,
        Self::Window,
        Self::Windows,
        Self::Chunk,
        Self::GreedyTokens,
        Self::Parameters,
        Self::Seed,
        Self::Threads,
        Self::Timeout,
        Self::Isolation(IsolationSetting::Worker),
        Self::Isolation(IsolationSetting::PassEnvironment),
        Self::Isolation(IsolationSetting::Environment),
        Self::Isolation(IsolationSetting::WorkingDirectory),
        Self::Isolation(IsolationSetting::Cpus),
        Self::Isolation(IsolationSetting::Nice),
        Self::Isolation(IsolationSetting::MemoryLimit),
        Self::Isolation(IsolationSetting::FixedAddresses),
    ];

    /// The keys under which suites write it: the one of capture first, the one of KV-cache benchmarks last.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Benchmark => &["benchmark"],
            Self::Model => &["model"],
            Self::Dtype => &["dtype"],
            Self::BatchSize => &["batch-size"],
            Self::PrefillTokens => &["prefill-tokens", "prompt-length"],
            Self::DecodeTokens => &["decode-tokens"],
            Self::PrefillChunk => &["prefill-chunk"],
            Self::WarmupIterations => &["warmup-iterations", "warmup-runs"],
            Self::Iterations => &["iterations", "measured-runs"],
            Self::Mode => &["mode"],
            Self::Layers => &["layers"],
            Self::Strategy => &["strategy"],
            Self::Probe => &["probe"],
            Self::Attribution => &["attribution"],
            Self::FetchDtype => &["fetch-dtype"],
            Self::FetchBreakdown => &["fetch-breakdown"],
            Self::Version => &["version"],
            Self::Attention => &["attention"],
            Self::Tokens => &["tokens"],
            Self::PhaseTokens => &["phase-tokens"],
            Self::MemoryBudget => &["memory-budget"],
            Self::Text => &["text"],
            Self::Window => &["window"],
            Self::Windows => &["windows"],
            Self::Chunk => &["chunk"],
            Self::GreedyTokens => &["greedy-tokens"],
            Self::Parameters => &["parameters"],
            Self::Seed => &["seed"],
            Self::Threads => &["threads"],
            Self::Timeout => &["timeout"],
            Self::Isolation(setting) => setting.names(),
        }
    }

    /// The key that messages use where nobody has written one.
    pub(crate) fn name(self) -> &'static str {
        self.name_in(BenchmarkFamily::Capture)
    }

    /// The key as suites of a family write it.
    pub(crate) fn name_in(self, family: BenchmarkFamily) -> &'static str {
        let names = self.names();
        match family {
            BenchmarkFamily::Capture | BenchmarkFamily::Custom => names[0],
            BenchmarkFamily::Kv => names[names.len() - 1],
        }
    }

    /// The setting of a key; `parameters.NAME` is one parameter of many.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if parameter_in(name).is_some() {
            return Some(Self::Parameters);
        }
        Self::ALL
            .into_iter()
            .find(|setting| setting.names().contains(&name))
    }

    /// Whether one value can be a list.
    pub(crate) fn takes_list(self) -> bool {
        use IsolationSetting::{Cpus, PassEnvironment};
        matches!(
            self,
            Self::Layers
                | Self::Tokens
                | Self::PhaseTokens
                | Self::Isolation(Cpus | PassEnvironment)
        )
    }

    /// Whether the value is a table, which no id can tell.
    pub(crate) fn takes_table(self) -> bool {
        use IsolationSetting::{Environment, Worker};
        matches!(self, Self::Isolation(Environment | Worker))
    }

    /// Whether the value is free text, so that an option's value such as `7` is meant as text too.
    pub(crate) fn takes_any_text(self) -> bool {
        use IsolationSetting::{PassEnvironment, WorkingDirectory};
        matches!(
            self,
            Self::Model | Self::Text | Self::Isolation(PassEnvironment | WorkingDirectory)
        )
    }
}

/// The name of the one parameter that a key such as `parameters.size` means.
pub(crate) fn parameter_in(key: &str) -> Option<&str> {
    key.strip_prefix("parameters.")
}
