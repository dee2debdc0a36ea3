//! Tables for people.

use anechoic_report::{history_markdown, history_terminal, runs_markdown, runs_terminal};

use crate::history;
use crate::made::{cell, run};

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
    ┌────────────────────────────┬──────────────────┬────────────────────────┬────────────────┬──────────────┬────────────────────────────────────────────────┐
    │ run                        ┆             time ┆                  value ┆ against before ┆      verdict ┆                                   what changed │
    ╞════════════════════════════╪══════════════════╪════════════════════════╪════════════════╪══════════════╪════════════════════════════════════════════════╡
    │ quick_2026-01-10T02-30-00Z ┆ 2026-01-10 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.380 % ┆         same ┆                                                │
    │ quick_2026-01-11T02-30-00Z ┆ 2026-01-11 02:30 ┆  99.8 ms [98.8, 100.9] ┆              – ┆         same ┆ machine: kernel was Linux 6.1 and is Linux 6.2 │
    │ quick_2026-01-12T02-30-00Z ┆ 2026-01-12 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.350 % ┆         same ┆                                                │
    │ quick_2026-01-13T02-30-00Z ┆ 2026-01-13 02:30 ┆ 100.0 ms [98.9, 101.0] ┆       -0.193 % ┆         same ┆                                                │
    │ quick_2026-01-14T02-30-00Z ┆ 2026-01-14 02:30 ┆ 100.2 ms [99.2, 101.3] ┆       +0.254 % ┆         same ┆                                                │
    │ quick_2026-01-15T02-30-00Z ┆ 2026-01-15 02:30 ┆ 100.1 ms [99.1, 101.2] ┆       -0.125 % ┆         same ┆                                                │
    │ –                          ┆ 2026-01-16 02:29 ┆                      – ┆              – ┆ not-measured ┆                         the machine was <busy> │
    │ quick_2026-01-17T02-30-00Z ┆ 2026-01-17 02:30 ┆ 100.2 ms [99.1, 101.2] ┆       +0.072 % ┆         same ┆                                                │
    │ quick_2026-01-18T02-30-00Z ┆ 2026-01-18 02:30 ┆  99.8 ms [98.8, 100.9] ┆       -0.372 % ┆         same ┆                                                │
    └────────────────────────────┴──────────────────┴────────────────────────┴────────────────┴──────────────┴────────────────────────────────────────────────┘
    9 earlier rows not shown: --last N shows the newest N runs
    "#);
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
