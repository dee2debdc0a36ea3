//! Tables for people.

use anechoic_record::{NightOutcome, RunState};
use anechoic_report::{
    History, Links, history_html, history_json, history_markdown, history_terminal, runs_markdown,
    runs_terminal,
};
use serde_json::json;

use crate::history;
use crate::made::{cell, night, program, run};

#[test]
fn one_row_per_series() {
    let (runs, nights) = crate::made::forty();
    insta::assert_snapshot!(history_terminal(&history(&runs[..30], &nights[..31])), @r#"
    History of quick
    ════════════════
    newest night, 2026-01-31 02:29: accepted
    ┌──────┬────────────┬─────────────────────────┬──────────┬──────────┬──────────────────────────────────────────┬───────┬──────────────────────┬──────────┐
    │ case ┆     metric ┆                  newest ┆   change ┆     runs ┆                                last step ┆ creep ┆               course ┆  verdict │
    ╞══════╪════════════╪═════════════════════════╪══════════╪══════════╪══════════════════════════════════════════╪═══════╪══════════════════════╪══════════╡
    │ a    ┆ total-time ┆ 105.1 ms [104.0, 106.2] ┆ +5.239 % ┆ 20 of 30 ┆ 2026-01-26 02:30: +5.00 % [+4.75, +5.25] ┆     – ┆ ▁▁▁▁▁▁▁▁▁▁▁▁▁▁██████ ┆ accepted │
    │ b    ┆ total-time ┆  2.001 s [1.981, 2.022] ┆ -0.178 % ┆ 20 of 30 ┆                                        – ┆     – ┆ █▆▁█▁▆▁▄▁▆▂█▃▁▆▄▅█▁▅ ┆ unjudged │
    └──────┴────────────┴─────────────────────────┴──────────┴──────────┴──────────────────────────────────────────┴───────┴──────────────────────┴──────────┘

    Changes of the machine, across which nothing is compared
      2026-01-11 02:30: kernel was Linux 6.1 and is Linux 6.2
    "#);
}

#[test]
fn one_row_per_run() {
    let (runs, nights) = crate::made::forty();
    let mut history = history(&runs[..17], &nights[..18]);
    history.series.truncate(1);
    insta::assert_snapshot!(runs_terminal(&history, 9), @r#"
    a: total-time
      machine 2026-01-11 02:30: kernel was Linux 6.1 and is Linux 6.2

    ┌────────────────────────────┬──────────────────┬────────────────────────┬────────────────┬──────────────┬────────────────────────┐
    │ run                        ┆             time ┆                  value ┆ against before ┆      verdict ┆ what changed           │
    ╞════════════════════════════╪══════════════════╪════════════════════════╪════════════════╪══════════════╪════════════════════════╡
    │ quick_2026-01-10T02-30-00Z ┆ 2026-01-10 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.380 % ┆         same ┆                        │
    │ quick_2026-01-11T02-30-00Z ┆ 2026-01-11 02:30 ┆  99.8 ms [98.8, 100.9] ┆              – ┆         same ┆ machine: kernel        │
    │ quick_2026-01-12T02-30-00Z ┆ 2026-01-12 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.350 % ┆         same ┆                        │
    │ quick_2026-01-13T02-30-00Z ┆ 2026-01-13 02:30 ┆ 100.0 ms [98.9, 101.0] ┆       -0.193 % ┆         same ┆                        │
    │ quick_2026-01-14T02-30-00Z ┆ 2026-01-14 02:30 ┆ 100.2 ms [99.2, 101.3] ┆       +0.254 % ┆         same ┆                        │
    │ quick_2026-01-15T02-30-00Z ┆ 2026-01-15 02:30 ┆ 100.1 ms [99.1, 101.2] ┆       -0.125 % ┆         same ┆                        │
    │ –                          ┆ 2026-01-16 02:29 ┆                      – ┆              – ┆ not-measured ┆ the machine was <busy> │
    │ quick_2026-01-17T02-30-00Z ┆ 2026-01-17 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.072 % ┆         same ┆                        │
    │ quick_2026-01-18T02-30-00Z ┆ 2026-01-18 02:30 ┆  99.8 ms [98.8, 100.9] ┆       -0.372 % ┆         same ┆                        │
    └────────────────────────────┴──────────────────┴────────────────────────┴────────────────┴──────────────┴────────────────────────┘
    9 earlier runs not shown: --last N shows the newest N runs
    "#);
    let newest = runs_terminal(&history, 1);
    let left_out = "\n16 earlier runs and 1 night without a value not shown: --last N";
    assert!(newest.contains(left_out), "{newest}");
}

#[test]
fn markdown_holds_no_markup_of_others() {
    let runs = [run(0, vec![cell("a|<b>*", 1.0)])];
    let history = history(&runs, &[]);
    for text in [history_markdown(&history), runs_markdown(&history, 5)] {
        assert!(text.contains("a&#124;&lt;b&gt;\\*"), "{text}");
        assert!(!text.contains("<b>"), "{text}");
    }
}

/// Four runs: of the second the worker was built anew, the third was interrupted, and of the fourth a program came and all was disturbed.
fn of_programs() -> History {
    let mut runs: Vec<_> = (0..4)
        .map(|day| run(day, vec![cell("a", 0.1), cell("b", 2.0)]))
        .collect();
    for (day, run) in runs.iter_mut().enumerate() {
        let worker = "/srv/projects/anechoic/target/release/anechoic-worker";
        run.fingerprint.programs = vec![program(worker, if day == 0 { 1 } else { 2 })];
    }
    runs[2].state = RunState::Interrupted;
    runs[3].cells[0].disturbed = 1;
    runs[3]
        .fingerprint
        .programs
        .push(program("/srv/probe.py", 3));
    runs[3].fingerprint.anechoic = "0.2.0".to_owned();
    history(&runs, &[])
}

#[test]
fn what_changed_is_short_and_remarks_are_explained() {
    let mut history = of_programs();
    history.series.truncate(1);
    let text = runs_terminal(&history, 9);
    insta::assert_snapshot!(text, @"
    a: total-time
    ┌────────────────────────────┬──────────────────┬──────────────────────────────────────┬────────────────┬──────────┬──────────────────────────────────────────┐
    │ run                        ┆             time ┆                                value ┆ against before ┆  verdict ┆ what changed                             │
    ╞════════════════════════════╪══════════════════╪══════════════════════════════════════╪════════════════╪══════════╪══════════════════════════════════════════╡
    │ quick_2026-01-01T02-30-00Z ┆ 2026-01-01 02:30 ┆               100.0 ms [99.0, 101.0] ┆              – ┆ unjudged ┆                                          │
    │ quick_2026-01-02T02-30-00Z ┆ 2026-01-02 02:30 ┆               100.0 ms [99.0, 101.0] ┆       +0.000 % ┆ unjudged ┆ program anechoic-worker changed          │
    │ quick_2026-01-03T02-30-00Z ┆ 2026-01-03 02:30 ┆ 100.0 ms [99.0, 101.0] (interrupted) ┆       +0.000 % ┆ unjudged ┆                                          │
    │ quick_2026-01-04T02-30-00Z ┆ 2026-01-04 02:30 ┆   100.0 ms [99.0, 101.0] (disturbed) ┆       +0.000 % ┆ unjudged ┆ program probe.py new; anechoic was 0.1.0 │
    │                            ┆                  ┆                                      ┆                ┆          ┆ and is 0.2.0                             │
    └────────────────────────────┴──────────────────┴──────────────────────────────────────┴────────────────┴──────────┴──────────────────────────────────────────┘

      disturbed: something else was at work on the machine during some of the attempts
      interrupted: the run was ended before all of its attempts were made
    ");
    assert!(
        text.lines().all(|line| line.chars().count() <= 160),
        "{text}"
    );
    let markdown = runs_markdown(&history, 9);
    assert!(
        markdown.contains("program probe.py new; anechoic was 0.1.0 and is 0.2.0"),
        "{markdown}"
    );
    assert!(markdown.contains("\n- interrupted: "), "{markdown}");
    // Of the newest values the overview says so, too.
    let overview = history_terminal(&history);
    assert!(overview.contains("] (disturbed) ┆"), "{overview}");
    assert!(
        overview.contains("  disturbed: ") && !overview.contains("interrupted"),
        "{overview}"
    );
    // A run is no night, and what is not shown needs no word.
    let newest = runs_terminal(&history, 1);
    assert!(
        newest.contains("\n3 earlier runs not shown: --last N"),
        "{newest}"
    );
    assert!(!newest.contains("interrupted"));
}

/// Nights without a value have rows, too: what is before them is shown no more.
#[test]
fn remarks_are_explained_where_they_are_shown() {
    let mut first = run(0, vec![cell("a", 0.1)]);
    first.state = RunState::Interrupted;
    let runs = [first, run(1, vec![cell("a", 0.1)])];
    let reasons = vec!["busy".to_owned()];
    let unmeasured = NightOutcome::NotMeasured { reasons };
    let history = history(&runs, &[night(2, unmeasured, None)]);
    let check = |most: usize, words: usize| {
        let text = runs_terminal(&history, most);
        assert!(text.contains("not-measured"), "{text}");
        let found = ["(interrupted)", "interrupted: "].map(|word| text.matches(word).count());
        assert_eq!(found, [words; 2], "{text}");
    };
    check(3, 1);
    check(2, 0);
}

#[test]
fn paths_and_sizes_are_in_json_and_on_the_page() {
    let history = of_programs();
    let json: serde_json::Value = serde_json::from_str(&history_json(&history)).unwrap();
    let points = &json["series"][0]["points"];
    let changes = &points[1]["program_changes"][0];
    assert_eq!(changes["what"], "worker");
    assert!(
        changes["now"]
            .as_str()
            .unwrap()
            .contains("/release/anechoic-worker (2 bytes of ")
    );
    assert_eq!(
        (&points[1]["state"], &points[2]["state"]),
        (&json!("complete"), &json!("interrupted"))
    );
    let page = history_html(&history, &Links::default());
    for part in [
        ">program anechoic-worker changed</td>",
        "(2 bytes of 1970-01-01T00:00:00Z)",
        ">interrupted</strong>",
        "interrupted: the run was ended before all of its attempts were made.",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
}
