//! A case's settings as a whole, by benchmark: what can be checked without a model, and the work with one.

use anechoic_protocol::{Benchmark, BenchmarkName, TextSource};

use crate::problem::Problem;
use crate::settings::Settings;
use crate::{KnownModel, capture, custom, kv, perplexity};

/// Checks that need no model.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    match settings.benchmark.value {
        BenchmarkName::Capture => capture::check(settings),
        BenchmarkName::Perplexity => perplexity::check(settings),
        // A parameter is right by itself or not at all.
        BenchmarkName::Custom => Ok(()),
        BenchmarkName::Latency
        | BenchmarkName::Vram
        | BenchmarkName::Phase
        | BenchmarkName::Capacity
        | BenchmarkName::Roofline => kv::check(settings),
    }
}

/// The work of a benchmark that knows no model; `None` for the others.
pub(crate) fn work_without_model(settings: &Settings) -> Option<Benchmark> {
    let is_custom = settings.benchmark.value == BenchmarkName::Custom;
    is_custom.then(|| Benchmark::Custom(custom::work(settings)))
}

/// The work of settings that were checked, checked against the model. `text` is what the setting of that name stands for.
pub(crate) fn work(
    settings: &Settings,
    model: &KnownModel,
    text: TextSource,
) -> Result<Benchmark, Problem> {
    Ok(match settings.benchmark.value {
        BenchmarkName::Capture => Benchmark::Capture(capture::work(settings, model)?),
        BenchmarkName::Latency => Benchmark::Latency(kv::generation(settings, model)?),
        BenchmarkName::Vram => Benchmark::Vram(kv::generation(settings, model)?),
        BenchmarkName::Phase => Benchmark::Phase(kv::generation(settings, model)?),
        BenchmarkName::Perplexity => {
            Benchmark::Perplexity(perplexity::work(settings, model, text)?)
        }
        BenchmarkName::Capacity => Benchmark::Capacity(kv::capacity(settings, model)?),
        BenchmarkName::Roofline => Benchmark::Roofline(kv::generation(settings, model)?),
        BenchmarkName::Custom => Benchmark::Custom(custom::work(settings)),
    })
}
