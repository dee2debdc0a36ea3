//! Lines for a crontab: a block between two marks, and a crontab with and without it. What is outside of a block stays as it is, byte
//! for byte.

use super::job::{Job, Name};
use super::units::{UnfitText, check};

/// Cron takes no longer command.
const LONGEST: usize = 998;

const BEGIN: &str = "# anechoic schedule begin ";
const END: &str = "# anechoic schedule end ";

/// A block that cannot be made, or a crontab that cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronError {
    #[error(transparent)]
    Text(#[from] UnfitText),
    #[error(
        "the command of `{name}` has {length} characters, and cron takes no more than {LONGEST}"
    )]
    TooLong { name: Name, length: usize },
    #[error("the block of `{0}` in the crontab has no end")]
    NoEnd(Name),
}

/// The block of a job. With the absolute path of `logger`, its output goes to the system's log; else cron mails it.
pub(crate) fn block(job: &Job, logger: Option<&str>) -> Result<String, CronError> {
    check(job)?;
    let command = command(job, logger);
    if command.len() > LONGEST {
        return Err(CronError::TooLong {
            name: job.name.clone(),
            length: command.len(),
        });
    }
    let fields = job.times.cron_fields().into_iter();
    let lines: String = fields
        .map(|fields| format!("{fields} {command}\n"))
        .collect();
    let name = &job.name;
    Ok(format!(
        "{BEGIN}{name}\n# Made by `anechoic schedule add`. `anechoic schedule remove {name}` removes it; `add --replace` replaces it.\n\
         {}\n{lines}{END}{name}\n",
        job.mark()
    ))
}

/// The command of cron's lines: it has this program read the job from the block. The job itself may be longer than cron takes, and
/// a line of a crontab that sets a variable does so for all lines after it, whoever they belong to.
fn command(job: &Job, logger: Option<&str>) -> String {
    let program = word(&job.command[0]);
    let run = format!("{program} schedule run-now {} --cron", job.name);
    let whole = match logger {
        Some(logger) => format!("{run} 2>&1 | {} -t {}", word(logger), job.name.unit()),
        None => run,
    };
    // Cron ends a command at the first `%` without a backslash, in quotes or not, and takes that backslash away.
    whole.replace('%', "\\%")
}

/// A word as a shell reads it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:,+@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The jobs in a crontab, in its order.
pub(crate) fn jobs(crontab: &[u8]) -> Vec<Job> {
    let text = String::from_utf8_lossy(crontab);
    let begins = text
        .lines()
        .filter_map(|line| line.strip_prefix(BEGIN)?.parse().ok());
    let blocks = begins.filter_map(|name: Name| find_block(crontab, &name).ok()?);
    let texts =
        blocks.map(|(first, last)| String::from_utf8_lossy(&crontab[first..last]).into_owned());
    texts.filter_map(|text| Job::find(&text)).collect()
}

/// Where a job's block begins and ends.
pub(crate) fn find_block(crontab: &[u8], name: &Name) -> Result<Option<(usize, usize)>, CronError> {
    let Some((first, _)) = line(crontab, 0, &format!("{BEGIN}{name}")) else {
        return Ok(None);
    };
    let end = line(crontab, first, &format!("{END}{name}"));
    match end {
        Some((_, last)) => Ok(Some((first, last))),
        None => Err(CronError::NoEnd(name.clone())),
    }
}

/// Where the line is, from `from` on: its first byte, and that of the next line.
fn line(text: &[u8], from: usize, wanted: &str) -> Option<(usize, usize)> {
    let mut start = from;
    for line in text[from..].split_inclusive(|&byte| byte == b'\n') {
        let next = start + line.len();
        if line.strip_suffix(b"\n").unwrap_or(line) == wanted.as_bytes() {
            return Some((start, next));
        }
        start = next;
    }
    None
}

/// The crontab without a job's block.
pub(crate) fn without_block(crontab: &[u8], name: &Name) -> Result<Vec<u8>, CronError> {
    let mut rest = crontab.to_vec();
    if let Some((first, last)) = find_block(crontab, name)? {
        rest.drain(first..last);
    }
    Ok(rest)
}

/// The crontab with a job's block at its end, in place of the one that it may have.
pub(crate) fn with_block(crontab: &[u8], name: &Name, block: &str) -> Result<Vec<u8>, CronError> {
    let mut whole = without_block(crontab, name)?;
    if whole.last().is_some_and(|&byte| byte != b'\n') {
        whole.push(b'\n');
    }
    whole.extend_from_slice(block.as_bytes());
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::super::job::tests::job;
    use super::*;

    fn last_line(block: &str) -> &str {
        block.lines().rev().nth(1).unwrap()
    }

    #[test]
    fn a_block_says_what_it_is_and_runs_the_job() {
        let text = block(&job(), Some("/usr/bin/logger")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[0], "# anechoic schedule begin quick");
        assert_eq!(Job::find(lines[2]), Some(job()));
        assert_eq!(
            lines[3],
            "30 2 * * 1,2,3,4,5 /usr/local/bin/anechoic schedule run-now quick --cron 2>&1 \
             | /usr/bin/logger -t anechoic-nightly-quick"
        );
        assert_eq!(lines[4], "# anechoic schedule end quick");
    }

    #[test]
    fn words_are_written_so_that_cron_and_the_shell_read_the_same() {
        let check = |program: &str, expected: &str| {
            let odd = Job {
                command: vec![program.to_owned()],
                ..job()
            };
            let text = block(&odd, None).unwrap();
            let expected = format!("30 2 * * 1,2,3,4,5 {expected} schedule run-now quick --cron");
            assert_eq!(last_line(&text), expected);
        };
        check("/a/100%", "/a/100\\%");
        check("/it's $a 5%", "'/it'\\''s $a 5\\%'");
    }

    #[test]
    fn a_command_that_cron_does_not_take_is_refused() {
        let long = Job {
            command: vec!["x".repeat(1000)],
            ..job()
        };
        let told = block(&long, None).unwrap_err().to_string();
        assert!(told.contains("cron takes no more than 998"), "{told}");
        let bad = Job {
            folder: "/a\nb".to_owned(),
            ..job()
        };
        assert!(matches!(block(&bad, None), Err(CronError::Text(_))));
    }

    #[test]
    fn lines_of_others_stay_as_they_are() {
        let check = |others: &[u8], expected: &[u8]| {
            let name = &job().name;
            let text = block(&job(), None).unwrap();
            let with = with_block(others, name, &text).unwrap();
            assert_eq!(with, [expected, text.as_bytes()].concat());
            assert_eq!(jobs(&with), [job()]);
            let again = with_block(&with, name, &text).unwrap();
            assert_eq!(again, with, "a block is replaced, not repeated");
            assert_eq!(without_block(&with, name).unwrap(), expected);
            assert_eq!(without_block(others, name).unwrap(), others);
        };
        check(b"", b"");
        check(b"MAILTO=me\n0 1 * * * x\n", b"MAILTO=me\n0 1 * * * x\n");
        check(b"0 1 * * * x\t\xff\r\n\n\n", b"0 1 * * * x\t\xff\r\n\n\n");
        check(b"no end of line", b"no end of line\n");
        check(
            b"# anechoic schedule begin quicker\n",
            b"# anechoic schedule begin quicker\n",
        );
    }

    #[test]
    fn a_block_between_lines_of_others_is_taken_out_alone() {
        let name = &job().name;
        let other = Job {
            name: "other".parse().unwrap(),
            ..job()
        };
        let (first, second) = (block(&job(), None).unwrap(), block(&other, None).unwrap());
        let whole = format!("a\n{first}b\n{second}c\n");
        assert_eq!(jobs(whole.as_bytes()), [job(), other]);
        let rest = without_block(whole.as_bytes(), name).unwrap();
        assert_eq!(
            String::from_utf8(rest).unwrap(),
            format!("a\nb\n{second}c\n")
        );
        let cut = whole.replace("# anechoic schedule end quick\n", "");
        let refused = without_block(cut.as_bytes(), name);
        assert_eq!(refused, Err(CronError::NoEnd(name.clone())));
    }
}
