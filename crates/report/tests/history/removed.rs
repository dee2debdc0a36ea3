//! What of runs that are gone, mixed, or made in one night counts.

use anechoic_record::{CellFinding, Night, NightOutcome};
use anechoic_report::{
    History, Links, MetricChoice, RunDigest, Series, history_html, history_json, runs_terminal,
};
use jiff::SignedDuration;
use serde_json::Value;

use crate::history;
use crate::made::{cell, forty, night, noisy, run};

/// Forty nights that have kept what their runs came to in case a.
fn kept() -> (Vec<RunDigest>, Vec<Night>) {
    let (runs, mut nights) = forty();
    for night in &mut nights {
        let of_night = runs.iter().find(|run| Some(&run.run) == night.run.as_ref());
        if let Some(run) = of_night {
            night.cells[0].value = run.cells[0].average.value;
        }
    }
    (runs, nights)
}

fn values(series: &Series) -> Vec<f64> {
    let points = series.points.iter();
    points.map(|point| point.average.value).collect()
}

#[test]
fn a_history_keeps_what_removed_runs_came_to() {
    let (mut runs, nights) = kept();
    let whole = history(&runs, &nights);
    // Behind the change of the kernel, and on both sides of the step.
    let mut number = 0;
    runs.retain(|_| {
        number += 1;
        !(6..23).contains(&number) && !(27..30).contains(&number)
    });
    let pruned = history(&runs, &nights);
    let (before, after) = (&whole.series[0], &pruned.series[0]);
    assert_eq!(values(after), values(before));
    assert_eq!(after.gaps, before.gaps);
    let [first, second] = &after.stretches[..] else {
        panic!("{:?}", after.stretches);
    };
    // Which of them were made on which machine nobody knows any more: they go with the run that follows.
    assert_eq!((first.end, second.first, second.end), (5, 5, 39));
    assert_eq!(second.changes[0].what, "kernel");
    let steps = |series: &Series| series.stretches[1].steps.clone();
    let ([then], [now]) = (&steps(before)[..], &steps(after)[..]) else {
        panic!("{:?}", steps(after));
    };
    assert_eq!(then.at, now.at);
    assert!((then.effect - now.effect).abs() < 1e-3, "{now:?}");
    let gone = |point: usize| pruned.run(&after.points[point]).is_gone();
    assert_eq!(
        (gone(4), gone(5), gone(21), gone(22)),
        (false, true, true, false)
    );
    assert_eq!(after.points[5].average.interval, None);
    // Cells that no night has judged are gone with their runs.
    assert_eq!(pruned.series[1].points.len(), 19);
}

#[test]
fn what_is_gone_is_marked_and_has_no_link() {
    let (mut runs, nights) = kept();
    let removed = runs.remove(3).run;
    let pruned = history(&runs, &nights);
    let json: Value = serde_json::from_str(&history_json(&pruned)).unwrap();
    let point = &json["series"][0]["points"][3];
    assert_eq!(point["run"], removed.as_str());
    assert!(point["state"].is_null() && point["device"].is_null() && point["interval"].is_null());
    assert_eq!(point["verdict"], "same");
    let text = runs_terminal(&pruned, 60);
    assert!(text.contains("(no interval) (run removed)"), "{text}");
    let page = history_html(&pruned, &Links::default());
    assert!(page.contains(&removed) && page.contains("run removed"));
    assert!(!page.contains(&format!("{removed}/report.html")));
    assert!(page.contains(&format!("{}/report.html", runs[3].run)));
}

#[test]
fn nights_alone_are_a_history_and_the_newest_are_chosen() {
    let (runs, nights) = kept();
    let alone = history(&[], &nights);
    assert_eq!(alone.series.len(), 1);
    assert_eq!(alone.series[0].points.len(), 39);
    let names: Vec<String> = (0..nights.len()).map(|i| i.to_string()).collect();
    let nights: Vec<(&str, &Night)> = names.iter().map(String::as_str).zip(&nights).collect();
    let last = |runs: &[RunDigest], last| History::of(runs, &nights, &MetricChoice::Primary, last);
    // The index hands out the newest runs that there are, also where nights behind them have lost theirs.
    let found = last(&runs[27..30], Some(11));
    assert_eq!(found.series[0].points.len(), 11);
    let gone = found.runs.iter().filter(|run| run.is_gone()).count();
    assert_eq!((gone, found.nights.len()), (9, 11));
    // Of a cell that was left out of the suite no run follows.
    let mut without = runs.clone();
    without[38].cells.remove(0);
    assert_eq!(last(&without, None).series[1].points.len(), 38);
    without.remove(38);
    assert_eq!(last(&without, None).series[0].points.len(), 39);
}

/// Runs of one night resemble each other more than those of other nights do.
#[test]
fn runs_of_a_night_count_as_one() {
    let (mut runs, mut nights) = (Vec::new(), Vec::new());
    for day in 0..24 {
        let mut of_night = night(day, NightOutcome::Quiet, Some(CellFinding::Same));
        let level = noisy(day, 1.0);
        for number in 0..5 {
            let mut made = run(
                day,
                vec![cell(
                    "a",
                    noisy(100 * day + number, level * 100.0) / 1e4 + level,
                )],
            );
            if number > 0 {
                made.run += &format!("-{number}");
                made.started += SignedDuration::from_secs(60 * i64::from(number as u32));
                of_night.confirmations.push(made.run.clone());
            }
            runs.push(made);
        }
        nights.push(of_night);
    }
    let steps = |nights: &[Night]| history(&runs, nights).series[0].stretches[0].steps.len();
    assert!(steps(&[]) > 0, "as if each were by itself");
    assert_eq!(steps(&nights), 0);
    let found = history(&runs, &nights);
    let levels = &found.series[0].stretches[0].levels;
    assert_eq!((levels[0].first, levels[0].end), (0, 120));
}

#[test]
fn mixed_runs_are_shown_and_are_on_no_level() {
    let mut runs: Vec<_> = (0..30)
        .map(|day| {
            run(
                day,
                vec![cell("a", noisy(day, if day < 25 { 1.0 } else { 1.3 }))],
            )
        })
        .collect();
    assert_eq!(history(&runs, &[]).series[0].stretches[0].steps.len(), 1);
    runs[25..].iter_mut().for_each(|run| run.is_mixed = true);
    let found = history(&runs, &[]);
    let series = &found.series[0];
    assert_eq!(
        (series.points.len(), series.stretches[0].steps.len()),
        (30, 0)
    );
    assert_eq!(series.stretches[0].levels[0].end, 25);
    let text = runs_terminal(&found, 60);
    assert_eq!(text.matches("(mixed)").count(), 5, "{text}");
    let json: Value = serde_json::from_str(&history_json(&found)).unwrap();
    assert_eq!(json["series"][0]["points"][29]["mixed"], true);
    // Of mixed runs alone there is no level.
    let alone = history(&runs[25..], &[]);
    assert_eq!(alone.series[0].stretches[0].levels, []);
    assert!(history_html(&alone, &Links::default()).contains("mixed"));
}
