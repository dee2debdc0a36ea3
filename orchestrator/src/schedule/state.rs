//! What systemd says of a timer and its service, in words of this program.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;

use crate::exit_code::ExitCode;

/// What is asked of a timer.
pub(crate) const TIMER_FACTS: &str =
    "ActiveState,UnitFileState,NextElapseUSecRealtime,LastTriggerUSec";
/// What is asked of a service.
pub(crate) const SERVICE_FACTS: &str =
    "ActiveState,Result,ExecMainCode,ExecMainStatus,ExecMainStartTimestamp,ExecMainExitTimestamp";

/// How a scheduled job stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// Whether the timer is on: it runs, and does so again when the machine is started again.
    pub(crate) is_on: bool,
    /// When it starts next, as far as that is known.
    pub(crate) next: Option<Timestamp>,
    /// Since when the job runs, where it does.
    pub(crate) runs_since: Option<Timestamp>,
    /// How it ended last, where that is known.
    pub(crate) last: Option<LastEnd>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastEnd {
    pub(crate) at: Timestamp,
    /// Where it ended by itself.
    pub(crate) code: Option<i32>,
    /// In words.
    pub(crate) text: String,
}

/// The value of a fact in what `systemctl show` says.
fn fact<'a>(shown: &'a str, name: &str) -> Option<&'a str> {
    let lines = shown.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values
        .next()
        .filter(|value| !value.is_empty() && *value != "n/a")
}

/// A time as `systemctl` shows it where `TZ` is UTC: `Tue 2026-12-01 02:30:00 UTC`.
fn time(shown: &str, name: &str) -> Option<Timestamp> {
    let text = fact(shown, name)?.strip_suffix(" UTC")?;
    let parsed = BrokenDownTime::parse("%a %Y-%m-%d %H:%M:%S", text).ok()?;
    let zoned = parsed.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    Some(zoned.ok()?.timestamp())
}

impl State {
    /// Of what `systemctl show` says of the timer ([`TIMER_FACTS`]) and of the service ([`SERVICE_FACTS`]).
    pub(crate) fn read(timer: &str, service: &str) -> Self {
        let is_active = fact(timer, "ActiveState") == Some("active");
        let is_enabled = fact(timer, "UnitFileState") == Some("enabled");
        let started = time(service, "ExecMainStartTimestamp");
        let runs = matches!(
            fact(service, "ActiveState"),
            Some("activating" | "active" | "deactivating")
        );
        Self {
            is_on: is_active && is_enabled,
            next: time(timer, "NextElapseUSecRealtime"),
            runs_since: started.filter(|_| runs),
            last: LastEnd::read(service).filter(|_| !runs),
        }
    }
}

impl LastEnd {
    fn read(service: &str) -> Option<Self> {
        let at = time(service, "ExecMainExitTimestamp")?;
        let status: i32 = fact(service, "ExecMainStatus")?.parse().ok()?;
        // As in `siginfo_t`: 1 ended by itself, all else by a signal.
        let by_itself = fact(service, "ExecMainCode") == Some("1");
        let how = match by_itself {
            true => code_words(status),
            false => format!("ended by signal {status}"),
        };
        let text = match fact(service, "Result") {
            Some("timeout") => format!("ended after its time limit: {how}"),
            Some("oom-kill") => format!("out of memory: {how}"),
            Some(_) | None => how,
        };
        Some(Self {
            at,
            code: by_itself.then_some(status),
            text,
        })
    }
}

/// What an exit code means after a night.
fn code_words(code: i32) -> String {
    let known = ExitCode::ALL
        .into_iter()
        .find(|known| i32::from(known.number()) == code);
    match known {
        Some(ExitCode::Nothing) => "nothing measured (exit code 12)".to_owned(),
        Some(known) => format!("{} (exit code {code})", known.meaning()),
        None => format!("exit code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMER: &str = "NextElapseUSecRealtime=Tue 2026-12-01 02:30:00 UTC\n\
                         LastTriggerUSec=Mon 2026-11-30 02:30:00 UTC\nActiveState=active\nUnitFileState=enabled\n";

    fn service(active: &str, result: &str, code: u32, status: i32) -> String {
        format!(
            "Result={result}\nExecMainStartTimestamp=Mon 2026-11-30 02:30:00 UTC\n\
             ExecMainExitTimestamp=Mon 2026-11-30 02:41:07 UTC\nExecMainCode={code}\nExecMainStatus={status}\nActiveState={active}\n"
        )
    }

    #[test]
    fn ends_are_told_in_words() {
        let check = |service: String, code: Option<i32>, text: &str| {
            let state = State::read(TIMER, &service);
            assert!(state.is_on && state.runs_since.is_none());
            assert_eq!(state.next, Some("2026-12-01T02:30:00Z".parse().unwrap()));
            let last = state.last.unwrap();
            assert_eq!(last.at.to_string(), "2026-11-30T02:41:07Z");
            assert_eq!((last.code, last.text.as_str()), (code, text));
        };
        check(
            service("inactive", "success", 1, 0),
            Some(0),
            "done (exit code 0)",
        );
        check(
            service("failed", "exit-code", 1, 11),
            Some(11),
            "regression found (exit code 11)",
        );
        check(
            service("inactive", "success", 1, 12),
            Some(12),
            "nothing measured (exit code 12)",
        );
        check(
            service("failed", "exit-code", 1, 203),
            Some(203),
            "exit code 203",
        );
        check(service("failed", "signal", 2, 9), None, "ended by signal 9");
        check(
            service("failed", "timeout", 1, 130),
            Some(130),
            "ended after its time limit: interrupted, partial results kept (exit code 130)",
        );
    }

    #[test]
    fn a_job_that_runs_or_never_ran_has_no_end() {
        let running = State::read(TIMER, &service("activating", "success", 1, 0));
        assert_eq!(running.last, None);
        assert_eq!(
            running.runs_since,
            Some("2026-11-30T02:30:00Z".parse().unwrap())
        );
        let never = State::read(
            "NextElapseUSecRealtime=\nActiveState=inactive\nUnitFileState=\n",
            "Result=success\nExecMainExitTimestamp=\nExecMainCode=0\nExecMainStatus=0\nActiveState=inactive\n",
        );
        assert_eq!(never, State::default());
        assert_eq!(State::read("", ""), State::default());
    }
}
