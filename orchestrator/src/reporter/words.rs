//! Durations and lines for people.

use std::io::Write;
use std::time::Duration;

/// A line on standard error. Nobody listening is not an error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A duration with the precision that people need: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let check = |millis, expected: &str| {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        };
        check(0, "0 ms");
        check(850, "850 ms");
        check(12_340, "12.3 s");
        check(245_000, "4 min 05 s");
        check(7_800_000, "2 h 10 min");
    }
}
