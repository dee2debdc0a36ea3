//! Models as both programs know them: families, presets, configurations, where weights come from.
//! The orchestrator checks layers, windows and sizes with this before any worker starts.

mod config;
mod preset;
mod source;

pub use config::{Family, Gpt2Config, ModelConfig, ModelConfigError, Qwen2Config, RopeParameters};
pub use preset::{Preset, UnknownName};
pub use source::{Dtype, ModelSource};
