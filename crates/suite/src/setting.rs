//! The closed list of a case's settings by name.

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
    Seed,
    Threads,
    Timeout,
}

impl Setting {
    /// Every setting, in the order in which lists show them.
    pub(crate) const ALL: [Self; 19] = [
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
        Self::Seed,
        Self::Threads,
        Self::Timeout,
    ];

    /// The key as suites write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Benchmark => "benchmark",
            Self::Model => "model",
            Self::Dtype => "dtype",
            Self::BatchSize => "batch-size",
            Self::PrefillTokens => "prefill-tokens",
            Self::DecodeTokens => "decode-tokens",
            Self::PrefillChunk => "prefill-chunk",
            Self::WarmupIterations => "warmup-iterations",
            Self::Iterations => "iterations",
            Self::Mode => "mode",
            Self::Layers => "layers",
            Self::Strategy => "strategy",
            Self::Probe => "probe",
            Self::Attribution => "attribution",
            Self::FetchDtype => "fetch-dtype",
            Self::FetchBreakdown => "fetch-breakdown",
            Self::Seed => "seed",
            Self::Threads => "threads",
            Self::Timeout => "timeout",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// Whether the value is free text, so that an option's value such as `7` is meant as text too.
    pub(crate) fn takes_any_text(self) -> bool {
        matches!(self, Self::Model)
    }
}
