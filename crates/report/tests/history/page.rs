//! The page.

use anechoic_record::NightOutcome;
use anechoic_report::{History, Links, MetricChoice, history_html};

use crate::history;
use crate::made::{cell, night, noisy, run};

fn page(history: &History) -> String {
    history_html(history, &Links::default())
}

/// Every drawing is XML by itself.
fn drawings(page: &str) -> Vec<&str> {
    let parts = page.split("<svg").skip(1);
    let ends = parts.map(|part| part.split_once("</svg>").expect("it is closed").0);
    ends.collect()
}

#[test]
fn it_shows_what_happened_and_links_to_it() {
    let page = page(&crate::forty());
    assert_eq!(drawings(&page).len(), 2);
    for needed in [
        "slower since 2026-01-26 02:30: +4.99 % [",
        "], accepted</li>",
        "another machine: kernel was Linux 6.1 and is Linux 6.2",
        "another program: anechoic was 0.1.0 and is 0.2.0",
        "href=\"quick_2026-01-26T02-30-00Z/report.html\"",
        "href=\"nights/quick_15.json\"",
        "the machine was &lt;busy&gt;",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
    assert!(!page.contains("<busy>"));
    assert_eq!(
        page.matches(".anechoic-plot{").count(),
        3,
        "one style sheet, for light, dark and paper"
    );
}

#[test]
fn links_begin_at_the_page() {
    let check = |folder: &[&str], root: &[&str], expected: &str| {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let links = Links::from_to(&owned(folder), &owned(root));
        assert_eq!(links.root, expected);
        links
    };
    check(&["/", "a"], &["/", "a"], "");
    check(&["/", "a", "b"], &["/", "a"], "../");
    check(&["/"], &["/", "a b", "c#"], "a%20b/c%23/");
    let links = check(&["/", "a", "pages"], &["/", "a", "results"], "../results/");
    let page = history_html(&crate::forty(), &links);
    assert!(page.contains("href=\"../results/quick_2026-01-26T02-30-00Z/report.html\""));
}

#[test]
fn drawings_are_xml_and_stay_inside() {
    let hostile = "<script>alert(1)</script>&\u{202e}\u{1b}[31m|";
    let runs: Vec<_> = (0..5)
        .map(|day| run(day, vec![cell(hostile, noisy(day, 1.0))]))
        .collect();
    let reasons = vec![hostile.to_owned()];
    let page = page(&history(
        &runs,
        &[night(9, NightOutcome::Failed { reasons }, None)],
    ));
    for drawing in drawings(&page) {
        roxmltree::Document::parse(&format!("<svg{drawing}</svg>")).unwrap();
    }
    assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'));
}

/// 10,000 runs of several cases, with other programs each night: light enough to be opened.
#[test]
fn many_runs_make_a_page_of_a_few_megabytes() {
    let cases = ["a", "b", "c", "d", "e", "f"];
    let made = |day: usize| {
        let cells = cases.iter().map(|case| cell(case, noisy(day, 1.0)));
        let mut run = run(day, cells.collect());
        run.fingerprint.anechoic = format!("0.1.{day}");
        run
    };
    let runs: Vec<_> = (0..10_000).map(made).collect();
    let history = History::of(&runs, &[], &MetricChoice::Primary, None);
    let page = page(&history);
    assert!(page.len() < 4 << 20, "{}", page.len());
    assert_eq!(drawings(&page).len(), cases.len());
    // The same of many cases of few runs.
    let many: Vec<String> = (0..400).map(|i| format!("case-{i}")).collect();
    let made = |day: usize| {
        run(
            day,
            many.iter()
                .map(|case| cell(case, noisy(day, 1.0)))
                .collect(),
        )
    };
    let runs: Vec<_> = (0..60).map(made).collect();
    let page = history_html(
        &History::of(&runs, &[], &MetricChoice::Primary, None),
        &Links::default(),
    );
    assert!(page.len() < 7 << 20, "{}", page.len());
    assert!(page.contains("pictures left out"));
}
