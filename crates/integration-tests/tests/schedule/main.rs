//! `anechoic schedule`: what it writes, what systemd and cron are asked, and what it leaves alone.

mod cron;
mod machine;
mod real;
mod refusals;
mod systemd;
