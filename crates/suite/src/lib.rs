//! A suite file becomes a validated [`Suite`], which becomes a [`Plan`] of [`Case`]s. Pure: reads no
//! file, asks no clock; what a model is comes in from outside.

mod benchmark;
mod capture;
mod custom;
mod draft;
mod ending;
mod entry;
mod error;
mod filter;
mod id;
mod isolation;
mod keys;
mod kv;
mod matrix;
mod options;
mod order;
mod pace;
mod perplexity;
mod plan;
mod planning;
mod problem;
mod readers;
mod requires;
mod rest;
mod setting;
mod settings;
mod size;
mod source;
mod suite;
mod text;
mod usage;
mod value;

pub use ending::Ending;
pub use error::{Invalid, SuiteError};
pub use isolation::{Isolation, KEPT_ENVIRONMENT, WorkerCommand};
pub use options::PlanOptions;
pub use plan::{Case, Order, OrderParseError, Plan, Slot};
pub use planning::{FoundText, KnownModel};
pub use requires::{RequiredDevice, Requirements};
pub use rest::{Retries, Settle, WhenRestless};
pub use suite::{SUITE_SCHEMA_VERSION, Suite};
