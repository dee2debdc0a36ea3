//! A case's settings while layers of them are put over each other: defaults, the suite's, the
//! case's, the matrix's, the command line's. Every value is checked by itself as it is put.

use std::str::FromStr;
use std::time::Duration;

use anechoic_protocol::{
    Attribution, BenchmarkName, CaptureMode, Dtype, LayerSelection, LayerSelectionError, Preset,
    Probe, Strategy, UnknownName,
};

use crate::problem::{Placed, Problem, quoted, shown};
use crate::setting::Setting;
use crate::value::{Value, check_duration};

/// One value for one setting.
pub(crate) type Entry = (Setting, Placed<Value>);

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const LAYERS: &str =
    "`0,5,10`, `9-26`, `every:4`, mixtures such as `0,9-26`, or an array of whole numbers";

/// The settings of one case. `None` is a setting that has no default or follows another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) benchmark: Placed<Option<BenchmarkName>>,
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
    pub(crate) seed: Placed<u64>,
    pub(crate) threads: Placed<Option<u32>>,
    pub(crate) timeout: Placed<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            benchmark: Placed::by_default(None),
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
            seed: Placed::by_default(0),
            threads: Placed::by_default(None),
            timeout: Placed::by_default(Duration::from_secs(20 * 60)),
        }
    }
}

impl Settings {
    /// These settings with the entries over them.
    pub(crate) fn under(&self, entries: &[Entry]) -> Result<Self, Problem> {
        let mut settings = self.clone();
        for (setting, value) in entries {
            settings.put(*setting, value)?;
        }
        Ok(settings)
    }

    fn put(&mut self, setting: Setting, value: &Placed<Value>) -> Result<(), Problem> {
        let key = setting.name();
        match setting {
            Setting::Benchmark => self.benchmark = some(benchmark(key, value)?),
            Setting::Model => self.model = model(key, value)?,
            Setting::Dtype => self.dtype = named(key, value, &Dtype::ALL.map(Dtype::as_str))?,
            Setting::BatchSize => self.batch_size = count(key, value, 1)?,
            Setting::PrefillTokens => self.prefill_tokens = count(key, value, 1)?,
            Setting::DecodeTokens => self.decode_tokens = count(key, value, 1)?,
            Setting::PrefillChunk => self.prefill_chunk = some(count(key, value, 1)?),
            Setting::WarmupIterations => self.warmup_iterations = count(key, value, 0)?,
            Setting::Iterations => self.iterations = count(key, value, 1)?,
            Setting::Mode => {
                self.mode = some(named(
                    key,
                    value,
                    &CaptureMode::ALL.map(CaptureMode::as_str),
                )?)
            }
            Setting::Layers => self.layers = some(layers(key, value)?),
            Setting::Strategy => self.strategy = strategy(key, value)?,
            Setting::Probe => self.probe = named(key, value, &Probe::ALL.map(Probe::as_str))?,
            Setting::Attribution => {
                self.attribution = named(key, value, &Attribution::ALL.map(Attribution::as_str))?;
            }
            Setting::FetchDtype => {
                self.fetch_dtype = some(named(key, value, &Dtype::ALL.map(Dtype::as_str))?)
            }
            Setting::FetchBreakdown => self.fetch_breakdown = value.flag(key)?,
            Setting::Seed => self.seed = value.whole(key, 0..=i64::MAX as u64)?,
            Setting::Threads => self.threads = some(count(key, value, 1)?),
            Setting::Timeout => self.timeout = value.duration(key, SHORTEST_TIMEOUT)?,
        }
        Ok(())
    }

    /// Puts a time limit that is already a duration.
    pub(crate) fn put_timeout(&mut self, timeout: &Placed<Duration>) -> Result<(), Problem> {
        self.timeout = check_duration(timeout, Setting::Timeout.name(), SHORTEST_TIMEOUT)?;
        Ok(())
    }
}

fn some<T>(placed: Placed<T>) -> Placed<Option<T>> {
    Placed {
        value: Some(placed.value),
        origin: placed.origin,
    }
}

fn count(key: &str, value: &Placed<Value>, least: u32) -> Result<Placed<u32>, Problem> {
    let number = value.whole(key, u64::from(least)..=u64::from(u32::MAX))?;
    Ok(number.with(u32::try_from(number.value).expect("the range ends with u32")))
}

fn named<T>(key: &str, value: &Placed<Value>, all: &[&'static str]) -> Result<Placed<T>, Problem>
where
    T: FromStr<Err = UnknownName>,
{
    let text = value.text(key, &quoted(all.iter().copied()))?;
    let parsed = text
        .value
        .parse()
        .map_err(|error| unknown_name(value, &error))?;
    Ok(text.with(parsed))
}

fn unknown_name(value: &Placed<Value>, error: &UnknownName) -> Problem {
    let message = format!("`{}` is not a known {}", shown(&error.name), error.what);
    Problem::at(&value.origin, message).accepted(&error.accepted)
}

fn benchmark(key: &str, value: &Placed<Value>) -> Result<Placed<BenchmarkName>, Problem> {
    let text = value.text(key, &quoted(BenchmarkName::ALL.map(BenchmarkName::as_str)))?;
    let found = UnknownName::look_up(
        "benchmark",
        text.value,
        &BenchmarkName::ALL,
        BenchmarkName::as_str,
    );
    Ok(text.with(found.map_err(|error| unknown_name(value, &error))?))
}

fn model(key: &str, value: &Placed<Value>) -> Result<Placed<String>, Problem> {
    let accepted = "a preset such as `gpt2`, or a checkpoint's folder or name";
    let text = value.text(key, accepted)?;
    if text.value.trim().is_empty() {
        return Err(Problem::at(&value.origin, format!("`{key}` is empty")).accepted(accepted));
    }
    Ok(text.with(text.value.to_owned()))
}

fn strategy(key: &str, value: &Placed<Value>) -> Result<Placed<Strategy>, Problem> {
    let accepted = "`arena`, `concat`, `buffered:N` with N from 1";
    let text = value.text(key, accepted)?;
    let parsed = text.value.parse().map_err(|_| {
        let message = format!("`{}` is not a known capture strategy", shown(text.value));
        Problem::at(&value.origin, message).accepted(accepted)
    })?;
    Ok(text.with(parsed))
}

fn layers(key: &str, value: &Placed<Value>) -> Result<Placed<LayerSelection>, Problem> {
    let text = match &value.value {
        Value::Whole(layer) => layer.to_string(),
        Value::List(items) => layer_list(key, items)?,
        _ => value.text(key, LAYERS)?.value.to_owned(),
    };
    let parsed = text.parse().map_err(|error: LayerSelectionError| {
        let message = match error {
            LayerSelectionError::Empty => "the layer selection is empty".to_owned(),
            LayerSelectionError::Malformed(item) => {
                format!("`{}` is not a layer, a range or a step", shown(&item))
            }
            other @ (LayerSelectionError::Backwards(..)
            | LayerSelectionError::OutOfRange { .. }) => other.to_string(),
        };
        Problem::at(&value.origin, message).accepted(LAYERS)
    })?;
    Ok(value.with(parsed))
}

fn layer_list(key: &str, items: &[Placed<Value>]) -> Result<String, Problem> {
    let layer = |item: &Placed<Value>| count(key, item, 0).map(|layer| layer.value.to_string());
    let layers: Vec<_> = items.iter().map(layer).collect::<Result<_, _>>()?;
    Ok(layers.join(","))
}
