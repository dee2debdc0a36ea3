//! The texts of systemd units: a service that measures once, and a timer that starts it.

use std::time::Duration;

use super::job::Job;

/// How the service runs, beside what the job says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceOptions {
    /// Whether it is one of the machine and not of a user.
    pub(crate) system: bool,
    /// The user that a service of the machine runs as; root where there is none.
    pub(crate) run_as: Option<String>,
    /// Niceness, which workers inherit.
    pub(crate) nice: i32,
    /// After so long it is ended; never where there is none.
    pub(crate) limit: Option<Duration>,
    /// The unit that is started when it fails.
    pub(crate) on_failure: Option<String>,
    /// Whether a night without a measurement is a failure.
    pub(crate) unmeasured_fails: bool,
}

/// A text that no unit and no crontab can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{}` {why}", text.escape_debug())]
pub(crate) struct UnfitText {
    pub(crate) what: &'static str,
    pub(crate) text: String,
    pub(crate) why: &'static str,
}

/// The service's text.
pub(crate) fn service(job: &Job, options: &ServiceOptions) -> Result<String, UnfitText> {
    check(job)?;
    check_program(&job.command[0])?;
    let after = match options.system {
        true => "multi-user.target",
        false => "default.target",
    };
    let unit = [
        head(job),
        format!("[Unit]\nDescription=Nightly measurement of the suite {}\n", job.suite),
        "# A night that was missed is made up for when the machine is on again: then not in the middle of its start.\n"
            .to_owned(),
        format!("After={after}\n"),
        options
            .on_failure
            .as_ref()
            .map_or_else(String::new, |unit| format!("OnFailure={unit}\n")),
    ];
    let run_as = options
        .run_as
        .as_ref()
        .map_or_else(String::new, |user| format!("User={user}\n"));
    let limit = match options.limit {
        Some(limit) => format!("{}s", limit.as_secs()),
        None => "infinity".to_owned(),
    };
    let not_measured = match options.unmeasured_fails {
        true => String::new(),
        false => "# 12 is a night on which nothing was measured: the job tells of several in a row by itself.\n\
                  SuccessExitStatus=12\n"
            .to_owned(),
    };
    let service = [
        "\n[Service]\n# While a service of this type runs, the timer does not start it again.\nType=oneshot\n".to_owned(),
        run_as,
        format!("WorkingDirectory={}\n", percent(&job.folder)),
        environment(job),
        format!("ExecStart={}\n", command(&job.command)),
        not_measured,
        format!("TimeoutStartSec={limit}\n"),
        "# SIGTERM goes to anechoic, which stops its worker, records that, and may take two minutes to tell people; what is left then is killed.\n\
         KillMode=mixed\nTimeoutStopSec=180s\n"
            .to_owned(),
        "# Workers get control groups of their own, and one that runs out of memory is a result and not the end.\n\
         Delegate=yes\nOOMPolicy=continue\n"
            .to_owned(),
        format!("# Workers inherit it: another niceness is another measurement.\nNice={}\n", options.nice),
        format!(
            "StandardOutput=journal\nStandardError=journal\nSyslogIdentifier={}\n",
            job.name.unit()
        ),
    ];
    Ok(unit.into_iter().chain(service).collect())
}

/// The timer's text.
pub(crate) fn timer(job: &Job) -> String {
    let calendar = job.times.on_calendar().into_iter();
    let calendar: String = calendar
        .map(|value| format!("OnCalendar={value}\n"))
        .collect();
    format!(
        "{}[Unit]\nDescription=Nightly measurement of the suite {}: {}\n\n[Timer]\n{calendar}\
         # Made up for where the machine was off at the time.\nPersistent=true\nAccuracySec=1s\n\
         Unit={}.service\n\n[Install]\nWantedBy=timers.target\n",
        head(job),
        job.suite,
        job.times,
        job.name.unit(),
    )
}

fn head(job: &Job) -> String {
    format!(
        "# Made by `anechoic schedule add`. `anechoic schedule remove {}` removes it; `add --replace` replaces it.\n{}\n",
        job.name,
        job.mark()
    )
}

fn environment(job: &Job) -> String {
    let lines = job.environment.iter().map(|(name, value)| {
        let pair = quoted(&percent(&format!("{name}={value}")));
        format!("Environment={pair}\n")
    });
    let lines: String = lines.collect();
    let remark = match lines.is_empty() {
        true => "",
        false => {
            "# As it was when this was made; secrets are not here, and belong in an EnvironmentFile=.\n"
        }
    };
    let file = job
        .environment_file
        .as_ref()
        .map_or_else(String::new, |file| {
            format!("EnvironmentFile={}\n", percent(file))
        });
    format!("{remark}{lines}{file}")
}

/// A command line for `ExecStart=`: a `$` is doubled, but in the program's own path, where systemd reads none.
fn command(words: &[String]) -> String {
    let words = words.iter().enumerate().map(|(index, word)| {
        let word = percent(word);
        let word = match index {
            0 => word,
            _ => word.replace('$', "$$"),
        };
        match is_plain(&word) {
            true => word,
            false => quoted(&word),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `%` stands for facts of a unit in almost every value.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,+@%".contains(c);
    !word.is_empty() && word.chars().all(plain)
}

/// Refuses a program that systemd would not start, however its path is quoted.
fn check_program(path: &str) -> Result<(), UnfitText> {
    match path.contains(['"', '\'', '\\']) {
        true => Err(UnfitText {
            what: "the program",
            text: path.to_owned(),
            why: "holds a quote or a backslash, which systemd takes in no program's path",
        }),
        false => Ok(()),
    }
}

/// Refuses what cannot be written whatever it is quoted with.
pub(super) fn check(job: &Job) -> Result<(), UnfitText> {
    let unfit = |what, text: &str, why| {
        Err(UnfitText {
            what,
            text: text.to_owned(),
            why,
        })
    };
    let paths = [
        ("the folder", Some(&job.folder)),
        ("the file", job.environment_file.as_ref()),
    ];
    for (what, path) in paths {
        let Some(path) = path else { continue };
        if path.ends_with([' ', '\\']) {
            return unfit(
                what,
                path,
                "ends with a character that systemd does not read there",
            );
        }
    }
    if let Some(file) = job
        .environment_file
        .as_ref()
        .filter(|file| file.contains(['*', '?', '[']))
    {
        return unfit(
            "the file",
            file,
            "holds `*`, `?` or `[`, which systemd reads as a pattern",
        );
    }
    let values = job
        .environment
        .iter()
        .map(|(_, value)| ("the variable's value", value));
    let words = job.command.iter().map(|word| ("the argument", word));
    let paths = paths
        .into_iter()
        .filter_map(|(what, path)| Some((what, path?)));
    for (what, text) in paths.chain(values).chain(words) {
        if text.contains(char::is_control) {
            return unfit(what, text, "holds a control character");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::job::tests::job;
    use super::*;

    fn options() -> ServiceOptions {
        ServiceOptions {
            system: true,
            run_as: None,
            nice: 0,
            limit: Some(Duration::from_secs(5400)),
            on_failure: None,
            unmeasured_fails: false,
        }
    }

    const MARK: &str = r##"# Made by `anechoic schedule add`. `anechoic schedule remove quick` removes it; `add --replace` replaces it.
# anechoic-schedule {"version":1,"name":"quick","at":["02:30"],"days":"mon-fri","utc":false,"suite":"quick","suite_file":"/srv/bench/suites/quick.toml","results":"/srv/bench/results","folder":"/srv/bench","command":["/usr/local/bin/anechoic","nightly","/srv/bench/suites/quick.toml","--baseline","last-good"],"environment":[["PATH","/usr/bin:/bin"]],"environment_file":null}
"##;

    #[test]
    fn the_service_measures_once_and_ends_with_all_that_it_started() {
        let expected = format!(
            "{MARK}{}",
            "\
[Unit]
Description=Nightly measurement of the suite quick
# A night that was missed is made up for when the machine is on again: then not in the middle of its start.
After=multi-user.target

[Service]
# While a service of this type runs, the timer does not start it again.
Type=oneshot
WorkingDirectory=/srv/bench
# As it was when this was made; secrets are not here, and belong in an EnvironmentFile=.
Environment=\"PATH=/usr/bin:/bin\"
ExecStart=/usr/local/bin/anechoic nightly /srv/bench/suites/quick.toml --baseline last-good
# 12 is a night on which nothing was measured: the job tells of several in a row by itself.
SuccessExitStatus=12
TimeoutStartSec=5400s
# SIGTERM goes to anechoic, which stops its worker, records that, and may take two minutes to tell people; what is left then is killed.
KillMode=mixed
TimeoutStopSec=180s
# Workers get control groups of their own, and one that runs out of memory is a result and not the end.
Delegate=yes
OOMPolicy=continue
# Workers inherit it: another niceness is another measurement.
Nice=0
StandardOutput=journal
StandardError=journal
SyslogIdentifier=anechoic-nightly-quick
"
        );
        assert_eq!(service(&job(), &options()).unwrap(), expected);
    }

    #[test]
    fn the_timer_makes_up_for_missed_nights() {
        let expected = format!(
            "{MARK}{}",
            "\
[Unit]
Description=Nightly measurement of the suite quick: 02:30, mon-fri

[Timer]
OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00
# Made up for where the machine was off at the time.
Persistent=true
AccuracySec=1s
Unit=anechoic-nightly-quick.service

[Install]
WantedBy=timers.target
"
        );
        assert_eq!(timer(&job()), expected);
    }

    #[test]
    fn options_of_the_service_have_lines_of_their_own() {
        let options = ServiceOptions {
            system: false,
            run_as: Some("bench".to_owned()),
            nice: -5,
            limit: None,
            on_failure: Some("tell@%n.service".to_owned()),
            unmeasured_fails: true,
        };
        let text = service(&job(), &options).unwrap();
        for line in [
            "After=default.target",
            "User=bench",
            "Nice=-5",
            "TimeoutStartSec=infinity",
            "OnFailure=tell@%n.service",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        assert!(!text.contains("SuccessExitStatus"), "{text}");
    }

    #[test]
    fn words_are_written_so_that_systemd_reads_the_same() {
        let check = |words: &[&str], expected: &str| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(command(&words), expected);
        };
        check(&["/a", "b"], "/a b");
        check(&["/a b", "c d"], "\"/a b\" \"c d\"");
        check(&["/a$b", "$HOME", "${X}"], "\"/a$b\" \"$$HOME\" \"$${X}\"");
        check(&["/a", "5%", "100%i"], "/a 5%% 100%%i");
        check(
            &["/a", "say \"no\"", "it's", "back\\slash"],
            r#"/a "say \"no\"" "it's" "back\\slash""#,
        );
        check(&["/a", "", ";", "größe"], "/a \"\" \";\" \"größe\"");
    }

    #[test]
    fn variables_and_folders_are_escaped_each_in_its_way() {
        let job = Job {
            folder: "/srv/a b/100%".to_owned(),
            environment: vec![("X".to_owned(), "a \"b\" $c %d \\e".to_owned())],
            environment_file: Some("/etc/a 5%.env".to_owned()),
            ..job()
        };
        let text = service(&job, &options()).unwrap();
        for line in [
            "WorkingDirectory=/srv/a b/100%%",
            r#"Environment="X=a \"b\" $c %%d \\e""#,
            "EnvironmentFile=/etc/a 5%%.env",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
    }

    #[test]
    fn what_no_unit_can_hold_is_refused() {
        let quoted = Job {
            command: vec!["/it's/anechoic".to_owned()],
            ..job()
        };
        let told = service(&quoted, &options()).unwrap_err().to_string();
        assert!(told.contains("`/it\\'s/anechoic` holds a quote"), "{told}");
        let refuse = |job: Job, expected: &str| {
            let told = service(&job, &options()).unwrap_err().to_string();
            assert_eq!(told, expected);
        };
        refuse(
            Job {
                folder: "/a\nExecStart=/bin/sh".to_owned(),
                ..job()
            },
            "the folder `/a\\nExecStart=/bin/sh` holds a control character",
        );
        refuse(
            Job {
                folder: "/a\\".to_owned(),
                ..job()
            },
            "the folder `/a\\\\` ends with a character that systemd does not read there",
        );
        refuse(
            Job {
                environment_file: Some("/a*".to_owned()),
                ..job()
            },
            "the file `/a*` holds `*`, `?` or `[`, which systemd reads as a pattern",
        );
        refuse(
            Job {
                environment: vec![("X".to_owned(), "\u{7}".to_owned())],
                ..job()
            },
            "the variable's value `\\u{7}` holds a control character",
        );
    }
}
