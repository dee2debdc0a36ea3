//! What somebody should know about a schedule that is right: clocks that change, what only happens while the user is logged in, variables
//! that were not written down.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anechoic_suite::{ATTEMPT_MARK, Isolation, ORCHESTRATOR_MARK, Plan};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Place;
use super::place::{lingers, local_zone, systemd_runs, user_name};
use crate::cli::AddArgs;
use crate::schedule::{ChangeKind, ClockChange, Job};
use crate::settings::find_worker;

/// Variables of a session, which a job has none or others of.
const OF_SESSIONS: [&str; 8] = [
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    ATTEMPT_MARK,
    ORCHESTRATOR_MARK,
];

/// Variables by which people are reached: the way out of the network, and who vouches for receivers. The first four also count in
/// small letters.
const OF_TELLING: [&str; 6] = [
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// Parts of names whose values nobody else is to read.
const SECRETS: [&str; 7] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "API_KEY",
    "WEBHOOK",
];

/// The variables of a job.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Written into it, in the order of their names.
    pub(super) kept: Vec<(String, String)>,
    /// Set now and wanted by the suite's workers or by ourselves, and not written.
    pub(super) left_out: BTreeSet<String>,
}

/// Of the variables that are set now, those that a night needs.
pub(super) fn environment(
    place: Place,
    runs_as_other: bool,
    plan: &Plan,
    nightly: &[String],
) -> Environment {
    let usual = Isolation::default();
    let secret = value_of(nightly, "--notify-secret-env");
    let mut environment = Environment::default();
    for (name, value) in env::vars_os() {
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else {
            continue;
        };
        let is_usual = usual.passes(&name) || name == "LIBTORCH" || is_of_telling(&name);
        let is_signing = secret == Some(name.as_str());
        let is_asked_for =
            is_signing || plan.cases.iter().any(|case| case.isolation.asks_for(&name));
        // Cron and systemd set it themselves, but for root's own jobs of the machine.
        let is_home = name == "HOME" && (place != Place::System || runs_as_other);
        if is_home || OF_SESSIONS.contains(&name.as_str()) || !(is_usual || is_asked_for) {
            continue;
        }
        match is_usual && !is_signing && !is_secret(&name, &value) {
            true => environment.kept.push((name, value)),
            false => drop(environment.left_out.insert(name)),
        }
    }
    environment.kept.sort();
    environment
}

fn is_of_telling(name: &str) -> bool {
    let is_proxy = |known: &str| known.ends_with("_PROXY") && known.to_ascii_lowercase() == name;
    let mut known = OF_TELLING.into_iter();
    known.any(|known| known == name || is_proxy(known))
}

/// By its name; of a proxy also by a password in its URL.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_named_so = SECRETS.iter().any(|part| name.contains(part));
    is_named_so || (name.ends_with("_PROXY") && value.contains('@'))
}

/// The value of an option among arguments.
fn value_of<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let mut arguments = arguments.iter();
    let argument = arguments.find(|argument| {
        let rest = argument.strip_prefix(option);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })?;
    match argument.split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.next().map(String::as_str),
    }
}

/// What to do about variables that were not written, but for those in the file that the job reads.
pub(super) fn left_out(names: &BTreeSet<String>, file: &[(String, String)]) -> Option<String> {
    let is_there = |name: &&String| file.iter().any(|(known, _)| known == *name);
    let names = names.iter().filter(|name| !is_there(name));
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "set now and not written, as others could read it: {}; put it into a file and name that with --env-file",
            names.join(", ")
        )
    })
}

/// What should be known about the job.
pub(super) fn of(job: &Job, place: Place, args: &AddArgs) -> Vec<String> {
    let (zone, zone_name) = local_zone();
    let mut notes = clocks(job, place, &zone, &zone_name);
    notes.extend(lingering(place));
    if args.print.is_some() && place != Place::Cron && !systemd_runs() {
        notes.push("systemd does not run here: `--print --cron` shows lines for cron".to_owned());
    }
    if let Err(error) = find_worker(None)
        && !job.command.iter().any(|word| word.starts_with("--worker"))
    {
        notes.push(format!(
            "{error}: cases without a worker of their own cannot be measured"
        ));
    }
    if Path::new(&job.command[0])
        .components()
        .any(|part| part.as_os_str() == "target")
    {
        notes.push(format!(
            "`{}` is replaced by the next build; a nightly job is better off with a copy elsewhere",
            job.command[0]
        ));
    }
    if value_of(&args.nightly, "--notify-webhook").is_some_and(|url| !url.starts_with('@')) {
        notes.push(
            "the URL of --notify-webhook can be read by everybody here: put it into a file, and pass `--notify-webhook @FILE`"
                .to_owned(),
        );
    }
    if let Some(file) = &job.environment_file
        && fs::metadata(file).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
    {
        notes.push(format!(
            "`{file}` can be read by others: `chmod 600 {file}`"
        ));
    }
    notes
}

/// What changes of clocks do to the job within a year.
fn clocks(job: &Job, place: Place, zone: &TimeZone, zone_name: &str) -> Vec<String> {
    let today = Zoned::now().with_time_zone(zone.clone()).date();
    let changes = job.times.clock_changes(today, zone);
    let note = |change: &ClockChange| clock_note(*change, place, zone_name);
    changes.iter().map(note).collect()
}

fn clock_note(change: ClockChange, place: Place, zone: &str) -> String {
    let what = match (change.kind, place) {
        (ChangeKind::Absent, Place::Cron) => "does not come: cron starts the job after the change",
        (ChangeKind::Absent, Place::User | Place::System) => {
            "does not come: systemd leaves the night out"
        }
        (ChangeKind::Twice, _) => "comes twice: the job starts at the first",
    };
    let remedy = match place {
        Place::Cron => "another hour avoids that",
        Place::User | Place::System => "another hour avoids that, as does --utc",
    };
    format!(
        "clocks change in {zone} on {}, and {} {what}; {remedy}",
        change.date, change.at
    )
}

/// Why a user's units may not run.
pub(super) fn lingering(place: Place) -> Option<String> {
    let user = user_name().unwrap_or_else(|| "USER".to_owned());
    (place == Place::User && !lingers()).then(|| {
        format!(
            "units of a user run only while {user} is logged in: `loginctl enable-linger {user}` has them run always"
        )
    })
}

/// A moment for people, in the zone, to the minute.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::variables;

    #[test]
    fn names_of_secrets_are_known() {
        for secret in [
            "HF_TOKEN",
            "ANECHOIC_WEBHOOK_URL",
            "aws_secret_access_key",
            "OMP_PASSWORD",
        ] {
            assert!(is_secret(secret, ""), "{secret}");
        }
        assert!(is_secret("https_proxy", "http://me:hush@proxy:3128"));
        for open in [
            "PATH",
            "ANECHOIC_WORKER",
            "CUDA_VISIBLE_DEVICES",
            "LD_LIBRARY_PATH",
            "HTTPS_PROXY",
        ] {
            assert!(!is_secret(open, "http://proxy:3128"), "{open}");
        }
    }

    #[test]
    fn the_way_out_of_the_network_is_known() {
        for name in ["HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE"] {
            assert!(is_of_telling(name), "{name}");
        }
        for name in ["MY_PROXY", "Https_Proxy", "ssl_cert_file", "PATH"] {
            assert!(!is_of_telling(name), "{name}");
        }
    }

    #[test]
    fn nights_that_clocks_take_or_double_are_told() {
        let check = |kind, place, expected: &str| {
            let at = "02:30".parse().unwrap();
            let date = jiff::civil::date(2027, 3, 28);
            let told = clock_note(ClockChange { at, date, kind }, place, "Europe/Berlin");
            let start = "clocks change in Europe/Berlin on 2027-03-28, and 02:30 ";
            assert_eq!(told, format!("{start}{expected}"));
        };
        check(
            ChangeKind::Absent,
            Place::System,
            "does not come: systemd leaves the night out; another hour avoids that, as does --utc",
        );
        check(
            ChangeKind::Absent,
            Place::Cron,
            "does not come: cron starts the job after the change; another hour avoids that",
        );
        check(
            ChangeKind::Twice,
            Place::User,
            "comes twice: the job starts at the first; another hour avoids that, as does --utc",
        );
    }

    #[test]
    fn variables_that_are_left_out_are_named() {
        let names = ["B", "A"].map(str::to_owned).into();
        let told = left_out(&names, &[]).unwrap();
        assert!(
            told.contains("`A`, `B`") && told.contains("--env-file"),
            "{told}"
        );
        let told = left_out(&names, &variables("# A=1\nB=2\nAB=3\n")).unwrap();
        assert!(told.contains(": `A`;"), "{told}");
        assert_eq!(left_out(&names, &variables(" A=1\nB=\n")), None);
        assert_eq!(left_out(&BTreeSet::new(), &[]), None);
    }

    #[test]
    fn values_of_options_are_found_in_both_forms() {
        let check = |words: &[&str], expected: Option<&str>| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(value_of(&words, "--a"), expected, "{words:?}");
        };
        check(&["--b", "--a", "x"], Some("x"));
        check(&["--a=x=y"], Some("x=y"));
        check(&["--ab", "x", "--a"], None);
        check(&[], None);
    }
}
