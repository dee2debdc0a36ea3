//! Waiting for what will happen, however slow the machine is.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far above what anything takes; reached only by a defect.
const BOUND: Duration = Duration::from_secs(120);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none for two minutes.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < BOUND, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Whether a process has ended. One that nobody has reaped has ended as well.
pub fn gone(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(_) => true,
        // The state follows the name, which is in parentheses.
        Ok(stat) => stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
    }
}
