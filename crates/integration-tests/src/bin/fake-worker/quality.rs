//! Samples of quality and of capacity. They follow from the version alone.

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{
    CapacityProbe, CapacitySample, CapacityWork, Divergence, MemorySource, PerplexitySample,
    PerplexityWork, Sample, TextSource, Version, WindowLoss,
};

use crate::kv::{CacheShape, cache_of, config};

/// Nats per token that every model loses on the text, and the entropy of the synthetic source.
const LOSS: f64 = 1.3;
const ENTROPY: f64 = 1.2;

/// Nats per token that a version adds.
fn spoilt(version: Version) -> f64 {
    match version {
        Version::V0 | Version::V1 => 0.0,
        Version::V2 => 0.001,
        Version::V3 => 0.5,
        Version::V4 => 0.501,
    }
}

pub(crate) fn perplexity(work: &PerplexityWork, iteration: u32, fault: Fault) -> Sample {
    let scored = work.window - 1;
    let sum = |per_token: f64| f64::from(scored) * per_token;
    let spoilt = spoilt(work.model.version);
    let is_synthetic = work.text == TextSource::Synthetic;
    let window = WindowLoss {
        tokens: scored,
        loss: sum(LOSS + spoilt),
        teacher_forced_loss: sum(LOSS),
        reference_loss: sum(LOSS),
        source_loss: is_synthetic.then(|| sum(ENTROPY)),
    };
    let windows = match fault {
        Fault::WrongVerdict => 0,
        _ => work.windows as usize,
    };
    let shape = CacheShape {
        batch: work.batch_size.min(windows as u32),
        positions: work.window,
        filled: work.window,
    };
    Sample::Perplexity(PerplexitySample {
        iteration,
        windows: vec![window; windows],
        divergence: Divergence {
            mean: spoilt,
            p99: 2.0 * spoilt,
            max: 3.0 * spoilt,
        },
        same_top_tokens: u64::from(scored) * windows as u64,
        first_divergence: vec![None; windows.min(8)],
        source_entropy: is_synthetic.then_some(ENTROPY),
        cache: cache_of(&work.model, &shape, fault),
    })
}

/// As many requests as fit, beside 1 MiB of everything else.
pub(crate) fn capacity(work: &CapacityWork, iteration: u32, fault: Fault) -> Sample {
    let before = iteration - 1;
    let tokens = work.tokens[(before / work.measured_runs) as usize];
    let config = config(&work.model.model);
    let positions = work.prompt_length + tokens;
    let model = &work.model;
    let bytes = model
        .version
        .cache_bytes(&config, 1, positions, model.dtype);
    let per_request = bytes.total() + u64::from(fault == Fault::WrongCache);
    let probe = |batch: u32| {
        let peak = (1 << 20) + u64::from(batch) * per_request;
        CapacityProbe {
            batch,
            peak_bytes: Some(peak),
            fits: peak <= work.budget_bytes,
        }
    };
    let probes: Vec<_> = [1, 2, 4, 8, 16].map(probe).into();
    let largest = probes
        .iter()
        .filter(|probe| probe.fits)
        .map(|probe| probe.batch)
        .max();
    Sample::Capacity(CapacitySample {
        iteration,
        tokens,
        run: before % work.measured_runs + 1,
        source: MemorySource::ResidentSet,
        batch: match fault {
            Fault::WrongVerdict => 3,
            _ => largest.unwrap_or(0),
        },
        probes,
        cache_bytes_per_request: per_request,
    })
}
