//! What is scheduled, and the line that says so in every file of ours: by it a schedule is known again, and nothing without it is touched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::calendar::Times;

/// The version of [`Job`] that is written.
pub(crate) const VERSION: u32 = 1;

/// How the line begins that holds a job as JSON.
const MARK: &str = "# anechoic-schedule ";

/// The longest name; with `anechoic-nightly-` and an ending it fits a unit's.
const LONGEST: usize = 100;

/// The name of a schedule: safe in names of units and files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Name(String);

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// [`VERSION`] of the writer.
    pub(crate) version: u32,
    pub(crate) name: Name,
    #[serde(flatten)]
    pub(crate) times: Times,
    /// The suite's name, by which its nights are stored.
    pub(crate) suite: String,
    /// Absolute path of the suite.
    pub(crate) suite_file: String,
    /// Absolute path of the results root.
    pub(crate) results: String,
    /// Absolute path of the folder that it starts in.
    pub(crate) folder: String,
    /// The program, by its absolute path, and its arguments.
    pub(crate) command: Vec<String>,
    /// Variables that it gets, beside those of the system.
    pub(crate) environment: Vec<(String, String)>,
    /// Absolute path of a file with further variables.
    pub(crate) environment_file: Option<String>,
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.chars().all(is_safe) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "accepted are letters, digits and `. - _`, at most {LONGEST}, with a letter or a digit first"
        ))
    }
}

impl Name {
    /// Of a suite: what names of units do not take becomes `-`.
    pub(crate) fn of_suite(suite: &str) -> Self {
        let safe = suite.chars().map(|c| if is_safe(c) { c } else { '-' });
        let safe: String = safe.take(LONGEST).collect();
        let name = safe.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        Self(if name.is_empty() { "suite" } else { name }.to_owned())
    }

    /// The name of the job in the journal, and of its units without their ending.
    pub(crate) fn unit(&self) -> String {
        format!("anechoic-nightly-{}", self.0)
    }
}

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_".contains(c)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl Job {
    /// The line that says what this is, without its end.
    pub(super) fn mark(&self) -> String {
        let json =
            serde_json::to_string(self).expect("a job has no maps with other keys than text");
        format!("{MARK}{json}")
    }

    /// The job that a text of ours holds; `None` where it is not ours, or of a newer version.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let json = text.lines().find_map(|line| line.strip_prefix(MARK))?;
        let job: Self = serde_json::from_str(json).ok()?;
        (job.version <= VERSION).then_some(job)
    }

    /// Whether a text is ours, whatever its version.
    pub(crate) fn is_marked(text: &str) -> bool {
        text.lines().any(|line| line.starts_with(MARK))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::schedule) fn job() -> Job {
        Job {
            version: VERSION,
            name: "quick".parse().unwrap(),
            times: Times {
                at: vec!["02:30".parse().unwrap()],
                days: "mon-fri".parse().unwrap(),
                utc: false,
            },
            suite: "quick".to_owned(),
            suite_file: "/srv/bench/suites/quick.toml".to_owned(),
            results: "/srv/bench/results".to_owned(),
            folder: "/srv/bench".to_owned(),
            command: [
                "/usr/local/bin/anechoic",
                "nightly",
                "/srv/bench/suites/quick.toml",
                "--baseline",
                "last-good",
            ]
            .map(str::to_owned)
            .into(),
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            environment_file: None,
        }
    }

    #[test]
    fn a_job_is_found_again_whatever_its_paths_hold() {
        for odd in ["a b", "100%", "$HOME", "\"'`\\", "größe", "a\nb", "# end"] {
            let job = Job {
                folder: format!("/srv/{odd}"),
                ..job()
            };
            let text = format!("# a remark\n{}\n[Unit]\n", job.mark());
            assert_eq!(Job::find(&text), Some(job), "{odd}");
        }
        assert_eq!(Job::find("[Unit]\nDescription=mine\n"), None);
        assert!(!Job::is_marked(" # anechoic-schedule {}"));
        let newer = Job {
            version: VERSION + 1,
            ..job()
        };
        assert_eq!(Job::find(&newer.mark()), None);
        assert!(Job::is_marked(&newer.mark()));
    }

    #[test]
    fn names_are_safe_in_names_of_units() {
        let check = |suite: &str, name: &str| assert_eq!(Name::of_suite(suite).to_string(), name);
        check("quick", "quick");
        check("kv:v0,v1=a+b", "kv-v0-v1-a-b");
        check("_odd", "odd");
        check("==", "suite");
        assert_eq!(Name::of_suite(&"x".repeat(101)).to_string().len(), 100);
        for bad in [
            "",
            "a/b",
            "../a",
            "a b",
            "-a",
            ".a",
            "a@b",
            "a%i",
            "ä",
            &"x".repeat(101),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
