//! Which settings each benchmark uses, and what to say about one that nobody uses.

use anechoic_protocol::{BenchmarkFamily, BenchmarkName};

use crate::entry::Entry;
use crate::problem::{Problem, quoted};
use crate::setting::Setting;

impl Setting {
    /// Whether a case of `benchmark` is changed by this setting.
    pub(crate) fn is_used_by(self, benchmark: BenchmarkName) -> bool {
        use BenchmarkName::{Capacity, Capture, Custom, Perplexity, Phase};
        let is_kv = benchmark.family() == BenchmarkFamily::Kv;
        match self {
            Self::Model | Self::Dtype => benchmark != Custom,
            Self::Parameters => benchmark == Custom,
            Self::Benchmark | Self::Seed | Self::Threads | Self::Timeout | Self::Isolation(_) => {
                true
            }
            Self::DecodeTokens
            | Self::PrefillChunk
            | Self::Mode
            | Self::Layers
            | Self::Strategy
            | Self::Probe
            | Self::Attribution
            | Self::FetchDtype
            | Self::FetchBreakdown => benchmark == Capture,
            Self::BatchSize => ![Capacity, Custom].contains(&benchmark),
            Self::PrefillTokens => ![Perplexity, Custom].contains(&benchmark),
            Self::Iterations => benchmark != Perplexity,
            Self::WarmupIterations => ![Capacity, Perplexity].contains(&benchmark),
            Self::Version | Self::Attention => is_kv,
            Self::Tokens => is_kv && benchmark != Perplexity,
            Self::PhaseTokens => benchmark == Phase,
            Self::MemoryBudget => benchmark == Capacity,
            Self::Text | Self::Window | Self::Windows | Self::Chunk | Self::GreedyTokens => {
                benchmark == Perplexity
            }
        }
    }
}

/// Refuses a key of a case, or of its matrix, that its benchmark does not use.
pub(crate) fn check_own<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    benchmark: BenchmarkName,
) -> Result<(), Problem> {
    let unused = entries
        .into_iter()
        .find(|entry| !entry.setting.is_used_by(benchmark));
    unused.map_or(Ok(()), |entry| {
        let message = format!(
            "benchmark `{}` does not use `{}`",
            benchmark.as_str(),
            entry.key.value
        );
        Err(Problem::at(&entry.key.origin, message).accepted(used_by(&[benchmark])))
    })
}

/// Refuses a key that none of these cases' benchmarks uses. `cases` says in words which cases they are.
pub(crate) fn check_shared<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    benchmarks: &[BenchmarkName],
    cases: &str,
) -> Result<(), Problem> {
    let unused = |entry: &&Entry| !benchmarks.iter().any(|b| entry.setting.is_used_by(*b));
    entries.into_iter().find(unused).map_or(Ok(()), |entry| {
        let message = format!(
            "{cases} uses `{}`; the benchmarks are {}",
            entry.key.value,
            quoted(benchmarks.iter().map(|benchmark| benchmark.as_str()))
        );
        Err(Problem::at(&entry.key.origin, message).accepted(used_by(benchmarks)))
    })
}

/// The benchmarks of cases, each once, in the order of lists.
pub(crate) fn distinct(benchmarks: impl IntoIterator<Item = BenchmarkName>) -> Vec<BenchmarkName> {
    let seen: Vec<_> = benchmarks.into_iter().collect();
    let is_seen = |benchmark: &BenchmarkName| seen.contains(benchmark);
    BenchmarkName::ALL.into_iter().filter(is_seen).collect()
}

/// The keys that at least one of the benchmarks uses, as its family writes them.
fn used_by(benchmarks: &[BenchmarkName]) -> String {
    let names = |setting: Setting| {
        let users = benchmarks.iter().filter(move |b| setting.is_used_by(**b));
        let mut names: Vec<_> = users.map(|b| setting.name_in(b.family())).collect();
        names.dedup();
        names
    };
    let all: Vec<_> = Setting::ALL.into_iter().flat_map(names).collect();
    all.join(", ")
}
