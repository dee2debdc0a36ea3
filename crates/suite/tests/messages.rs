//! Every way in which a suite or an option can be wrong, with the whole message. The files in
//! `messages/` hold blocks between `===` lines: a suite's text, `$` lines with options, a `---` line,
//! and the message to the letter.

mod support;

use anechoic_protocol::{ModelConfig, ModelSource, Preset};
use anechoic_suite::{FoundText, KnownModel, PlanOptions, Suite, SuiteError};
use support::Here;

/// Checks the blocks of a file, of which there are `count`.
#[track_caller]
fn check(file: &str, count: usize) {
    check_with(file, count, |given| {
        let (options, text): (Vec<_>, Vec<_>) = given
            .split_inclusive('\n')
            .partition(|line| line.starts_with("$ "));
        let suite = Suite::parse("suite.toml", &text.concat());
        refused(suite, &read_options(&options))
    });
}

/// Checks that `answer` turns what a block gives into the message below it.
#[track_caller]
fn check_with(file: &str, count: usize, answer: impl Fn(&str) -> String) {
    let blocks: Vec<_> = file.split("===\n").collect();
    assert_eq!(blocks.len(), count);
    for block in blocks {
        let (given, expected) = block.split_once("---\n").expect("a block has a `---` line");
        assert_eq!(answer(given), expected.trim_end_matches('\n'), "{given}");
    }
}

fn refused(suite: Result<Suite, SuiteError>, options: &PlanOptions) -> String {
    let planned = suite.and_then(|suite| suite.plan(options, &mut Here(look_up, find_text)));
    planned.map_or_else(|error| error.to_string(), |_| "no error".to_owned())
}

/// Presets; `folder/N` with and `bare/N` without a tokenizer, of N layers and a window of 128.
fn look_up(name: &str) -> Result<KnownModel, String> {
    let unknown = match name.parse::<Preset>() {
        Ok(preset) => return Ok(KnownModel::from(preset)),
        Err(error) => error.to_string(),
    };
    let folder = name
        .split_once('/')
        .filter(|(kind, _)| ["folder", "bare"].contains(kind));
    let (kind, layers) = folder.ok_or(unknown)?;
    let config = format!(
        r#"{{"model_type":"gpt2","vocab_size":257,"n_positions":128,"n_embd":64,"n_layer":{layers},"n_head":4}}"#
    );
    Ok(KnownModel {
        source: ModelSource::Folder {
            name: name.to_owned(),
            path: format!("/models/{name}"),
        },
        config: ModelConfig::from_json(&config).expect("a configuration"),
        tokenizer: kind == "folder",
    })
}

/// Texts whose names are their sizes.
fn find_text(name: &str) -> Result<FoundText, String> {
    let size = name.strip_suffix(".txt").and_then(|size| size.parse().ok());
    let bytes = size.ok_or_else(|| format!("the text `{name}` does not exist"))?;
    let path = format!("/texts/{name}");
    Ok(FoundText { path, bytes })
}

/// The message about a suite of one case, from lines such as `$ --layers '0,5'`.
fn refused_one_case(given: &str) -> String {
    let typed = given.lines().map(|line| {
        let (key, value) = line["$ --".len()..]
            .split_once(' ')
            .expect("an option has a value");
        (key, value.trim_matches('\''))
    });
    let settings: Vec<_> = [("benchmark", "capture")]
        .into_iter()
        .chain(typed)
        .collect();
    // The command takes the id from the mode.
    let id = settings.iter().find(|(key, _)| *key == "mode");
    let suite = Suite::one_case("capture", id.map_or("a", |(_, mode)| mode), &settings);
    refused(suite, &PlanOptions::default())
}

fn read_options(lines: &[&str]) -> PlanOptions {
    let mut options = PlanOptions::default();
    for line in lines {
        if line.trim_end() == "$ --group-tokens" {
            options.group_tokens = true;
            continue;
        }
        let (name, value) = line["$ --".len()..]
            .trim_end()
            .split_once(' ')
            .expect("an option has a value");
        let seconds = || humantime::parse_duration(value).expect("a duration");
        match name {
            "only" => options.only.push(value.to_owned()),
            "skip" => options.skip.push(value.to_owned()),
            "benchmark" => options.benchmarks.push(value.parse().expect("a benchmark")),
            "attempts" => options.attempts = Some(value.parse().expect("a number")),
            "until" => options.until = Some(value.parse().expect("a stop rule")),
            "max-attempts" => options.max_attempts = Some(value.parse().expect("a number")),
            "cooldown" => options.cooldown = Some(value.parse().expect("a cooldown")),
            "settle-limit" => options.settle_limit = Some(seconds()),
            "threads" => options.threads = Some(value.parse().expect("a number")),
            "retries" => options.retries = Some(value.parse().expect("a number")),
            "timeout" => options.timeout = Some(seconds()),
            "set" => {
                let (key, value) = value.split_once('=').expect("a key and a value");
                options.set.push((key.to_owned(), value.to_owned()));
            }
            other => panic!("no option --{other}"),
        }
    }
    options
}

#[test]
fn texts_that_are_no_suite() {
    check(include_str!("messages/texts.txt"), 13);
}

#[test]
fn keys_that_do_not_exist_or_stand_elsewhere() {
    check(include_str!("messages/keys.txt"), 11);
}

#[test]
fn values_at_the_top() {
    check(include_str!("messages/top-level.txt"), 18);
}

#[test]
fn requirements() {
    check(include_str!("messages/requires.txt"), 10);
}

#[test]
fn rest_and_retries() {
    check(include_str!("messages/rest.txt"), 19);
}

#[test]
fn stop_rules() {
    check(include_str!("messages/until.txt"), 24);
}

#[test]
fn settings_of_the_wrong_kind_or_value() {
    check(include_str!("messages/settings.txt"), 25);
}

#[test]
fn isolation_settings() {
    check(include_str!("messages/isolation.txt"), 48);
}

#[test]
fn settings_that_do_not_fit_together() {
    check(include_str!("messages/combinations.txt"), 9);
}

#[test]
fn ids() {
    check(include_str!("messages/ids.txt"), 5);
}

#[test]
fn matrices() {
    check(include_str!("messages/matrices.txt"), 15);
}

#[test]
fn cases_that_do_not_fit_their_model() {
    check(include_str!("messages/models.txt"), 8);
}

#[test]
fn options() {
    check(include_str!("messages/options.txt"), 21);
}

#[test]
fn kv_settings_of_the_wrong_kind_or_value() {
    check(include_str!("messages/kv-settings.txt"), 18);
}

#[test]
fn kv_keys_that_a_benchmark_does_not_use_or_has_twice() {
    check(include_str!("messages/kv-keys.txt"), 14);
}

#[test]
fn kv_cases_that_do_not_fit_their_model_or_text() {
    check(include_str!("messages/kv-fit.txt"), 14);
}

#[test]
fn kv_options() {
    check(include_str!("messages/kv-options.txt"), 25);
}

#[test]
fn one_case_names_the_options_that_were_typed() {
    check_with(include_str!("messages/one-case.txt"), 16, refused_one_case);
}
