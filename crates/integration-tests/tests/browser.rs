//! The pages of a run and of a history in a real browser: nothing is loaded, nothing complains, nothing overflows, and it can be read
//! without scripts.
//!
//! `ANECHOIC_SCREENSHOTS=DIR` keeps a picture of every look.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use anechoic_integration_tests::{Bench, Browser, Look, Page, installed_browser};
use anechoic_record::{Night, NightOutcome, SCHEMA_VERSION, write_night};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// Cases that end well, one that fails, one whose worker says markup wherever it can, and a question with markup.
const SUITE: &str = r#"
schema-version = 1
name = "page"
question = "Is </title><script>window.injected = 1</script><b class=injected>this</b> & that \"shown\"?"
cooldown = "0s"
attempts = 2

[defaults]
benchmark = "capture"
model = "gpt2-tiny"
dtype = "f32"
batch-size = 2
prefill-tokens = 4
decode-tokens = 3
iterations = 3

[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "all-layers"
mode = "all-layers"

[[case]]
id = "some-layers,with:a-very-long-name=that+is.hard_to-break-anywhere-at-all-on-a-narrow-phone"
mode = "custom"
layers = "0,1"

[[case]]
id = "fails"
mode = "baseline"

[[case]]
id = "hostile"
mode = "baseline"
worker = { command = ["sh", "-c", "printf '\\033[31m<b class=injected onclick=alert(1)>log</b>\\033[0m\\n' >&2; echo '<script>window.injected = 2</script><b class=injected>'"] }

[[case]]
id = "{version}.latency.t{tokens}"
benchmark = "latency"
dtype = "bf16"
batch-size = 1
prompt-length = 4
measured-runs = 2
matrix = { version = ["v1", "v2"], tokens = [4, 8] }
"#;

/// No layout is wider than its window, no drawing wider than its frame, and on a wide screen no table either.
const OVERFLOW: &str = "({ wide: document.documentElement.scrollWidth, room: document.documentElement.clientWidth, \
     drawings: document.querySelectorAll('.drawing').length, \
     cut: [...document.querySelectorAll('.drawing')].filter((d) => d.scrollWidth > d.clientWidth).length, \
     tables: [...document.querySelectorAll('.scroll')].filter((d) => d.scrollWidth > d.clientWidth) \
         .map((d) => d.textContent.slice(0, 40) + ' ' + d.scrollWidth + ' in ' + d.clientWidth) })";

#[test]
fn the_page_of_a_run_in_a_browser() {
    let Some(program) = installed_browser() else {
        return skip();
    };
    let bench = run_with_failures();
    let url = format!("file://{}", bench.latest().join("report.html").display());
    let mut browser = Browser::start(&program);
    it_is_quiet_and_fits(&mut browser, &url);
    it_sorts(&mut browser, &url);
    points_tell_their_values(&mut browser, &url);
    it_needs_no_scripts(&mut browser, &url);
    it_is_dark_where_asked(&mut browser, &url);
    it_prints_without_controls(&mut browser, &url);
    markup_from_outside_stays_text(&mut browser, &url);
    links_lead_to_files(&mut browser, &url, &bench.latest());
}

#[test]
fn the_page_of_a_history_in_a_browser() {
    let Some(program) = installed_browser() else {
        return skip();
    };
    let bench = two_nights();
    let root = bench.path("results");
    let url = format!("file://{}", root.join("history.html").display());
    let mut browser = Browser::start(&program);
    it_is_quiet_and_fits(&mut browser, &url);
    points_tell_their_values(&mut browser, &url);
    it_is_dark_where_asked(&mut browser, &url);
    a_history_needs_no_scripts(&mut browser, &url);
    a_history_leads_to_its_reports(&mut browser, &url, &root);
}

/// Two runs, the second of which is a night, and a night without a run.
fn two_nights() -> Bench {
    let bench = Bench::with_suite(SUITE, "fails=exit-3");
    for _ in 0..2 {
        assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    }
    let manifest = bench.manifest();
    let night = |run: Option<String>, outcome| Night {
        schema_version: SCHEMA_VERSION,
        suite: manifest.plan.name.clone(),
        started: manifest.starts[0].at,
        ended: manifest.starts[0].at,
        run,
        confirmations: Vec::new(),
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: Vec::new(),
        noise: None,
        outcome,
        cells: Vec::new(),
        news: None,
        notices: Vec::new(),
    };
    let root = bench.path("results");
    write_night(
        &root,
        &night(Some(manifest.run.clone()), NightOutcome::Quiet),
    )
    .unwrap();
    let reasons = vec!["<b class=injected>busy</b>".to_owned()];
    let mut missed = night(None, NightOutcome::NotMeasured { reasons });
    missed.started += Duration::from_secs(60);
    missed.ended = missed.started;
    write_night(&root, &missed).unwrap();
    let made = bench.run(&["history", "--html"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    bench
}

fn a_history_needs_no_scripts(browser: &mut Browser, url: &str) {
    let without = Look {
        scripts: false,
        ..Look::default()
    };
    let counts = "({ rows: document.querySelectorAll('table tbody tr').length, \
         plots: document.querySelectorAll('figure svg').length, \
         told: document.querySelector('.findings').textContent, \
         injected: document.querySelectorAll('.injected').length })";
    let mut page = open(browser, url, Look::default());
    let with_scripts = page.evaluate(counts);
    let mut page = open(browser, url, without);
    assert_eq!(page.evaluate(counts), with_scripts);
    assert!(with_scripts["plots"].as_u64() > Some(3), "{with_scripts}");
    assert_eq!(with_scripts["injected"], 0);
    let told = with_scripts["told"].as_str().unwrap();
    assert!(told.contains("<b class=injected>busy</b>"), "{told}");
}

/// Every link leads to a file or a place of the page; those that a keyboard comes to include every report that marks lead to.
fn a_history_leads_to_its_reports(browser: &mut Browser, url: &str, root: &Path) {
    let mut page = open(browser, url, Look::default());
    page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)");
    let links = page.evaluate(
        "[...document.querySelectorAll('a[href]')].map((a) => [a.getAttribute('href'), a.tabIndex])",
    );
    let (mut of_marks, mut of_keyboard) = (BTreeSet::new(), BTreeSet::new());
    for link in links.as_array().unwrap() {
        let written = link[0].as_str().unwrap();
        if let Some(id) = written.strip_prefix('#') {
            let there = page.evaluate(&format!("document.getElementById({id:?}) !== null"));
            assert_eq!(there, true, "{written}");
            continue;
        }
        assert!(root.join(written).is_file(), "{written}");
        match link[1].as_i64() {
            Some(-1) => of_marks.insert(written.to_owned()),
            _ => of_keyboard.insert(written.to_owned()),
        };
    }
    assert_eq!(of_marks.len(), 2, "{of_marks:?}");
    assert!(of_keyboard.is_superset(&of_marks), "{of_keyboard:?}");
}

/// Where a browser has to be, its absence is a failure.
fn skip() {
    let line = "skipped: no chromium or chrome in PATH; the page was not tested in a browser\n";
    assert!(env::var_os("CI").is_none(), "{line}");
    // Past the capture of output, so that it is seen.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn run_with_failures() -> Bench {
    let bench = Bench::with_suite(SUITE, "fails=exit-3");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let stored = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    let shown = bench.run(&["report", "latest", "--format", "html"]).stdout;
    assert_eq!(shown, stored);
    bench
}

fn open<'b>(browser: &'b mut Browser, url: &str, look: Look) -> Page<'b> {
    let mut page = browser.open(url, look);
    if let Some(folder) = env::var_os("ANECHOIC_SCREENSHOTS") {
        let scripts = if look.scripts { "" } else { "-no-scripts" };
        let name = format!("{}-{}-{}{scripts}.png", look.width, look.scheme, look.media);
        let picture = BASE64_STANDARD.decode(page.screenshot()).unwrap();
        fs::write(Path::new(&folder).join(name), picture).unwrap();
    }
    page
}

fn it_is_quiet_and_fits(browser: &mut Browser, url: &str) {
    for width in [400, 1400] {
        for scheme in ["light", "dark"] {
            let look = Look {
                width,
                scheme,
                ..Look::default()
            };
            let mut page = open(browser, url, look);
            let found = page.evaluate(OVERFLOW);
            assert_eq!(found["room"], width);
            assert!(found["drawings"].as_u64() > Some(0), "{found}");
            assert_eq!(found["cut"], 0, "{width}: {found}");
            assert!(
                width < 1400 || found["tables"] == json!([]),
                "{width}: {found}"
            );
            assert!(
                found["wide"].as_u64() <= found["room"].as_u64(),
                "{width}: {found}"
            );
            // Also with everything unfolded.
            page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)");
            let found = page.evaluate(OVERFLOW);
            assert!(
                found["wide"].as_u64() <= found["room"].as_u64(),
                "{width}, open: {found}"
            );
            assert_eq!(page.complaints(), Vec::<String>::new());
            assert_eq!(page.requests(), [url]);
        }
    }
}

fn it_sorts(browser: &mut Browser, url: &str) {
    let mut page = open(browser, url, Look::default());
    let keys = |page: &mut Page<'_>| -> Vec<Option<f64>> {
        let cells = page.evaluate(
            "[...document.querySelector('#table-1-0').closest('table').tBodies[0].rows].map((r) => r.cells[2].dataset.sort ?? '')",
        );
        let cells = cells.as_array().unwrap().iter();
        cells.map(|v| v.as_str().unwrap().parse().ok()).collect()
    };
    let click = "(() => { const h = document.querySelector('#table-1-0').closest('table').tHead.rows[0].cells[2]; h.querySelector('button').click(); return h.getAttribute('aria-sort'); })()";
    let planned = keys(&mut page);
    let mut rising: Vec<f64> = planned.iter().flatten().copied().collect();
    rising.sort_by(f64::total_cmp);
    assert!(
        rising.len() >= 3 && rising.len() < planned.len(),
        "{planned:?}"
    );
    // Cases without a value stay last, whatever the direction.
    let mut expected = vec![None; planned.len()];
    let mut fill = |values: &[f64]| {
        let places = expected.iter_mut().zip(values);
        places.for_each(|(place, value)| *place = Some(*value));
        expected.clone()
    };
    assert_eq!(page.evaluate(click), "ascending");
    assert_eq!(keys(&mut page), fill(&rising));
    assert_eq!(page.evaluate(click), "descending");
    rising.reverse();
    assert_eq!(keys(&mut page), fill(&rising));
    let sorted = "document.querySelectorAll('[aria-sort]').length";
    assert_eq!(page.evaluate(sorted), 1);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

fn points_tell_their_values(browser: &mut Browser, url: &str) {
    let mut page = open(browser, url, Look::default());
    let told = page.evaluate(
        "(() => { const p = document.querySelector('.pt:has(title)'); \
         p.dispatchEvent(new PointerEvent('pointerover', { bubbles: true, clientX: 5, clientY: 5 })); \
         const t = document.querySelector('.tip'); \
         return { hidden: t.hidden, same: t.textContent === p.querySelector('title').textContent, text: t.textContent }; })()",
    );
    assert_eq!(
        (&told["hidden"], &told["same"]),
        (&json!(false), &json!(true)),
        "{told}"
    );
    assert_ne!(told["text"], "");
}

fn it_needs_no_scripts(browser: &mut Browser, url: &str) {
    let without = Look {
        scripts: false,
        ..Look::default()
    };
    let counts = "({ tables: document.querySelectorAll('table tbody tr').length, \
         plots: document.querySelectorAll('figure svg').length, \
         findings: document.querySelectorAll('.findings li').length, \
         cases: document.querySelectorAll('details.case').length })";
    let controls =
        "[...document.querySelectorAll('button')].filter((b) => b.checkVisibility()).length";
    let mut page = open(browser, url, Look::default());
    let with_scripts = page.evaluate(counts);
    assert!(page.evaluate(controls).as_u64() > Some(10));
    let mut page = open(browser, url, without);
    assert_eq!(page.evaluate(counts), with_scripts);
    assert_eq!(page.evaluate(controls), 0, "nothing that does nothing");
    assert!(with_scripts["plots"].as_u64() > Some(0), "{with_scripts}");
    assert_eq!(with_scripts["cases"], 9);
    let failed = page.evaluate(
        "document.querySelector('#failed').parentElement.querySelector('tbody').innerText",
    );
    let failed = failed.as_str().unwrap();
    assert!(
        failed.contains("capture.fails") && failed.contains("exited with code 3"),
        "{failed}"
    );
}

fn background(page: &mut Page<'_>) -> Value {
    page.evaluate("getComputedStyle(document.body).backgroundColor")
}

fn it_is_dark_where_asked(browser: &mut Browser, url: &str) {
    let dark = Look {
        scheme: "dark",
        ..Look::default()
    };
    assert_eq!(
        background(&mut open(browser, url, Look::default())),
        "rgb(255, 255, 255)"
    );
    assert_eq!(background(&mut open(browser, url, dark)), "rgb(20, 23, 27)");
}

fn it_prints_without_controls(browser: &mut Browser, url: &str) {
    let print = Look {
        scheme: "dark",
        media: "print",
        ..Look::default()
    };
    let mut page = open(browser, url, print);
    let shown = page.evaluate(
        "['nav', '.skip', '.tools', '.tip'].map((s) => getComputedStyle(document.querySelector(s)).display)",
    );
    assert_eq!(shown, json!(["none", "none", "none", "none"]));
    let arrows = "getComputedStyle(document.querySelector('.sort'), '::after').content";
    assert_eq!(page.evaluate(arrows), "none");
    assert_eq!(
        background(&mut page),
        "rgb(255, 255, 255)",
        "on paper it is light"
    );
}

fn markup_from_outside_stays_text(browser: &mut Browser, url: &str) {
    let mut page = open(browser, url, Look::default());
    let found = page.evaluate(
        "({ ran: typeof window.injected, elements: document.querySelectorAll('.injected, img, iframe').length, \
         scripts: document.scripts.length, question: document.querySelector('.question').textContent, \
         title: document.title, text: document.body.textContent })",
    );
    assert_eq!(found["ran"], "undefined");
    assert_eq!(
        (&found["elements"], &found["scripts"]),
        (&json!(0), &json!(1))
    );
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    assert!(
        text("question").contains("<b class=injected>this</b> & that \"shown\"?"),
        "{found}"
    );
    assert!(text("title").starts_with("page – page_"));
    assert!(
        text("text").contains("<b class=injected onclick=alert(1)>log</b>"),
        "the log is quoted"
    );
    assert!(!text("text").contains('\u{1b}'));
}

fn links_lead_to_files(browser: &mut Browser, url: &str, run: &Path) {
    let mut page = open(browser, url, Look::default());
    let links = page.evaluate(
        "[...document.querySelectorAll('a[href]')].map((a) => [a.getAttribute('href'), a.href])",
    );
    let mut files = 0;
    for link in links.as_array().unwrap() {
        let (written, resolved) = (link[0].as_str().unwrap(), link[1].as_str().unwrap());
        if let Some(id) = written.strip_prefix('#') {
            let there = page.evaluate(&format!("document.getElementById({id:?}) !== null"));
            assert_eq!(there, true, "{written}");
        } else {
            let path = resolved.strip_prefix("file://").expect(resolved);
            assert!(
                Path::new(path).is_file() && Path::new(path).starts_with(run),
                "{written}"
            );
            files += 1;
        }
    }
    assert!(files > 9 * 2 * 2, "{files}");
}
