//! What the page of a run quotes from files of its directory: the suite, and the end of the logs of attempts that did
//! not end well. What cannot be read is left out: a report of a run that lost its logs is still a report.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anechoic_record::RunRecord;
use anechoic_report::Logs;

/// Bytes from the end of a log that are looked at.
const TAIL_BYTES: u64 = 8 << 10;

/// Lines that are quoted.
const TAIL_LINES: usize = 40;

/// Bytes of logs that one page quotes; attempts that come later are left out, their logs are a click away.
const ALL_BYTES: usize = 512 << 10;

/// The longest suite that is quoted.
const SUITE_BYTES: u64 = 256 << 10;

/// All that a page of this run quotes.
pub(super) fn logs(record: &RunRecord) -> Logs {
    let mut logs = Logs {
        suite: suite(&record.path.join("suite.toml")),
        ..Logs::default()
    };
    let attempts = record.manifest.attempts();
    let mut spent = 0;
    for (case, attempt) in attempts.filter(|(_, attempt)| !attempt.outcome.is_ok()) {
        let path = record
            .attempt_folder(case, attempt.attempt)
            .join("stderr.log");
        let Ok(text) = tail(&path) else { continue };
        spent += text.len();
        if spent > ALL_BYTES {
            break;
        }
        logs.stderr.insert((case.to_owned(), attempt.attempt), text);
    }
    logs
}

fn suite(path: &Path) -> Option<String> {
    let length = path.metadata().ok()?.len();
    let is_short = length <= SUITE_BYTES;
    is_short.then(|| fs::read_to_string(path).ok())?
}

/// The last lines of a file, whatever its length.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    // The first of them may have lost its beginning.
    let whole = lines
        .get(usize::from(start > 0)..)
        .filter(|l| !l.is_empty());
    let whole = whole.unwrap_or(&lines);
    let last = whole.len().saturating_sub(TAIL_LINES);
    Ok(whole[last..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_quoted_in_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        let check = |content: &[u8], expected: &str| {
            fs::write(&path, content).unwrap();
            assert_eq!(tail(&path).unwrap(), expected);
        };
        check(b"", "");
        check(b"one\ntwo\n", "one\ntwo");
        check(b"no \xff text", "no \u{fffd} text");
        let many: String = (0..5_000).map(|n| format!("line {n}\n")).collect();
        let last: Vec<String> = (4_960..5_000).map(|n| format!("line {n}")).collect();
        check(many.as_bytes(), &last.join("\n"));
        let endless = "x".repeat(1 << 20);
        check(endless.as_bytes(), &endless[..8 << 10]);
        assert!(tail(&folder.path().join("nothing")).is_err());
    }
}
