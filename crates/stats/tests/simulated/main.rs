//! What the estimates promise, checked on made-up measurements. Seeded: the same on every machine. With `-- --nocapture` the
//! tables of rates are shown.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod courses;
mod coverage;
mod errors;
mod floor;
mod made;
mod noise;
mod stop_rule;
