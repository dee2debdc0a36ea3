//! A model under a KV-cache version, loaded for the KV-cache benchmarks.

use anechoic_protocol::{
    AttentionPath, Dtype, Job, ModelConfig, ModelFacts, ModelSource, PROTOCOL_VERSION, Version,
    VersionedModel,
};

use super::{BenchmarkError, Circumstances};
use crate::cache::{CacheSpec, KvCache};
use crate::device::{Place, of_torch};
use crate::models::Model;
use crate::ops::decode_attention_path;
use crate::weights::{Weights, dtype_of, kind, read_config};

/// A loaded model and the version it runs under.
#[derive(Debug)]
pub(super) struct Versioned {
    pub(super) place: Place,
    pub(super) seed: u64,
    pub(super) model: Model,
    asked: VersionedModel,
    source: ModelSource,
    /// What the last cache was, which is what was really used.
    used: Option<(Version, AttentionPath, u64)>,
}

impl Versioned {
    /// Loads the model for up to `positions` tokens per request.
    pub(super) fn load(
        place: Place,
        asked: &VersionedModel,
        positions: u32,
        seed: u64,
    ) -> Result<Self, BenchmarkError> {
        let config = read_config(&asked.model)?;
        check(&config, asked.version, positions)?;
        let device = place.torch();
        let mut weights = Weights::open(&asked.model, &config, asked.dtype, device, seed)?;
        let sharing = asked.version.sharing();
        Ok(Self {
            place,
            seed,
            model: Model::load(&config, &mut weights, positions, sharing)?,
            asked: asked.clone(),
            source: weights.source().clone(),
            used: None,
        })
    }

    pub(super) fn config(&self) -> &ModelConfig {
        self.model.config()
    }

    /// A cache of the version asked for.
    pub(super) fn cache(&mut self, batch: u32, positions: u32) -> Result<KvCache, BenchmarkError> {
        let cache = self.cache_of(self.asked.version, batch, positions)?;
        let reserved = cache.memory().reserved.total();
        let most = self.used.map_or(0, |(_, _, bytes)| bytes).max(reserved);
        self.used = Some((cache.version(), cache.attention(), most));
        Ok(cache)
    }

    /// A cache of another version, for a comparison.
    pub(super) fn cache_of(
        &self,
        version: Version,
        batch: u32,
        positions: u32,
    ) -> Result<KvCache, BenchmarkError> {
        let spec = CacheSpec {
            version,
            batch,
            positions,
            dtype: self.asked.dtype,
            attention: self.asked.attention,
        };
        Ok(KvCache::new(&spec, self.config(), self.place.torch())?)
    }

    pub(super) fn version(&self) -> Version {
        self.asked.version
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.asked.dtype
    }

    /// What was asked, as it was carried out.
    pub(super) fn echo(&self) -> VersionedModel {
        let (version, attention) = match self.used {
            Some((version, attention, _)) => (version, attention),
            None => (self.asked.version, self.asked.attention),
        };
        VersionedModel {
            model: self.source.clone(),
            dtype: dtype_of(self.model.kind()),
            version,
            attention,
        }
    }

    /// A job with this work, as it was carried out on `device`.
    pub(super) fn job(
        &self,
        asked: &Job,
        device: tch::Device,
        work: anechoic_protocol::Benchmark,
    ) -> Job {
        Job {
            protocol: PROTOCOL_VERSION,
            case: asked.case.clone(),
            attempt: asked.attempt,
            device: of_torch(device),
            threads: u32::try_from(tch::get_num_threads()).unwrap_or(0),
            seed: self.seed,
            work,
            more: asked.more,
        }
    }

    pub(super) fn circumstances(&self) -> Circumstances {
        let (config, version) = (self.config(), self.echo().version);
        let dtype = dtype_of(self.model.kind());
        let saved = match self.model.sharing() == version.sharing() {
            true => version.projection_bytes_saved(config, dtype),
            false => 0,
        };
        Circumstances {
            model: ModelFacts {
                layers: config.layers(),
                hidden: config.hidden(),
                parameters: config.parameters(),
                weight_bytes: config.parameters() * dtype.size_bytes() - saved,
                kv_cache_bytes: self.used.map_or(0, |(_, _, bytes)| bytes),
                projection_bytes_saved: saved,
                dtype,
                config: Some(config.clone()),
            },
            linear_path: self.model.linear_path().to_string(),
            attention_path: Some(self.attention_path()),
            capture_bytes: 0,
        }
    }

    /// v0 has one query only where the context is one token, so that libtorch answers.
    fn attention_path(&self) -> String {
        let version = self.version();
        let best = decode_attention_path(kind(self.asked.dtype), self.place.torch());
        match (self.asked.attention, version.use_cache()) {
            (_, false) => "stock",
            (AttentionPath::Best, true) => best,
            (AttentionPath::Stock, true) => "stock",
            (AttentionPath::Dequantise, true) => match version.kv_cache_quant() {
                true => "dequantise",
                false => "stock",
            },
        }
        .to_owned()
    }
}

/// What the orchestrator has already refused, refused again for jobs that people send by hand.
fn check(config: &ModelConfig, version: Version, positions: u32) -> Result<(), BenchmarkError> {
    let window = config.window();
    if positions > window {
        return Err(BenchmarkError::Job(format!(
            "{positions} positions are needed, and the model's window is {window}"
        )));
    }
    match version.refusal(config) {
        Some(reason) => Err(BenchmarkError::Job(reason)),
        None => Ok(()),
    }
}
