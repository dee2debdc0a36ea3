//! Samples of generations under a KV-cache version. Times follow from the version and T alone.

use std::fs;

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{
    CacheBytes, CacheUse, Counted, GenerationWork, LatencySample, MemorySource, ModelConfig,
    ModelSource, PhaseSample, PhaseTimes, RooflinePoint, RooflineSample, Sample, Version,
    VersionedModel, VramSample,
};

const MICROSECOND: u64 = 1_000;

/// The shape of a model, as a worker reads it.
pub(crate) fn config(model: &ModelSource) -> ModelConfig {
    match model {
        ModelSource::Preset { name } => name.config(),
        ModelSource::Folder { path, .. } => {
            let text = fs::read_to_string(format!("{path}/config.json"));
            let text = text.expect("the orchestrator has read it");
            ModelConfig::from_json(&text).expect("the orchestrator has read it")
        }
    }
}

/// Which generation of its job a sample is.
struct Turn {
    tokens: u32,
    run: u32,
}

impl Turn {
    fn of(work: &GenerationWork, iteration: u32, fault: Fault) -> Self {
        let before = iteration - 1;
        let tokens = work.tokens[(before / work.measured_runs) as usize];
        Self {
            tokens: match fault {
                Fault::WrongTokens => tokens + 1,
                _ => tokens,
            },
            run: before % work.measured_runs + 1,
        }
    }
}

/// What a version takes for one token when so many are known.
fn token_ns(version: Version, known: u32) -> u64 {
    let known = u64::from(known);
    MICROSECOND
        * match version {
            Version::V0 => 500 + 10 * known,
            Version::V1 => 900 + known,
            Version::V2 => 920 + known,
            Version::V3 => 800 + known,
            Version::V4 => 820 + known,
        }
}

fn prefill_ns(work: &GenerationWork) -> u64 {
    MICROSECOND * (100 + 10 * u64::from(work.prompt_length))
}

/// The first token comes with prefill.
fn decode_ns(work: &GenerationWork, turn: &Turn) -> u64 {
    let known = (1..turn.tokens).map(|step| work.prompt_length + step);
    known.map(|known| token_ns(work.model.version, known)).sum()
}

fn generated(work: &GenerationWork, turn: &Turn) -> u64 {
    u64::from(work.batch_size) * u64::from(turn.tokens)
}

fn cache(work: &GenerationWork, turn: &Turn, fault: Fault) -> CacheUse {
    let positions = work.prompt_length + turn.tokens;
    let shape = CacheShape {
        batch: work.batch_size,
        positions,
        filled: positions - 1,
    };
    cache_of(&work.model, &shape, fault)
}

/// Positions that a cache has room for, and those that are filled.
pub(crate) struct CacheShape {
    pub(crate) batch: u32,
    pub(crate) positions: u32,
    pub(crate) filled: u32,
}

pub(crate) fn cache_of(model: &VersionedModel, shape: &CacheShape, fault: Fault) -> CacheUse {
    let config = config(&model.model);
    let bytes = |version: Version, positions| {
        version.cache_bytes(&config, shape.batch, positions, model.dtype)
    };
    let kept = match model.version.use_cache() {
        true => bytes(Version::V1, shape.filled),
        false => CacheBytes::default(),
    };
    let mut reserved = bytes(model.version, shape.positions);
    reserved.values += u64::from(fault == Fault::WrongCache);
    CacheUse {
        reserved,
        used: bytes(model.version, shape.filled),
        elements: kept.values / model.dtype.size_bytes(),
    }
}

pub(crate) fn latency(work: &GenerationWork, iteration: u32, fault: Fault) -> Sample {
    if fault == Fault::WrongKind {
        return vram(work, iteration, Fault::Ok);
    }
    let turn = Turn::of(work, iteration, fault);
    let (prefill_ns, decode_ns) = (prefill_ns(work), decode_ns(work, &turn));
    Sample::Latency(LatencySample {
        iteration,
        tokens: turn.tokens,
        run: turn.run,
        prefill_ns,
        decode_ns,
        total_ns: match fault {
            Fault::LongParts => prefill_ns,
            _ => prefill_ns + decode_ns + MICROSECOND,
        },
        device_ns: None,
        generated_tokens: generated(work, &turn),
        cache: cache(work, &turn, fault),
    })
}

pub(crate) fn vram(work: &GenerationWork, iteration: u32, fault: Fault) -> Sample {
    let turn = Turn::of(work, iteration, fault);
    let cache = cache(work, &turn, fault);
    let baseline_bytes = 1 << 20;
    Sample::Vram(VramSample {
        iteration,
        tokens: turn.tokens,
        run: turn.run,
        source: MemorySource::ResidentSet,
        baseline_bytes,
        peak_bytes: baseline_bytes + cache.reserved.total(),
        reserved_bytes: None,
        generated_tokens: generated(work, &turn),
        cache,
    })
}

pub(crate) fn phase(work: &GenerationWork, iteration: u32, fault: Fault) -> Sample {
    let turn = Turn::of(work, iteration, fault);
    Sample::Phase(PhaseSample {
        iteration,
        tokens: turn.tokens,
        run: turn.run,
        prefill: times(prefill_ns(work), fault),
        decode: times(decode_ns(work, &turn), fault),
        generated_tokens: generated(work, &turn),
    })
}

fn times(total_ns: u64, fault: Fault) -> PhaseTimes {
    let tenth = total_ns / 10;
    PhaseTimes {
        embedding_ns: tenth,
        attention_ns: 4 * tenth,
        mlp_ns: 3 * tenth,
        head_ns: tenth,
        other_ns: match fault {
            Fault::LongParts => total_ns,
            _ => total_ns - 9 * tenth,
        },
        total_ns,
    }
}

pub(crate) fn roofline(work: &GenerationWork, iteration: u32, fault: Fault) -> Sample {
    let turn = Turn::of(work, iteration, fault);
    let config = config(&work.model.model);
    let counted = Counted {
        config: &config,
        dtype: work.model.dtype,
        version: work.model.version,
        batch: work.batch_size,
    };
    let point = |time_ns, cost: anechoic_protocol::Cost| RooflinePoint {
        time_ns,
        bytes: cost.bytes,
        flops: cost.flops,
    };
    let decode = counted.decode(work.prompt_length, turn.tokens);
    Sample::Roofline(RooflineSample {
        iteration,
        tokens: turn.tokens,
        run: turn.run,
        prefill: point(prefill_ns(work), counted.prefill(work.prompt_length)),
        decode: point(decode_ns(work, &turn), decode),
        read_bytes_per_s: match fault {
            Fault::WrongVerdict => 0,
            _ => 20_000_000_000,
        },
        matrix_flops_per_s: 100_000_000_000,
        generated_tokens: generated(work, &turn),
    })
}
