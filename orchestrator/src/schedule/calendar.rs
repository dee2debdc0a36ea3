//! When a schedule starts: times of day and weekdays, as people write them, as systemd and as cron want them. Asks no clock.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// The weekdays in their order, by the names that are accepted.
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time of day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct At {
    hour: i8,
    minute: i8,
}

/// Weekdays, at least one; numbered from Monday, which is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Days(BTreeSet<usize>);

/// When a schedule starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Times {
    /// At these times of day, at least one.
    pub(crate) at: Vec<At>,
    /// On these days.
    pub(crate) days: Days,
    /// Whether the times are UTC and not the machine's own.
    pub(crate) utc: bool,
}

/// A day on which a time of day does not come, or comes twice, because clocks are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockChange {
    pub(crate) at: At,
    pub(crate) date: Date,
    pub(crate) kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// Clocks are put forward over it.
    Absent,
    /// Clocks are put back over it.
    Twice,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |text: &str, lengths: &[usize]| {
            let fits = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| text.parse::<i8>().ok()).flatten()
        };
        let parts = text.split_once(':');
        let parsed = parts.and_then(|(h, m)| Some((digits(h, &[1, 2])?, digits(m, &[2])?)));
        match parsed {
            Some((hour @ 0..=23, minute @ 0..=59)) => Ok(Self { hour, minute }),
            Some(_) | None => {
                Err("accepted are times of day from 00:00 to 23:59, written HH:MM".to_owned())
            }
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl At {
    fn time(self) -> Time {
        jiff::civil::time(self.hour, self.minute, 0, 0)
    }
}

impl TryFrom<String> for At {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.to_string()
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("daily") {
            return Ok(Self((0..7).collect()));
        }
        let ranges = text.split(',').map(range);
        let ranges: Option<Vec<_>> = ranges.collect();
        let ranges = ranges.ok_or_else(|| {
            "accepted are `daily`, and mon, tue, wed, thu, fri, sat and sun, as `mon-fri`, `sat,sun` or `mon,wed-fri`"
                .to_owned()
        })?;
        Ok(Self(ranges.into_iter().flatten().collect()))
    }
}

/// `mon`, or `mon-fri`, which may pass over the end of the week.
fn range(text: &str) -> Option<Vec<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (weekday(first)?, weekday(last)?);
    let length = (last + 7 - first) % 7;
    Some((first..=first + length).map(|day| day % 7).collect())
}

fn weekday(text: &str) -> Option<usize> {
    let mut names = WEEKDAYS.iter();
    names.position(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
}

impl fmt::Display for Days {
    /// As it is read: `daily`, `mon-fri`, `mon,wed-fri`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_all() {
            return f.write_str("daily");
        }
        let name = |day: usize| WEEKDAYS[day].0;
        let ranges = self.ranges().into_iter().map(|(first, last)| match first {
            first if first == last => name(first).to_owned(),
            first if first + 1 == last => format!("{},{}", name(first), name(last)),
            first => format!("{}-{}", name(first), name(last)),
        });
        f.write_str(&ranges.collect::<Vec<_>>().join(","))
    }
}

impl Days {
    fn are_all(&self) -> bool {
        self.0.len() == 7
    }

    fn contains(&self, day: Weekday) -> bool {
        let number = day.to_monday_zero_offset();
        usize::try_from(number).is_ok_and(|number| self.0.contains(&number))
    }

    /// Days that follow each other, within a week.
    fn ranges(&self) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for &day in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                Some(_) | None => ranges.push((day, day)),
            }
        }
        ranges
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.to_string()
    }
}

impl fmt::Display for Times {
    /// For people: `02:30 and 14:00, mon-fri`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: Vec<_> = self.at.iter().map(At::to_string).collect();
        let zone = if self.utc { " UTC" } else { "" };
        write!(f, "{}{zone}, {}", at.join(" and "), self.days)
    }
}

impl Times {
    /// The values of `OnCalendar=`, one per time of day.
    pub(super) fn on_calendar(&self) -> Vec<String> {
        let days = match self.days.are_all() {
            true => String::new(),
            false => {
                let days = self.days.0.iter().map(|&day| capital(WEEKDAYS[day].0));
                format!("{} ", days.collect::<Vec<_>>().join(","))
            }
        };
        let zone = if self.utc { " UTC" } else { "" };
        let value = |at: &At| format!("{days}*-*-* {at}:00{zone}");
        self.at.iter().map(value).collect()
    }

    /// The first five fields of cron's lines, one per time of day.
    pub(super) fn cron_fields(&self) -> Vec<String> {
        let days = match self.days.are_all() {
            true => "*".to_owned(),
            // Cron counts from Sunday.
            false => {
                let days: BTreeSet<_> = self.days.0.iter().map(|day| (day + 1) % 7).collect();
                days.iter()
                    .map(usize::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            }
        };
        let fields = |at: &At| format!("{} {} * * {days}", at.minute, at.hour);
        self.at.iter().map(fields).collect()
    }

    /// The next start after `now`. A time of day that a day leaves out comes on that day as it does for cron: when clocks have been
    /// put forward.
    pub(crate) fn next(&self, now: Timestamp, local: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone(local);
        let today = now.to_zoned(zone.clone()).date();
        let starts = self.days_from(today, 9).flat_map(|date| {
            let zone = zone.clone();
            self.at.iter().filter_map(move |at| {
                let start = date.to_datetime(at.time()).to_zoned(zone.clone()).ok()?;
                Some(start.timestamp())
            })
        });
        starts.filter(|start| *start > now).min()
    }

    /// What changes of clocks do to these times within a year from `today`.
    pub(crate) fn clock_changes(&self, today: Date, local: &TimeZone) -> Vec<ClockChange> {
        let zone = self.zone(local);
        let mut changes = Vec::new();
        for date in self.days_from(today, 366) {
            for &at in &self.at {
                let found = zone.to_ambiguous_timestamp(date.to_datetime(at.time()));
                let kind = match found.offset() {
                    jiff::tz::AmbiguousOffset::Unambiguous { .. } => continue,
                    jiff::tz::AmbiguousOffset::Gap { .. } => ChangeKind::Absent,
                    jiff::tz::AmbiguousOffset::Fold { .. } => ChangeKind::Twice,
                };
                changes.push(ClockChange { at, date, kind });
            }
        }
        changes
    }

    fn zone(&self, local: &TimeZone) -> TimeZone {
        match self.utc {
            true => TimeZone::UTC,
            false => local.clone(),
        }
    }

    /// The days of so many from `first` that are among these.
    fn days_from(&self, first: Date, count: i64) -> impl Iterator<Item = Date> {
        let days = (0..count).filter_map(move |day| first.checked_add(day.days()).ok());
        days.filter(|date| self.days.contains(date.weekday()))
    }
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks of Central Europe, by rule: no database of zones is needed.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn times(at: &[&str], days: &str, utc: bool) -> Times {
        Times {
            at: at.iter().map(|at| at.parse().unwrap()).collect(),
            days: days.parse().unwrap(),
            utc,
        }
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        for (text, expected) in [("02:30", "02:30"), ("2:30", "02:30"), ("23:59", "23:59")] {
            assert_eq!(text.parse::<At>().unwrap().to_string(), expected);
        }
        for bad in [
            "24:00",
            "2:75",
            "noon",
            "",
            "2",
            "2:5",
            "02:30:00",
            "-1:00",
            "+2:30",
            "002:30",
            "02:3a",
            " 2:30",
            "٠٢:٣٠",
        ] {
            let told = bad.parse::<At>().unwrap_err();
            assert!(told.contains("00:00 to 23:59"), "{bad}: {told}");
        }
    }

    #[test]
    fn days_are_read_and_written_as_people_do() {
        let check = |text: &str, shown: &str, systemd: &str, cron: &str| {
            let times = times(&["02:30"], text, false);
            assert_eq!(times.days.to_string(), shown, "{text}");
            assert_eq!(times.days.to_string().parse(), Ok(times.days.clone()));
            assert_eq!(times.on_calendar(), [format!("{systemd}*-*-* 02:30:00")]);
            assert_eq!(times.cron_fields(), [format!("30 2 * * {cron}")]);
        };
        check("daily", "daily", "", "*");
        check("mon-sun", "daily", "", "*");
        check("mon-fri", "mon-fri", "Mon,Tue,Wed,Thu,Fri ", "1,2,3,4,5");
        check("sat,sun", "sat,sun", "Sat,Sun ", "0,6");
        check("Mon,WED-fri", "mon,wed-fri", "Mon,Wed,Thu,Fri ", "1,3,4,5");
        check("sat-mon", "mon,sat,sun", "Mon,Sat,Sun ", "0,1,6");
        check("tue", "tue", "Tue ", "2");
        for bad in [
            "",
            "weekday",
            "mon-",
            "mon,,tue",
            "1-5",
            "mon..fri",
            "daily,mon",
        ] {
            let told = bad.parse::<Days>().unwrap_err();
            assert!(told.contains("`mon-fri`"), "{bad}");
        }
    }

    #[test]
    fn several_times_and_utc_are_written_for_both() {
        let times = times(&["02:30", "14:05"], "sun", true);
        assert_eq!(
            times.on_calendar(),
            ["Sun *-*-* 02:30:00 UTC", "Sun *-*-* 14:05:00 UTC"]
        );
        assert_eq!(times.cron_fields(), ["30 2 * * 0", "5 14 * * 0"]);
        assert_eq!(times.to_string(), "02:30 and 14:05 UTC, sun");
    }

    #[test]
    fn the_next_start_is_the_first_after_now() {
        let check = |times: &Times, now: &str, expected: &str| {
            let next = times.next(now.parse().unwrap(), &berlin()).unwrap();
            assert_eq!(next.to_string(), expected, "{times} after {now}");
        };
        let night = times(&["02:30"], "daily", false);
        check(&night, "2026-12-01T00:00:00Z", "2026-12-01T01:30:00Z");
        check(&night, "2026-12-01T01:30:00Z", "2026-12-02T01:30:00Z");
        check(&night, "2026-06-30T23:59:00Z", "2026-07-01T00:30:00Z");
        // 2026-12-04 is a Friday.
        let week = times(&["22:00", "2:30"], "mon-fri", false);
        check(&week, "2026-12-04T20:00:00Z", "2026-12-04T21:00:00Z");
        check(&week, "2026-12-04T21:00:00Z", "2026-12-07T01:30:00Z");
        let utc = times(&["02:30"], "daily", true);
        check(&utc, "2026-12-01T00:00:00Z", "2026-12-01T02:30:00Z");
        // 02:30 does not come on that day: clocks show 03:30.
        check(&night, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z");
    }

    #[test]
    fn days_without_the_hour_and_with_it_twice_are_found() {
        let from = jiff::civil::date(2026, 11, 30);
        let changes = |times: &Times| {
            let found = times.clock_changes(from, &berlin());
            let shown = found
                .iter()
                .map(|c| format!("{} {} {:?}", c.at, c.date, c.kind));
            shown.collect::<Vec<_>>()
        };
        let both = ["02:30 2027-03-28 Absent", "02:30 2027-10-31 Twice"];
        assert_eq!(changes(&times(&["02:30"], "daily", false)), both);
        assert_eq!(changes(&times(&["02:30", "14:00"], "sun", false)), both);
        let none: [&str; 0] = [];
        assert_eq!(changes(&times(&["02:30"], "mon-sat", false)), none);
        assert_eq!(changes(&times(&["02:30"], "daily", true)), none);
        assert_eq!(changes(&times(&["03:00"], "daily", false)), none);
        let utc = times(&["02:30"], "daily", false).clock_changes(from, &TimeZone::UTC);
        assert_eq!(utc, []);
    }
}
