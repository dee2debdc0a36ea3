//! A case's settings while layers of them are put over each other: its benchmark's defaults, the suite's, the case's, the
//! matrix's, the command line's. Every value is checked by itself as it is put.

use std::collections::BTreeMap;
use std::time::Duration;

use anechoic_protocol::{
    AttentionPath, Attribution, BenchmarkName, CaptureMode, Dtype, LayerSelection, Parameter,
    Preset, Probe, Strategy, Version,
};

use crate::custom;
use crate::entry::Entry;
use crate::isolating::Isolating;
use crate::problem::{Placed, Problem};
use crate::readers::{count, layers, model, named, some, strategy, text, tokens};
use crate::setting::Setting;
use crate::size::size;
use crate::value::check_duration;

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// The settings of one case. `None` is a setting that has no default or follows another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) benchmark: Placed<BenchmarkName>,
    pub(crate) model: Placed<String>,
    pub(crate) dtype: Placed<Dtype>,
    pub(crate) batch_size: Placed<u32>,
    pub(crate) prefill_tokens: Placed<u32>,
    pub(crate) decode_tokens: Placed<u32>,
    pub(crate) prefill_chunk: Placed<Option<u32>>,
    pub(crate) warmup_iterations: Placed<u32>,
    pub(crate) iterations: Placed<u32>,
    pub(crate) mode: Placed<Option<CaptureMode>>,
    pub(crate) layers: Placed<Option<LayerSelection>>,
    pub(crate) strategy: Placed<Strategy>,
    pub(crate) probe: Placed<Probe>,
    pub(crate) attribution: Placed<Attribution>,
    pub(crate) fetch_dtype: Placed<Option<Dtype>>,
    pub(crate) fetch_breakdown: Placed<bool>,
    pub(crate) version: Placed<Option<Version>>,
    pub(crate) attention: Placed<AttentionPath>,
    /// `tokens`, and in `phase` cases `phase-tokens`.
    pub(crate) tokens: Vec<Placed<u32>>,
    pub(crate) memory_budget: Placed<u64>,
    pub(crate) text: Placed<Option<String>>,
    pub(crate) window: Placed<u32>,
    pub(crate) windows: Placed<u32>,
    pub(crate) chunk: Placed<u32>,
    pub(crate) greedy_tokens: Placed<u32>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) seed: Placed<u64>,
    pub(crate) threads: Placed<Option<u32>>,
    pub(crate) timeout: Placed<Duration>,
    pub(crate) isolating: Isolating,
}

impl Settings {
    /// A benchmark's defaults.
    pub(crate) fn of(benchmark: &Placed<BenchmarkName>) -> Self {
        let capture = Self::of_capture(benchmark);
        match benchmark.value {
            BenchmarkName::Capture => capture,
            BenchmarkName::Latency
            | BenchmarkName::Vram
            | BenchmarkName::Phase
            | BenchmarkName::Roofline => capture.of_generation(),
            BenchmarkName::Capacity => Self {
                iterations: Placed::by_default(1),
                ..capture.of_generation()
            },
            BenchmarkName::Perplexity => Self {
                model: Placed::by_default("models/markov".to_owned()),
                dtype: Placed::by_default(Dtype::F32),
                batch_size: Placed::by_default(8),
                ..capture.of_generation()
            },
            BenchmarkName::Custom => Self {
                iterations: Placed::by_default(5),
                ..capture
            },
        }
    }

    fn of_capture(benchmark: &Placed<BenchmarkName>) -> Self {
        Self {
            benchmark: benchmark.clone(),
            model: Placed::by_default(Preset::Qwen25Three.as_str().to_owned()),
            dtype: Placed::by_default(Dtype::Bf16),
            batch_size: Placed::by_default(32),
            prefill_tokens: Placed::by_default(512),
            decode_tokens: Placed::by_default(128),
            prefill_chunk: Placed::by_default(None),
            warmup_iterations: Placed::by_default(1),
            iterations: Placed::by_default(3),
            mode: Placed::by_default(None),
            layers: Placed::by_default(None),
            strategy: Placed::by_default(Strategy::Arena),
            probe: Placed::by_default(Probe::Full),
            attribution: Placed::by_default(Attribution::Off),
            fetch_dtype: Placed::by_default(None),
            fetch_breakdown: Placed::by_default(false),
            version: Placed::by_default(None),
            attention: Placed::by_default(AttentionPath::Best),
            tokens: vec![Placed::by_default(128)],
            memory_budget: Placed::by_default(2 << 30),
            text: Placed::by_default(None),
            window: Placed::by_default(256),
            windows: Placed::by_default(32),
            chunk: Placed::by_default(1),
            greedy_tokens: Placed::by_default(64),
            parameters: BTreeMap::new(),
            seed: Placed::by_default(0),
            threads: Placed::by_default(None),
            timeout: Placed::by_default(Duration::from_secs(20 * 60)),
            isolating: Isolating::default(),
        }
    }

    fn of_generation(self) -> Self {
        Self {
            model: Placed::by_default(Preset::Gpt2.as_str().to_owned()),
            batch_size: Placed::by_default(1),
            prefill_tokens: Placed::by_default(32),
            warmup_iterations: Placed::by_default(3),
            iterations: Placed::by_default(5),
            ..self
        }
    }

    /// Checks each value by itself, whatever benchmark it is meant for.
    pub(crate) fn check_values(entries: &[Entry]) -> Result<(), Problem> {
        let mut scratch = Self::of(&Placed::by_default(BenchmarkName::Capture));
        entries.iter().try_for_each(|entry| scratch.put(entry))
    }

    /// These settings with a layer of entries over them; those that the benchmark does not use are left out.
    pub(crate) fn under<'a>(
        &self,
        layer: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, Problem> {
        // The benchmark is settled: it has chosen the defaults.
        let is_used = |entry: &&Entry| {
            entry.setting != Setting::Benchmark && entry.setting.is_used_by(self.benchmark.value)
        };
        let (phase, others): (Vec<_>, Vec<_>) = layer
            .into_iter()
            .filter(is_used)
            .partition(|entry| entry.setting == Setting::PhaseTokens);
        let mut settings = self.clone();
        // Both are T; within one layer the one for `phase` alone is meant for it.
        for entry in others.into_iter().chain(phase) {
            settings.put(entry)?;
        }
        Ok(settings)
    }

    fn put(&mut self, entry: &Entry) -> Result<(), Problem> {
        let (key, value) = (entry.key.value.as_str(), &entry.value);
        match entry.setting {
            Setting::Benchmark => {
                let all = BenchmarkName::ALL.map(BenchmarkName::as_str);
                self.benchmark = named(key, value, &all)?;
            }
            Setting::Model => self.model = model(key, value)?,
            Setting::Dtype => self.dtype = named(key, value, &Dtype::ALL.map(Dtype::as_str))?,
            Setting::BatchSize => self.batch_size = count(key, value, 1)?,
            Setting::PrefillTokens => self.prefill_tokens = count(key, value, 1)?,
            Setting::DecodeTokens => self.decode_tokens = count(key, value, 1)?,
            Setting::PrefillChunk => self.prefill_chunk = some(count(key, value, 1)?),
            Setting::WarmupIterations => self.warmup_iterations = count(key, value, 0)?,
            Setting::Iterations => self.iterations = count(key, value, 1)?,
            Setting::Mode => {
                let all = CaptureMode::ALL.map(CaptureMode::as_str);
                self.mode = some(named(key, value, &all)?);
            }
            Setting::Layers => self.layers = some(layers(key, value)?),
            Setting::Strategy => self.strategy = strategy(key, value)?,
            Setting::Probe => self.probe = named(key, value, &Probe::ALL.map(Probe::as_str))?,
            Setting::Attribution => {
                self.attribution = named(key, value, &Attribution::ALL.map(Attribution::as_str))?;
            }
            Setting::FetchDtype => {
                self.fetch_dtype = some(named(key, value, &Dtype::ALL.map(Dtype::as_str))?);
            }
            Setting::FetchBreakdown => self.fetch_breakdown = value.flag(key)?,
            Setting::Version => {
                self.version = some(named(key, value, &Version::ALL.map(Version::as_str))?);
            }
            Setting::Attention => {
                let all = AttentionPath::ALL.map(AttentionPath::as_str);
                self.attention = named(key, value, &all)?;
            }
            Setting::Tokens | Setting::PhaseTokens => self.tokens = tokens(key, value)?,
            Setting::MemoryBudget => self.memory_budget = size(key, value)?,
            Setting::Text => self.text = some(text(key, value)?),
            Setting::Window => self.window = count(key, value, 2)?,
            Setting::Windows => self.windows = count(key, value, 1)?,
            Setting::Chunk => self.chunk = count(key, value, 1)?,
            Setting::GreedyTokens => self.greedy_tokens = count(key, value, 0)?,
            Setting::Parameters => custom::put(&mut self.parameters, entry)?,
            Setting::Seed => self.seed = value.whole(key, 0..=i64::MAX as u64)?,
            Setting::Threads => self.threads = some(count(key, value, 1)?),
            Setting::Timeout => self.timeout = value.duration(key, SHORTEST_TIMEOUT)?,
            Setting::Isolation(setting) => self.isolating.put(setting, key, value)?,
        }
        Ok(())
    }

    /// Puts a time limit that is already a duration.
    pub(crate) fn put_timeout(&mut self, timeout: &Placed<Duration>) -> Result<(), Problem> {
        self.timeout = check_duration(timeout, Setting::Timeout.name(), SHORTEST_TIMEOUT)?;
        Ok(())
    }
}
