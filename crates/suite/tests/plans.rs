//! What a suite becomes: defaults, their overriding, matrices, filters, options.

mod support;

use std::cell::RefCell;
use std::time::Duration;

use anechoic_protocol::{Benchmark, CaptureWork, Dtype, Preset, Strategy};
use anechoic_suite::{
    Case, Cooldown, Ending, FoundText, Isolation, KnownModel, Order, Plan, PlanOptions,
    RequiredDevice, Requirements, Retries, Settle, Suite, SuiteError, WhenRestless,
};
use proptest::prelude::*;
use support::Here;

fn preset(name: &str) -> Result<KnownModel, String> {
    name.parse::<Preset>()
        .map(KnownModel::from)
        .map_err(|error| error.to_string())
}

fn no_text(name: &str) -> Result<FoundText, String> {
    Err(format!("no text `{name}` was expected"))
}

fn plan_with(text: &str, options: &PlanOptions) -> Plan {
    let planned = Suite::parse("suite.toml", text)
        .and_then(|suite| suite.plan(options, &mut Here(preset, no_text)));
    planned.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn plan(text: &str) -> Plan {
    plan_with(text, &PlanOptions::default())
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.cases.iter().map(|case| case.id.as_str()).collect()
}

fn capture(case: &Case) -> &CaptureWork {
    let Benchmark::Capture(work) = &case.work else {
        unreachable!("it is a capture")
    };
    work
}

fn set(pairs: &[(&str, &str)]) -> PlanOptions {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    PlanOptions {
        set: pairs.iter().map(owned).collect(),
        ..PlanOptions::default()
    }
}

const MODES: &str = r#"
schema-version = 1
name = "modes"
attempts = 2
seed = 1
threads = 2
[defaults]
benchmark = "capture"
model = "gpt2"
seed = 2
timeout = "1m"
[[case]]
id = "baseline"
mode = "baseline"
[[case]]
id = "capture.all"
mode = "all-layers"
seed = 3
batch-size = 1
[[case]]
id = "layers-{layers}"
mode = "custom"
matrix = { layers = ["0,5", [1, 2], 3, "every:6"] }
"#;

#[test]
fn defaults_are_the_nominal_workload() {
    let text = r#"
schema-version = 1
name = "least"
[[case]]
id = "a"
benchmark = "capture"
mode = "baseline"
"#;
    let found = serde_json::to_value(plan(text)).unwrap();
    let expected = serde_json::json!({
        "name": "least", "question": null, "cooldown": 5000, "settle": null, "when_restless": "label",
        "retries": { "count": 0, "on": ["signal", "timeout", "spawn-failed", "contaminated"] },
        "order": "interleaved", "attempts": 1,
        "cases": [{
            "id": "capture.a", "seed": 0, "threads": null, "timeout": 1_200_000,
            "isolation": {
                "pass_environment": [], "environment": {}, "working_directory": null, "cpus": null,
                "nice": null, "memory_limit_bytes": null, "fixed_addresses": false
            },
            "worker": null,
            "work": {
                "benchmark": "capture",
                "model": { "source": "preset", "name": "qwen2.5-3b" },
                "dtype": "bf16",
                "workload": {
                    "batch_size": 32, "prefill_tokens": 512, "decode_tokens": 128, "prefill_chunk": 512,
                    "warmup_iterations": 1, "iterations": 3
                },
                "mode": "baseline", "layers": [], "strategy": "arena", "probe": "full",
                "attribution": "off", "fetch_dtype": "bf16", "fetch_breakdown": false
            }
        }],
        "slots": [{ "case": 0, "attempt": 1 }]
    });
    assert_eq!(found, expected);
}

#[test]
fn every_setting_reaches_the_plan() {
    let text = r#"
schema-version = 1
name = "most"
question = "Does every setting arrive?"
cooldown = "250ms"
attempts = 2
order = "random:9"
[[case]]
id = "a"
benchmark = "capture"
model = "qwen2-tiny"
dtype = "f16"
batch-size = 3
prefill-tokens = 40
decode-tokens = 5
prefill-chunk = 7
warmup-iterations = 0
iterations = 4
mode = "custom"
layers = "0,2-3"
strategy = "buffered:6"
probe = "copy"
attribution = "paired"
fetch-dtype = "f32"
fetch-breakdown = true
seed = 11
threads = 2
timeout = "1m 30s"
"#;
    let found = serde_json::to_value(plan(text)).unwrap();
    let mut expected = serde_json::json!({
        "name": "most", "question": "Does every setting arrive?",
        "cooldown": 250, "settle": null, "when_restless": "label",
        "retries": { "count": 0, "on": ["signal", "timeout", "spawn-failed", "contaminated"] },
        "order": "random:9", "attempts": 2,
        "cases": [{
            "id": "capture.a", "seed": 11, "threads": 2, "timeout": 90_000,
            "isolation": {
                "pass_environment": [], "environment": {}, "working_directory": null, "cpus": null,
                "nice": null, "memory_limit_bytes": null, "fixed_addresses": false
            },
            "worker": null,
            "work": {
                "benchmark": "capture",
                "model": { "source": "preset", "name": "qwen2-tiny" },
                "dtype": "f16",
                "workload": {
                    "batch_size": 3, "prefill_tokens": 40, "decode_tokens": 5, "prefill_chunk": 7,
                    "warmup_iterations": 0, "iterations": 4
                },
                "mode": "custom", "layers": [0, 2, 3], "strategy": "buffered:6", "probe": "copy",
                "attribution": "paired", "fetch_dtype": "f32", "fetch_breakdown": true
            }
        }]
    });
    expected["slots"] =
        serde_json::json!([{ "case": 0, "attempt": 1 }, { "case": 0, "attempt": 2 }]);
    assert_eq!(found, expected);
}

#[test]
fn nearer_settings_win() {
    let plan = plan(MODES);
    let seeds: Vec<_> = plan.cases.iter().map(|case| case.seed).collect();
    assert_eq!(
        seeds,
        [2, 3, 2, 2, 2, 2],
        "case over [defaults] over the top"
    );
    assert!(
        plan.cases.iter().all(|case| case.threads == Some(2)),
        "the top reaches every case"
    );
    let batches: Vec<_> = plan
        .cases
        .iter()
        .map(|case| capture(case).workload.batch_size)
        .collect();
    assert_eq!(batches, [32, 1, 32, 32, 32, 32]);
    assert_eq!(plan.slots.len(), 12);
}

#[test]
fn a_matrix_sets_its_values_and_names_them() {
    let plan = plan(MODES);
    let expected = [
        "capture.baseline",
        "capture.all",
        "capture.layers-0,5",
        "capture.layers-1,2",
        "capture.layers-3",
        "capture.layers-every:6",
    ];
    assert_eq!(ids(&plan), expected);
    let layers: Vec<_> = plan.cases[2..]
        .iter()
        .map(|case| capture(case).layers.clone())
        .collect();
    assert_eq!(layers, [vec![0, 5], vec![1, 2], vec![3], vec![0, 6]]);
}

#[test]
fn the_last_matrix_key_changes_fastest() {
    let text = MODES.replace(
        "matrix = { layers = [\"0,5\", [1, 2], 3, \"every:6\"] }",
        "layers = 0\nmatrix.strategy = [\"concat\", \"buffered:4\"]\nmatrix.model = [\"gpt2\", \"gpt2-xl\"]",
    );
    let text = text.replace("layers-{layers}", "{model}.{strategy}.{model}");
    let plan = plan(&text);
    let expected = [
        "capture.gpt2.concat.gpt2",
        "capture.gpt2-xl.concat.gpt2-xl",
        "capture.gpt2.buffered:4.gpt2",
        "capture.gpt2-xl.buffered:4.gpt2-xl",
    ];
    assert_eq!(ids(&plan)[2..], expected);
    assert_eq!(capture(&plan.cases[4]).strategy, Strategy::Buffered(4));
}

#[test]
fn filters_choose_by_id() {
    let check = |only: &[&str], skip: &[&str], expected: &[&str]| {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        let options = PlanOptions {
            only: owned(only),
            skip: owned(skip),
            ..PlanOptions::default()
        };
        let plan = plan_with(MODES, &options);
        assert_eq!(ids(&plan), expected, "{only:?} {skip:?}");
        assert_eq!(plan.slots.len(), 2 * expected.len());
    };
    check(&["capture.all"], &[], &["capture.all"]);
    check(
        &["*all", "*base*"],
        &[],
        &["capture.baseline", "capture.all"],
    );
    check(&[], &["*layers-*", "*all"], &["capture.baseline"]);
    check(
        &["*layers-*"],
        &["*[4-9]"],
        &["capture.layers-1,2", "capture.layers-3"],
    );
    check(
        &["*layers-*"],
        &["*{5,:6}"],
        &["capture.layers-1,2", "capture.layers-3"],
    );
}

#[test]
fn nothing_to_run_is_no_mistake_in_the_suite() {
    let suite = Suite::parse("suite.toml", MODES).unwrap();
    let options = PlanOptions {
        skip: vec!["*".to_owned()],
        ..PlanOptions::default()
    };
    let expected = SuiteError::NothingToRun {
        suite: "modes".to_owned(),
        cases: 6,
        benchmarks: Vec::new(),
    };
    assert_eq!(
        suite.plan(&options, &mut Here(preset, no_text)),
        Err(expected)
    );
}

#[test]
fn options_win_over_the_suite() {
    let options = PlanOptions {
        attempts: Some(3),
        order: Some(Order::Listed),
        cooldown: Some(Cooldown::Pause(Duration::ZERO)),
        timeout: Some(Duration::from_millis(5)),
        ..set(&[
            ("attempts", "7"),
            ("dtype", "f32"),
            ("model", "qwen2-tiny"),
            ("prefill-tokens", "1"),
            ("prefill-tokens", "64"),
            ("model", "\"gpt2-medium\""),
            ("timeout", "1h"),
        ])
    };
    let plan = plan_with(MODES, &options);
    assert_eq!(
        (plan.attempts, plan.order, plan.cooldown),
        (3, Order::Listed, Duration::ZERO)
    );
    for case in &plan.cases {
        let work = capture(case);
        assert_eq!(case.timeout, Duration::from_millis(5));
        assert_eq!((work.dtype, work.fetch_dtype), (Dtype::F32, Dtype::F32));
        assert_eq!(work.model, KnownModel::from(Preset::Gpt2Medium).source);
        assert_eq!(
            (work.workload.prefill_tokens, work.workload.prefill_chunk),
            (64, 64)
        );
    }
    assert_eq!(capture(&plan.cases[1]).layers.len(), 24);
}

#[test]
fn pace_settings_are_settable() {
    let pace = set(&[
        ("cooldown", "2s"),
        ("attempts", "4"),
        ("order", "random:5"),
        ("timeout", "9s"),
    ]);
    let plan = plan_with(MODES, &pace);
    assert_eq!((plan.attempts, plan.order), (4, Order::Random(5)));
    assert_eq!(
        (plan.cooldown, plan.cases[0].timeout),
        (Duration::from_secs(2), Duration::from_secs(9))
    );
    let expected = Order::Random(5).slots(6, 4);
    assert_eq!(plan.slots, expected);
}

/// What `attempts` of a suite and the options come to: the fewest, and the rule as half-width and most.
fn attempts(written: &str, options: &PlanOptions) -> (u32, Option<(String, u32)>) {
    let text = MODES.replace("attempts = 2", written);
    let plan = plan_with(&text, options);
    assert_eq!(plan.slots.len(), 6 * plan.attempts as usize);
    let rule = plan.until;
    (
        plan.attempts,
        rule.map(|rule| (rule.half_width_ppm.to_string(), rule.max)),
    )
}

#[test]
fn attempts_are_a_number_or_a_stop_rule() {
    let options = |attempts, until: Option<&str>, max_attempts| PlanOptions {
        attempts,
        until: until.map(|text| text.parse().unwrap()),
        max_attempts,
        ..PlanOptions::default()
    };
    let rule = |min, text: &str, max| (min, Some((text.to_owned(), max)));
    let none = options(None, None, None);
    let suite = r#"attempts = { until = "ci 2.5%", min = 4, max = 8 }"#;
    let short = r#"attempts = { until = "ci 2%" }"#;
    assert_eq!(attempts("attempts = 5", &none), (5, None));
    assert_eq!(attempts(short, &none), rule(3, "ci 2%", 10));
    assert_eq!(attempts(suite, &none), rule(4, "ci 2.5%", 8));
    // An option over the suite's; what it does not say stays.
    let one = options(None, Some("ci 1%"), None);
    assert_eq!(attempts(suite, &one), rule(4, "ci 1%", 8));
    assert_eq!(attempts("attempts = 5", &one), rule(3, "ci 1%", 10));
    assert_eq!(
        attempts(suite, &options(None, None, Some(6))),
        rule(4, "ci 2.5%", 6)
    );
    // A number alone takes the place of a rule; beside options of a rule it is the fewest of it.
    assert_eq!(attempts(suite, &options(Some(6), None, None)), (6, None));
    assert_eq!(
        attempts("attempts = 5", &options(Some(6), Some("ci 1%"), Some(7))),
        rule(6, "ci 1%", 7)
    );
    assert_eq!(
        attempts(suite, &options(Some(2), None, Some(2))),
        rule(2, "ci 2.5%", 2)
    );
    let given = set(&[("attempts", r#"{ until = "ci 3%", max = 5 }"#)]);
    assert_eq!(attempts("attempts = 5", &given), rule(3, "ci 3%", 5));
    assert_eq!(attempts(suite, &set(&[("attempts", "7")])), (7, None));
}

#[test]
fn a_plan_with_a_stop_rule_is_read_back_and_one_without_says_nothing_of_it() {
    let text = MODES.replace(
        "attempts = 2",
        r#"attempts = { until = "ci 0.5%", metric = "decode-time" }"#,
    );
    let ruled = plan(&text);
    let json = serde_json::to_value(&ruled).unwrap();
    let expected =
        serde_json::json!({ "half_width_ppm": 5000, "max": 10, "metric": "decode-time" });
    assert_eq!(json["until"], expected);
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), ruled);
    let without = serde_json::to_value(plan(MODES)).unwrap();
    assert_eq!(without.get("until"), None);
    assert_eq!(serde_json::from_value::<Plan>(without).unwrap().until, None);
}

/// What a suite's `cooldown` and `settle-limit` and the options come to: pause and limit in seconds.
fn rest(written: &str, options: &PlanOptions) -> (u64, Option<u64>) {
    let text = MODES.replace("attempts = 2", written);
    let plan = plan_with(&text, options);
    let limit = plan.settle.map(|settle| settle.limit.as_secs());
    (plan.cooldown.as_secs(), limit)
}

#[test]
fn the_nearest_cooldown_decides_how_the_machine_comes_to_rest() {
    let check = |written: &str, expected| {
        assert_eq!(
            rest(written, &PlanOptions::default()),
            expected,
            "{written}"
        );
    };
    let default = Settle::default().limit.as_secs();
    check("", (5, None));
    check("cooldown = \"7s\"", (7, None));
    check("cooldown = \"until-settled\"", (0, Some(default)));
    check("settle-limit = \"1m\"", (5, Some(60)));
    check("cooldown = \"7s\"\nsettle-limit = \"1m\"", (7, Some(60)));
    check(
        "cooldown = \"until-settled\"\nsettle-limit = \"30days\"",
        (0, Some(2_592_000)),
    );

    let check = |cooldown: Option<Cooldown>, limit: Option<u64>, set: &PlanOptions, expected| {
        let options = PlanOptions {
            cooldown,
            settle_limit: limit.map(Duration::from_secs),
            ..set.clone()
        };
        let found = rest(
            "cooldown = \"until-settled\"\nsettle-limit = \"1m\"",
            &options,
        );
        assert_eq!(found, expected, "{options:?}");
    };
    let none = PlanOptions::default();
    let pause = Some(Cooldown::Pause(Duration::from_secs(2)));
    check(None, Some(9), &none, (0, Some(9)));
    check(pause, None, &none, (2, None));
    check(pause, Some(9), &none, (2, Some(9)));
    check(Some(Cooldown::UntilSettled), None, &none, (0, Some(60)));
    check(None, None, &set(&[("cooldown", "3s")]), (3, None));
    check(None, None, &set(&[("settle-limit", "8s")]), (0, Some(8)));
    check(
        pause,
        None,
        &set(&[("cooldown", "3s"), ("settle-limit", "8s")]),
        (2, Some(8)),
    );
}

#[test]
fn retries_and_the_policy_reach_the_plan() {
    let rested = |written: &str, options: &PlanOptions| {
        let plan = plan_with(&MODES.replace("attempts = 2", written), options);
        (plan.when_restless, plan.retries)
    };
    let none = PlanOptions::default();
    assert_eq!(rested("", &none), (WhenRestless::Label, Retries::default()));
    let written = "retries = 3\nretry-on = [\"leaked\", \"timeout\"]\nwhen-restless = \"refuse\"";
    let retries = |count| Retries {
        count,
        on: vec![Ending::Leaked, Ending::Timeout],
    };
    assert_eq!(rested(written, &none), (WhenRestless::Refuse, retries(3)));
    let options = PlanOptions {
        retries: Some(0),
        when_restless: Some(WhenRestless::Discard),
        ..set(&[("retries", "5"), ("when-restless", "label")])
    };
    assert_eq!(
        rested(written, &options),
        (WhenRestless::Discard, retries(0))
    );
    let set = set(&[("retry-on", "[signal]"), ("retries", "1")]);
    let signal = Retries {
        count: 1,
        on: vec![Ending::Signal],
    };
    assert_eq!(rested(written, &set), (WhenRestless::Refuse, signal));
    let counts = Retries::default();
    let only_count = rested("retries = 2", &none).1;
    assert_eq!((only_count.count, only_count.on), (2, counts.on));
}

#[test]
fn only_models_of_remaining_cases_are_looked_up_once_each() {
    let text = MODES.replace(
        "mode = \"all-layers\"",
        "mode = \"all-layers\"\nmodel = \"gpt2-xl\"",
    );
    let asked = |options: &PlanOptions| {
        let names = RefCell::new(Vec::new());
        let look_up = |name: &str| {
            names.borrow_mut().push(name.to_owned());
            preset(name)
        };
        Suite::parse("suite.toml", &text)
            .unwrap()
            .plan(options, &mut Here(look_up, no_text))
            .unwrap();
        names.into_inner()
    };
    assert_eq!(asked(&PlanOptions::default()), ["gpt2", "gpt2-xl"]);
    let options = PlanOptions {
        skip: vec!["*all".to_owned()],
        ..PlanOptions::default()
    };
    assert_eq!(asked(&options), ["gpt2"]);
    assert_eq!(asked(&set(&[("model", "gpt2-large")])), ["gpt2-large"]);
}

#[test]
fn a_plan_survives_its_record() {
    let plan = plan(MODES);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn the_last_values_that_fit_are_accepted() {
    let fits = |pairs: &[(&str, &str)]| plan_with(MODES, &set(pairs)).cases.len() == 6;
    assert!(
        fits(&[("prefill-tokens", "993"), ("decode-tokens", "32")]),
        "gpt2 takes 1024 positions, and the last token takes none"
    );
    assert!(fits(&[("prefill-chunk", "512")]));
    assert!(fits(&[
        ("attempts", "1000"),
        ("cooldown", "0s"),
        ("timeout", "1ms")
    ]));
    assert!(fits(&[
        ("cooldown", "30days"),
        ("warmup-iterations", "0"),
        ("seed", "9223372036854775807")
    ]));
    let whole = MODES.replace("[\"0,5\", [1, 2], 3, \"every:6\"]", "[11, \"0-11\"]");
    assert_eq!(plan(&whole).cases.len(), 4);
    let long = MODES.replace(
        "\"baseline\"\nmode",
        &format!("\"{}\"\nmode", "a".repeat(92)),
    );
    assert_eq!(plan(&long).cases[0].id.len(), 100);
}

#[test]
fn every_preset_takes_its_whole_window_and_no_more() {
    for name in Preset::ALL {
        let window = name.config().window();
        let prompt = (window - 31).to_string();
        let options = |decode| PlanOptions {
            only: vec!["*baseline".to_owned()],
            ..set(&[
                ("model", name.as_str()),
                ("prefill-tokens", &prompt),
                ("decode-tokens", decode),
            ])
        };
        let full = plan_with(MODES, &options("32"));
        assert_eq!(capture(&full.cases[0]).workload.positions(), window);
        let suite = Suite::parse("suite.toml", MODES).unwrap();
        let beyond = suite
            .plan(&options("33"), &mut Here(preset, no_text))
            .unwrap_err()
            .to_string();
        let positions = format!("take {} positions", window + 1);
        assert!(beyond.contains(&positions), "{beyond}");
    }
}

#[test]
fn a_matrix_key_with_one_value_may_be_left_out_of_the_id() {
    let text = MODES.replace("layers-{layers}", "one");
    let plan = plan(&text.replace("[\"0,5\", [1, 2], 3, \"every:6\"]", "[7]"));
    assert_eq!(plan.cases[2].id, "capture.one");
    assert_eq!(capture(&plan.cases[2]).layers, [7]);
}

#[test]
fn line_ends_and_byte_order_marks_do_not_matter() {
    let text = format!("\u{feff}{}", MODES.replace('\n', "\r\n"));
    assert_eq!(plan(&text), plan(MODES));
    let error = Suite::parse("suite.toml", &text.replace("seed = 3", "seeds = 3")).unwrap_err();
    let expected =
        "suite.toml:18:1: unknown key `seeds` in a case; did you mean `seed`?\n   18 | seeds = 3\n";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn suites_tell_what_lists_show() {
    let suite = Suite::parse("suite.toml", MODES).unwrap();
    assert_eq!(
        (suite.name(), suite.question(), suite.text()),
        ("modes", None, MODES)
    );
    assert_eq!(suite.case_ids().count(), 6);
}

const ISOLATED: &str = r#"
schema-version = 1
name = "isolated"
[defaults]
benchmark = "capture"
mode = "baseline"
model = "gpt2"
pass-environment = ["HF_TOKEN"]
environment = { A = "1", B = "2" }
working-directory = "workers"
worker = { command = ["./mine.sh", "--fast", "a file.txt"] }
[[case]]
id = "all"
pass-environment = ["MY_*", "_X1"]
environment = { B = "3", C = "" }
cpus = "6,0-2"
nice = 19
memory-limit = "8GiB"
fixed-addresses = true
[[case]]
id = "least"
worker = { command = ["python3"] }
threads = 8
"#;

#[test]
fn isolation_settings_reach_the_plan_and_variables_add_up() {
    let plan = plan(ISOLATED);
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let variables = |pairs: &[(&str, &str)]| {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    };
    let all = Isolation {
        pass_environment: strings(&["MY_*", "_X1"]),
        environment: variables(&[("A", "1"), ("B", "3"), ("C", "")]),
        working_directory: Some("/here/workers".to_owned()),
        cpus: Some(vec![0, 1, 2, 6]),
        nice: Some(19),
        memory_limit_bytes: Some(8 << 30),
        fixed_addresses: true,
    };
    let least = Isolation {
        pass_environment: strings(&["HF_TOKEN"]),
        environment: variables(&[("A", "1"), ("B", "2")]),
        working_directory: Some("/here/workers".to_owned()),
        ..Isolation::default()
    };
    assert_eq!(plan.cases[0].isolation, all);
    assert_eq!(plan.cases[1].isolation, least);
    let command = |case: &Case| case.worker.clone().unwrap().0;
    let script = strings(&["/here/workers/./mine.sh", "--fast", "a file.txt"]);
    assert_eq!(command(&plan.cases[0]), script);
    assert_eq!(command(&plan.cases[1]), strings(&["/bin/python3"]));
    let threads: Vec<_> = plan.cases.iter().map(|case| case.threads).collect();
    assert_eq!(threads, [Some(4), Some(8)], "one per CPU that is named");
}

#[test]
fn the_option_for_threads_wins_over_everything_that_sets_them() {
    let threads = |text: &str| {
        let options = PlanOptions {
            threads: Some(3),
            ..set(&[("threads", "4")])
        };
        let plan = plan_with(text, &options);
        plan.cases.iter().map(|c| c.threads).collect::<Vec<_>>()
    };
    assert_eq!(threads(ISOLATED), [Some(3), Some(3)]);
    let matrix = "id = \"t{threads}\"\nmatrix = { threads = [1, 2] }";
    let text = MODES.replace("id = \"baseline\"", matrix);
    assert_eq!(
        threads(&text)[0],
        Some(3),
        "in place of the matrix's values"
    );
}

#[test]
fn isolation_settings_come_from_matrices_and_options_too() {
    let isolation = |pair: (&str, &str)| {
        let plan = plan_with(ISOLATED, &set(&[("threads", "1"), pair]));
        plan.cases[0].isolation.clone()
    };
    assert_eq!(isolation(("cpus", "4-5")).cpus, Some(vec![4, 5]));
    assert_eq!(isolation(("cpus", "[1, 0]")).cpus, Some(vec![0, 1]));
    assert_eq!(isolation(("cpus", "7")).cpus, Some(vec![7]));
    let passed = isolation(("pass-environment", "[A, B*]")).pass_environment;
    assert_eq!(passed, ["A", "B*"]);
    let variables = isolation(("environment", "{ C = \"4\" }")).environment;
    assert_eq!(variables.values().collect::<Vec<_>>(), ["1", "3", "4"]);
    let folder = isolation(("working-directory", "7")).working_directory;
    assert_eq!(folder.as_deref(), Some("/here/7"));

    let text = ISOLATED.replace("id = \"least\"", "id = \"{cpus}.{nice}\"\nmatrix = { cpus = [\"0-7\", [0, 1, 2, 3, 4, 5, 6, 7]], nice = [0, 5] }");
    let plan = plan(&text);
    let found: Vec<_> = plan.cases[1..].iter().map(|c| c.isolation.nice).collect();
    assert_eq!(found, [Some(0), Some(5), Some(0), Some(5)]);
    assert_eq!(plan.cases[4].id, "capture.0,1,2,3,4,5,6,7.5");
}

#[test]
fn requirements_are_read_and_change_no_plan() {
    let table = r#"
[requires]
memory = "8GiB"
disk = 1_000_000
device = "cuda"
cpus = 4
quiet = true
"#;
    let parse = |text: &str| Suite::parse("suite.toml", text).unwrap();
    let found = parse(&format!("{MODES}{table}"));
    let expected = Requirements {
        memory_bytes: Some(8 << 30),
        disk_bytes: Some(1_000_000),
        device: Some(RequiredDevice::Cuda),
        cpus: Some(4),
        quiet: true,
    };
    assert_eq!(found.requirements(), &expected);
    assert_eq!(
        parse(MODES).requirements(),
        &Requirements::default(),
        "nothing is required by default"
    );
    assert_eq!(plan(found.text()), plan(MODES));
}

#[test]
fn one_case_needs_no_file() {
    let settings = [
        ("benchmark", "capture"),
        ("mode", "custom"),
        ("layers", "0,5,10"),
        ("model", "gpt2"),
        ("batch-size", "007"),
        ("fetch-breakdown", "true"),
    ];
    let suite = Suite::one_case("capture-once", "custom", &settings).unwrap();
    let expected = r#"schema-version = 1
name = "capture-once"

[[case]]
id = "custom"
benchmark = "capture"
mode = "custom"
layers = "0,5,10"
model = "gpt2"
batch-size = 7
fetch-breakdown = true
"#;
    assert_eq!(suite.text(), expected);
    let found = suite
        .plan(&PlanOptions::default(), &mut Here(preset, no_text))
        .unwrap();
    assert_eq!(
        found,
        plan(suite.text()),
        "the text is a suite like any other"
    );
    assert_eq!(ids(&found), ["capture.custom"]);
    assert_eq!(capture(&found.cases[0]).layers, [0, 5, 10]);
}

#[test]
fn one_case_text_is_read_back_as_it_was_typed() {
    let models = [
        "7",
        "true",
        "a\"b",
        "C:\\models",
        "two words",
        "'quoted'",
        "line\nbreak",
        "ünï",
    ];
    for model in models {
        let settings = [
            ("benchmark", "capture"),
            ("mode", "baseline"),
            ("model", model),
            ("layers.x", "1"),
        ];
        let mut asked = String::new();
        let suite = Suite::one_case("once", "a", &settings[..3]).unwrap();
        let look_up = |name: &str| {
            name.clone_into(&mut asked);
            preset("gpt2")
        };
        let planned = suite.plan(&PlanOptions::default(), &mut Here(look_up, no_text));
        assert!(planned.is_ok());
        assert_eq!(asked, model);
        let error = Suite::one_case("once", "a", &settings).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("--layers.x 1: unknown key `layers.x` in a case"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn matrix_sizes_multiply(sizes in prop::collection::vec(1_usize..5, 0..4)) {
        let keys = ["seed", "batch-size", "threads", "iterations"];
        let used = &keys[..sizes.len()];
        let list = |(key, size): (&&str, &usize)| format!("{key} = {:?}", (1..=*size).collect::<Vec<_>>());
        let lists: Vec<_> = used.iter().zip(&sizes).map(list).collect();
        let places: String = used.iter().map(|key| format!("-{{{key}}}")).collect();
        let text = format!(
            "schema-version = 1\nname = \"m\"\n[[case]]\nid = \"a{places}\"\nbenchmark = \"capture\"\n\
             mode = \"baseline\"\nmatrix = {{ {} }}\n", lists.join(", ")
        );
        let plan = plan(&text);
        prop_assert_eq!(plan.cases.len(), sizes.iter().product::<usize>());
        for case in &plan.cases {
            let numbers: Vec<u32> = case.id.split('-').skip(1).map(|n| n.parse().unwrap()).collect();
            let workload = capture(case).workload;
            let given = [case.seed as u32, workload.batch_size, case.threads.unwrap_or(0), workload.iterations];
            prop_assert_eq!(&given[..numbers.len()], &numbers[..]);
        }
    }

    /// Whatever is typed, an answer comes: a suite, or a message that names the file.
    #[test]
    fn no_text_breaks_the_reader(at in 0_usize..MODES.len(), cut in 0_usize..12, put in "[\\PC\n\t\r\"={}\\[\\]]{0,6}") {
        let end = (at + cut).min(MODES.len());
        let text = format!("{}{put}{}", &MODES[..at], &MODES[end..]);
        for suite in [Suite::parse("suite.toml", &text), Suite::parse("suite.toml", &put)] {
            match suite.and_then(|suite| suite.plan(&PlanOptions::default(), &mut Here(preset, no_text))) {
                Ok(plan) => prop_assert!(!plan.slots.is_empty()),
                Err(error) => prop_assert!(error.to_string().starts_with("suite.toml:"), "{error}"),
            }
        }
    }
}
