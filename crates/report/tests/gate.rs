//! Whether nights find what became worse, and nothing else.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

#[path = "gate/behaviour.rs"]
mod behaviour;
#[path = "gate/made.rs"]
mod made;
#[path = "gate/simulated.rs"]
mod simulated;
