//! A suite file becomes a validated [`Suite`], which becomes a [`Plan`] of [`Case`]s. Pure: reads no
//! file, asks no clock; what a model is comes in from outside.

mod plan;

pub use plan::{Case, Order, OrderParseError, Plan, Slot};
