//! `anechoic schedule`: what it writes, what systemd and cron are asked, and what it leaves alone.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up shall fail"
)]

mod cron;
mod machine;
mod real;
mod refusals;
mod systemd;
