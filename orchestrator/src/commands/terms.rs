//! The terms of a plan in words: what lies between attempts, what becomes of some, and what differs from the default
//! for workers and their isolation.

use anechoic_suite::{
    Case, Isolation, Metric, Plan, Retries, WhenRestless, WorkerCommand, cpu_ranges,
};

use super::list::columns;
use crate::reporter::duration;

/// What lies between two attempts: `5.0 s cooldown, then until settled (at most 2 min 00 s)`.
pub(super) fn cooldown(plan: &Plan) -> String {
    let pause = duration(plan.cooldown);
    let Some(settle) = plan.settle else {
        return format!("{pause} cooldown");
    };
    let settled = format!("until settled (at most {})", duration(settle.limit));
    match plan.cooldown.is_zero() {
        true => format!("cooldown {settled}"),
        false => format!("{pause} cooldown, then {settled}"),
    }
}

/// How many attempts each case has: `3 attempts each`, `3 to 10 attempts each, until ci 2% of total-time`.
pub(super) fn attempts(plan: &Plan) -> String {
    let least = plan.attempts;
    let Some(rule) = &plan.until else {
        return format!("{least} attempts each");
    };
    let metric = match &rule.metric {
        Some(metric) => metric.to_string(),
        None => first_metrics(plan),
    };
    let until = rule.half_width_ppm;
    match least == rule.max {
        true => format!("{least} attempts each, judged by {until} of {metric}"),
        false => format!(
            "{least} to {} attempts each, until {until} of {metric}",
            rule.max
        ),
    }
}

/// What the benchmarks of the cases are about first, each once.
fn first_metrics(plan: &Plan) -> String {
    let mut names: Vec<String> = Vec::new();
    for case in &plan.cases {
        let name = Metric::primary(case.work.name()).to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

/// Lines about attempts that go wrong, where the plan has something to say about them.
pub(super) fn policies(plan: &Plan) -> String {
    let restless = match plan.when_restless {
        WhenRestless::Label if plan.settle.is_none() => None,
        WhenRestless::Label => Some("without rest: an attempt counts, and shows what disturbed it"),
        WhenRestless::Discard => Some("without rest: an attempt is made and does not count"),
        WhenRestless::Refuse => Some("without rest: an attempt is not made, or does not count"),
    };
    let lines = restless.map(str::to_owned).into_iter();
    let lines = lines.chain(retries(&plan.retries));
    lines.map(|line| line + "\n").collect()
}

fn retries(retries: &Retries) -> Option<String> {
    let on: Vec<_> = retries.on.iter().map(|ending| ending.as_str()).collect();
    let (count, on) = (retries.count, on.join(", "));
    (count > 0).then(|| format!("retries: up to {count} per case, after {on}"))
}

/// Lines about the workers of the cases, one line where all are alike, and none where nothing differs from the default.
pub(super) fn workers(plan: &Plan) -> String {
    let about = |title: &str, words: fn(&Case) -> String| {
        let rows: Vec<_> = plan
            .cases
            .iter()
            .map(|case| (&case.id, words(case)))
            .collect();
        listed(title, &rows)
    };
    let worker = about("worker", |case| {
        case.worker.as_ref().map(command).unwrap_or_default()
    });
    worker + &about("isolation", isolation)
}

/// What each case's words say; cases that have none are as by default.
fn listed(title: &str, rows: &[(&String, String)]) -> String {
    let first = rows.first().map_or("", |(_, words)| words);
    if rows.iter().all(|(_, words)| words == first) {
        return match first.is_empty() {
            true => String::new(),
            false => format!("\n{title} of every case: {first}\n"),
        };
    }
    let own = rows.iter().filter(|(_, words)| !words.is_empty());
    let row = |(id, words): &(&String, String)| vec![format!("  {id}"), words.clone()];
    let table = columns(&own.map(row).collect::<Vec<_>>());
    format!("\n{title}, where it is not the default:\n{table}")
}

/// A command as one would type it.
pub(super) fn command(command: &WorkerCommand) -> String {
    let words: Vec<_> = command.0.iter().map(|text| word(text)).collect();
    words.join(" ")
}

/// What differs from the default, threads included.
fn isolation(case: &Case) -> String {
    let Isolation {
        pass_environment,
        environment,
        working_directory,
        cpus,
        nice,
        memory_limit_bytes,
        fixed_addresses,
    } = &case.isolation;
    let mut words = Vec::new();
    words.extend(case.threads.map(|threads| format!("threads {threads}")));
    words.extend(
        cpus.as_ref()
            .map(|cpus| format!("cpus {}", cpu_ranges(cpus))),
    );
    words.extend(nice.map(|nice| format!("nice {nice}")));
    words.extend(memory_limit_bytes.map(|bytes| format!("memory limit {}", size(bytes))));
    words.extend(fixed_addresses.then(|| "fixed addresses".to_owned()));
    words.extend(
        working_directory
            .as_ref()
            .map(|path| format!("in {}", word(path))),
    );
    if !pass_environment.is_empty() {
        words.push(format!("passes {}", pass_environment.join(" ")));
    }
    let variables = environment.iter();
    words.extend(variables.map(|(name, value)| format!("{name}={}", word(value))));
    words.join(", ")
}

/// A size in the largest unit that tells it exactly.
fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let exact = units
        .into_iter()
        .find(|(_, bits)| bytes.trailing_zeros() >= *bits);
    match exact {
        Some((unit, bits)) => format!("{} {unit}", bytes >> bits),
        None => format!("{bytes} B"),
    }
}

/// Text as one word for the shell, on one line.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    if text.chars().any(char::is_control) {
        format!("{text:?}")
    } else if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anechoic_protocol::Preset;
    use anechoic_suite::{FoundText, KnownModel, PlanOptions, Suite, Surroundings};

    /// Everything is where it is looked for.
    struct There;

    impl Surroundings for There {
        fn model(&mut self, _: &str) -> Result<KnownModel, String> {
            Ok(Preset::Gpt2.into())
        }

        fn text(&mut self, path: &str) -> Result<FoundText, String> {
            Err(format!("no text `{path}` was expected"))
        }

        fn folder(&mut self, path: &str) -> Result<String, String> {
            Ok(format!("/here/{path}"))
        }

        fn program(&mut self, name: &str, _: Option<&str>) -> Result<String, String> {
            Ok(format!("/bin/{name}"))
        }

        fn cpus(&self) -> Vec<u32> {
            (0..8).collect()
        }
    }

    fn plan(keys: &str, defaults: &str, second: &str) -> Plan {
        let case = |id: &str| format!("[[case]]\nid = \"{id}\"\nmode = \"baseline\"\n");
        let text = format!(
            "schema-version = 1\nname = \"x\"\n{keys}\n[defaults]\nbenchmark = \"capture\"\nmodel = \"gpt2\"\n{defaults}\n\
             {}{}{second}\n",
            case("a"),
            case("longer")
        );
        let suite = Suite::parse("suite.toml", &text).unwrap();
        suite.plan(&PlanOptions::default(), &mut There).unwrap()
    }

    #[test]
    fn what_lies_between_attempts_is_told() {
        let check = |keys: &str, expected: &str, policy: &str| {
            let plan = plan(keys, "", "");
            assert_eq!(cooldown(&plan), expected, "{keys}");
            assert_eq!(policies(&plan), policy, "{keys}");
        };
        let counts = "without rest: an attempt counts, and shows what disturbed it\n";
        check("", "5.0 s cooldown", "");
        check(
            "cooldown = \"until-settled\"",
            "cooldown until settled (at most 5 min 00 s)",
            counts,
        );
        check(
            "settle-limit = \"30s\"",
            "5.0 s cooldown, then until settled (at most 30.0 s)",
            counts,
        );
        check(
            "when-restless = \"discard\"\nretries = 2\nretry-on = [\"contaminated\", \"signal\"]",
            "5.0 s cooldown",
            "without rest: an attempt is made and does not count\n\
             retries: up to 2 per case, after contaminated, signal\n",
        );
        check(
            "when-restless = \"refuse\"",
            "5.0 s cooldown",
            "without rest: an attempt is not made, or does not count\n",
        );
    }

    #[test]
    fn attempts_are_a_number_or_a_range() {
        let check =
            |keys: &str, expected: &str| assert_eq!(attempts(&plan(keys, "", "")), expected);
        check("attempts = 5", "5 attempts each");
        check(
            "attempts = { until = \"ci 2.5%\" }",
            "3 to 10 attempts each, until ci 2.5% of total-time",
        );
        check(
            "attempts = { until = \"ci 2%\", min = 4, max = 4, metric = \"decode-time\" }",
            "4 attempts each, judged by ci 2% of decode-time",
        );
    }

    #[test]
    fn only_what_differs_is_told_and_once_where_all_are_alike() {
        let check = |defaults: &str, second: &str, expected: &str| {
            assert_eq!(workers(&plan("", defaults, second)), expected);
        };
        check("", "", "");
        check(
            "nice = 5\nenvironment = { A = \"\", B = \"it's\" }",
            "",
            "\nisolation of every case: nice 5, A='', B='it'\\''s'\n",
        );
        check(
            "cpus = \"0-3,6\"\nworker = { command = [\"python3\", \"my worker.py\"] }",
            "threads = 2\nmemory-limit = \"1536MiB\"\nfixed-addresses = true\nworking-directory = \"w\"\n\
             pass-environment = [\"HF_TOKEN\", \"MY_*\"]",
            "\nworker of every case: /bin/python3 'my worker.py'\n\
             \nisolation, where it is not the default:\n  \
             capture.a       threads 5, cpus 0-3,6\n  \
             capture.longer  threads 2, cpus 0-3,6, memory limit 1536 MiB, fixed addresses, in /here/w, passes HF_TOKEN MY_*\n",
        );
        check(
            "",
            "worker = { command = [\"sh\", \"a\\nb\"] }",
            "\nworker, where it is not the default:\n  capture.longer  /bin/sh \"a\\nb\"\n",
        );
    }

    #[test]
    fn sizes_are_exact() {
        let check = |bytes, expected: &str| assert_eq!(size(bytes), expected);
        check(8 << 30, "8 GiB");
        check(3 << 40, "3 TiB");
        check(1000, "1000 B");
        check(1 << 10, "1 KiB");
    }
}
