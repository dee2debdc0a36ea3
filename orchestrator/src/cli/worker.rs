//! `anechoic worker …`.

use std::path::PathBuf;
use std::time::Duration;

use anechoic_protocol::{CUSTOM_NAME, Parameter, is_custom_name};
use clap::{Args, Subcommand};

use super::wait::Wait;
use crate::conformance::Rule;
use crate::reporter::Format;

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(subcommand)]
    pub(crate) action: WorkerAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerAction {
    /// Attack a worker and say which rules of the protocol it keeps.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The worker's program and its arguments, behind `--`.
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
    /// How long the worker may take for its hello, and for a job.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = timeout)]
    pub(crate) timeout: Duration,
    /// A parameter of the jobs of benchmark `custom`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, Parameter)>,
    /// A job in place of the small one of its benchmark, such as an attempt's `job.json`; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Vec<PathBuf>,
    /// Only this rule, and what has to be tried for it; may be given several times.
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub(crate) only: Vec<Rule>,
    /// Wait while another `anechoic` measures on the CPU, for at most DURATION if one is given.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "forever")]
    pub(crate) wait: Option<Wait>,
    /// A table, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

fn rule(text: &str) -> Result<Rule, String> {
    let mut rules = Rule::all().into_iter();
    rules.find(|rule| rule.name() == text).ok_or_else(|| {
        let names: Vec<_> = Rule::all().into_iter().map(Rule::name).collect();
        format!("the rules are {}", names.join(", "))
    })
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it has to be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// A number or a boolean where the value reads as one, else text.
fn parameter(text: &str) -> Result<(String, Parameter), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("write it as KEY=VALUE, for example size=64".to_owned());
    };
    if !is_custom_name(name) {
        return Err(format!("a name has {CUSTOM_NAME}"));
    }
    let parsed = serde_json::from_str(value);
    let value = parsed.unwrap_or_else(|_| Parameter::Text(value.to_owned()));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anechoic_protocol::Phase;

    #[test]
    fn parameters_read_as_numbers_and_booleans_where_they_are() {
        let check = |text: &str, expected: Parameter| {
            assert_eq!(parameter(text), Ok(("a".to_owned(), expected)), "{text}");
        };
        check("a=64", Parameter::Whole(64));
        check("a=true", Parameter::Flag(true));
        check("a=matmul", Parameter::Text("matmul".to_owned()));
        check("a=\"7\"", Parameter::Text("7".to_owned()));
        check("a=", Parameter::Text(String::new()));
        assert!(parameter("a").is_err() && parameter("a.b=1").is_err());
        assert_eq!(rule("stop-in-load"), Ok(Rule::Stop(Phase::Load)));
        assert!(rule("stop").unwrap_err().contains("stop-in-load"));
        assert!(timeout("0s").is_err() && timeout("1s").is_ok());
    }
}
