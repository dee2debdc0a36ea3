//! Pictures of made-up records: which there are, what is in them, and that whatever a record holds they are valid XML
//! without numbers that are none. How they look is for eyes: every test leaves its pictures in the folder `plots` of
//! cargo's folder for temporary files of tests.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "../support/capture.rs"]
mod capture;
#[path = "../kv/made.rs"]
mod kv;
mod made;
#[path = "../support/result.rs"]
mod result;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use anechoic_protocol::{CaptureMode, Strategy, Version};
use anechoic_record::{AttemptData, Outcome, RunRecord};
use anechoic_report::{Plot, Summary, plots};
use roxmltree::{Document, Node};

use capture::captured;
use kv::{everything, failed, perplexity, phase, roofline, vram};
use made::{capture_case, captures, custom, failing, latencies, spread_out};
use support::{ok, record};

/// The pictures of a record, each of which is checked for what holds of all, and left for eyes.
fn drawn(name: &str, record: &RunRecord) -> Vec<Plot> {
    let found = plots(record, &Summary::of(record));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("plots")
        .join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for plot in &found {
        std::fs::write(folder.join(format!("{}.svg", plot.id)), &plot.svg).unwrap();
        sound(plot);
    }
    for (index, plot) in found.iter().enumerate() {
        let again = found[..index].iter().any(|other| other.id == plot.id);
        assert!(!again, "`{}` is there twice", plot.id);
    }
    found
}

/// What holds of every picture.
fn sound(plot: &Plot) {
    let Plot {
        id,
        title,
        caption,
        svg,
    } = plot;
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(!id.is_empty() && id.chars().all(is_slug), "{id}");
    assert!(
        !title.is_empty() && caption.ends_with('.'),
        "{id}: {caption}"
    );
    let document = Document::parse(svg).unwrap_or_else(|e| panic!("{id}: {e}\n{svg}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "svg");
    assert_eq!(root.attribute("role"), Some("group"));
    let elements = || root.children().filter(Node::is_element);
    assert_eq!(elements().next().unwrap().tag_name().name(), "title");
    assert_eq!(elements().nth(1).unwrap().tag_name().name(), "desc");
    let mut marks = 0;
    for node in root.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            [
                "svg", "title", "desc", "style", "g", "rect", "text", "line", "circle", "path",
                "polyline", "polygon"
            ]
            .contains(&name),
            "{id}: {name}"
        );
        for attribute in node.attributes().filter(|a| !a.name().starts_with("data-")) {
            let value = attribute.value();
            assert!(
                !value.contains("NaN") && !value.contains("inf"),
                "{id}: {name} {value}"
            );
        }
        if node
            .attribute("class")
            .is_some_and(|c| c.split(' ').any(|c| c == "pt"))
        {
            marks += 1;
            let told = node
                .children()
                .find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", "title")));
            assert!(
                told.and_then(|t| t.text()).is_some_and(|t| !t.is_empty()),
                "{id}: a mark that tells nothing"
            );
        }
    }
    assert!(marks > 0, "{id} is empty");
    let texts = root
        .descendants()
        .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    for text in texts.filter_map(|t| t.text().map(str::to_owned)) {
        assert!(
            !text.contains("NaN") && !text.contains("inf"),
            "{id}: {text}"
        );
    }
}

fn ids(plots: &[Plot]) -> Vec<&str> {
    plots.iter().map(|plot| plot.id.as_str()).collect()
}

fn the<'p>(plots: &'p [Plot], id: &str) -> &'p Plot {
    let found = plots.iter().find(|plot| plot.id == id);
    found.unwrap_or_else(|| panic!("no `{id}` among {:?}", ids(plots)))
}

/// Marks with this class, by case where one is named.
fn marks(plot: &Plot, class: &str) -> usize {
    let document = Document::parse(&plot.svg).unwrap();
    let of_class = |n: &Node<'_, '_>| {
        n.attribute("class")
            .is_some_and(|c| c.split(' ').any(|c| c == class))
    };
    document.descendants().filter(of_class).count()
}

/// All text that is drawn.
fn texts(plot: &Plot) -> String {
    let document = Document::parse(&plot.svg).unwrap();
    let texts = document
        .descendants()
        .filter(|n| n.tag_name().name() == "text");
    texts
        .filter_map(|t| t.text().map(str::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_kv_benchmarks() {
    let mut made = latencies(&[16, 64, 256, 1024]);
    made.extend([Version::V1, Version::V2, Version::V3].map(vram));
    made.extend([Version::V0, Version::V1, Version::V2].map(phase));
    for (version, loss) in [
        (Version::V1, 1.0),
        (Version::V2, 1.002),
        (Version::V3, 1.08),
    ] {
        made.push(perplexity(version, loss));
    }
    made.push(roofline(&[128]));
    let mut record = record(made);
    spread_out(&mut record);
    let found = drawn("kv", &record);
    for id in [
        "values-latency",
        "values-vram",
        "values-phase",
        "values-perplexity",
        "values-roofline",
        "iterations",
        "latency-t",
        "per-token-t",
        "memory-t",
        "phases",
        "speed-memory-quality",
        "roofline",
        "timeline",
        "conditions",
    ] {
        the(&found, id);
    }
    let latency = the(&found, "latency-t");
    // Five versions at four T.
    assert_eq!(marks(latency, "pt"), 20);
    assert!(
        texts(latency).contains("v1 faster from T ≈"),
        "{}",
        texts(latency)
    );
    assert!(
        latency.caption.contains("interpolated between 64 and 256"),
        "{}",
        latency.caption
    );
    assert!(
        latency.caption.contains("n = 3 processes each"),
        "{}",
        latency.caption
    );
    // No version's speed stands without its quality.
    let legend = texts(latency);
    for part in [
        "v1 · exact",
        "v2 · perplexity +0.2",
        "v3 · perplexity +8.3",
        "v4 · quality not measured",
    ] {
        assert!(legend.contains(part), "{part} in {legend}");
    }
    let trade_off = the(&found, "speed-memory-quality");
    // v1 to v3; what v4 does to quality is not known, and v0's was not measured.
    assert_eq!(marks(trade_off, "pt"), 3);
    assert!(
        trade_off.caption.contains("has no quality of them: v0, v4"),
        "{}",
        trade_off.caption
    );
    assert_eq!(marks(the(&found, "phases"), "block"), 3 * 5 + 5);
    assert_eq!(marks(the(&found, "roofline"), "pt"), 2);
}

#[test]
fn capture_and_its_fit() {
    let mut record = record(captures());
    spread_out(&mut record);
    let found = drawn("capture", &record);
    assert_eq!(
        ids(&found),
        [
            "values-capture",
            "iterations",
            "overhead-layers",
            "timeline",
            "conditions"
        ]
    );
    let values = the(&found, "values-capture");
    // Eight cases of three processes with eight iterations; one of each kind in the legend.
    assert_eq!(marks(values, "raw"), 8 * 24 + 1);
    assert_eq!(marks(values, "bar"), 8 + 1);
    let layers = the(&found, "overhead-layers");
    assert_eq!(marks(layers, "pt"), 7);
    // A slope that may be chance is drawn weakly.
    assert!(
        layers.caption.contains("+0.5 % [-0.2, +1.2] for each"),
        "{}",
        layers.caption
    );
    assert_eq!(marks(layers, "weak"), 1);
    assert!(
        layers.caption.contains("arena, probe full: overhead = "),
        "{}",
        layers.caption
    );
    assert!(
        layers.caption.contains(" for each, 3 cases."),
        "{}",
        layers.caption
    );
    let iterations = texts(the(&found, "iterations"));
    assert!(
        iterations.contains("drifting +") && iterations.contains("; slowing"),
        "{iterations}"
    );
    assert!(iterations.contains("flat"), "{iterations}");
}

#[test]
fn one_of_every_kind() {
    let found = drawn("everything", &everything());
    let latency = the(&found, "latency-t");
    assert!(texts(latency).contains("v2, stock"), "{}", texts(latency));
    // A case without a good attempt has a row that says so.
    let values = texts(the(&found, "values-latency"));
    assert!(values.contains("no value: worker-failed"), "{values}");
    assert_eq!(marks(the(&found, "timeline"), "failed"), 1 + 1);
}

#[test]
fn failures_are_seen() {
    let mut made = captures();
    let killed = Outcome::Signal {
        number: 9,
        name: "SIGKILL".to_owned(),
    };
    let died = Outcome::OrchestratorDied {
        phase: anechoic_protocol::Phase::Measure,
    };
    made[1] = failing(made[1].clone(), killed.clone());
    made[2] = failing(made[2].clone(), died);
    let nothing = capture_case(
        "capture.never",
        vec![0],
        CaptureMode::Custom,
        Strategy::Arena,
    );
    made.push(failing((nothing, vec![]), killed));
    let unmade = capture_case(
        "capture.unmade",
        vec![0],
        CaptureMode::Custom,
        Strategy::Arena,
    );
    made.push((unmade, vec![]));
    let mut record = record(made);
    spread_out(&mut record);
    let found = drawn("failures", &record);
    let timeline = the(&found, "timeline");
    assert_eq!(marks(timeline, "failed"), 2 + 1);
    assert!(
        timeline
            .caption
            .contains("27 attempts, 24 ended well, 2 failed, 1 cut short"),
        "{}",
        timeline.caption
    );
    assert!(
        timeline
            .svg
            .contains("capture.never, attempt 1: ended by SIGKILL (signal 9)")
    );
    assert!(texts(timeline).contains("not made"));
    let values = texts(the(&found, "values-capture"));
    assert!(
        values.contains("no value: signal") && values.contains("not made"),
        "{values}"
    );
}

#[test]
fn names_from_outside_are_text() {
    let hostile = "x\"><script>alert('1')</script>&amp;]]>\u{1b}[31m";
    let (mut case, _) = custom("x", &[1], &[1.0]);
    case.id = hostile.to_owned();
    let data = custom("x", &[10, 11, 12], &[5.0, 6.0, 7.0]).1;
    let bad = Outcome::ProtocolViolation {
        detail: hostile.to_owned(),
    };
    let (mut layered, attempts) = captures().remove(2);
    layered.id = format!("capture.{hostile}");
    let mut made = captures();
    made.push((layered, attempts));
    made.push(failing((case, data), bad));
    let found = drawn("hostile", &record(made));
    for plot in &found {
        assert!(!plot.svg.contains("<script"), "{}", plot.id);
    }
    the(&found, "values-custom-tokens-per-second");
    assert!(the(&found, "values-custom").svg.contains("&lt;script&gt;"));
}

#[test]
fn values_that_cannot_be_drawn_are_passed_over() {
    let made = vec![
        custom("zero", &[0, 0, 0], &[0.0, 0.0, 0.0]),
        custom("odd", &[1, 1, 1], &[f64::NAN, f64::INFINITY, -1.0]),
        custom("huge", &[1, 2, 3], &[f64::MAX, f64::MIN, 1e-300]),
        custom("lost", &[1], &[f64::NAN]),
    ];
    let found = drawn("odd", &record(made));
    let own = the(&found, "values-custom-tokens-per-second");
    assert!(
        own.caption.contains("2 values are no finite numbers"),
        "{}",
        own.caption
    );
    assert!(texts(own).contains("no finite value"), "{}", texts(own));
}

#[test]
fn one_point_of_one_version_is_no_plot_against_t() {
    let found = drawn("one-point", &record(latencies(&[32]).split_off(4)));
    assert!(!ids(&found).contains(&"latency-t"), "{:?}", ids(&found));
    let found = drawn("several-versions", &record(latencies(&[32])));
    assert!(
        the(&found, "latency-t")
            .caption
            .contains("drawn beside each other")
    );
}

#[test]
fn names_do_not_turn_text_around() {
    let (case, mut attempts) = custom("x", &[1, 2, 3], &[1.0, 2.0, 3.0]);
    for sample in &mut attempts[0].1.samples {
        let anechoic_protocol::Sample::Custom(sample) = sample else {
            panic!("a custom sample");
        };
        sample
            .values
            .insert("a\u{202e}b\u{61c}c\u{1b}[31md".to_owned(), 1.0);
    }
    let found = drawn("turned", &record(vec![(case, attempts)]));
    for plot in &found {
        for text in [&plot.title, &plot.caption, &plot.svg] {
            assert!(
                !text.contains(['\u{202e}', '\u{61c}', '\u{1b}']),
                "{}",
                plot.id
            );
        }
    }
    assert!(
        found.iter().any(|plot| plot.title == "Custom: abcd"),
        "{:?}",
        ids(&found)
    );
}

#[test]
fn one_value_alone_and_nothing_at_all() {
    let found = drawn("alone", &record(vec![custom("only", &[7], &[1.0])]));
    assert_eq!(
        ids(&found),
        [
            "values-custom",
            "values-custom-tokens-per-second",
            "timeline"
        ]
    );
    assert!(
        found[0].caption.contains("there is no interval"),
        "{}",
        found[0].caption
    );
    assert_eq!(drawn("nothing", &record(vec![])), []);
    let unmade = capture_case(
        "capture.unmade",
        vec![],
        CaptureMode::Baseline,
        Strategy::Arena,
    );
    assert_eq!(drawn("unmade", &record(vec![(unmade, vec![])])), []);
}

#[test]
fn a_failed_latency_case_alone_has_a_timeline() {
    let only = failed(latencies(&[32]).remove(0));
    assert_eq!(ids(&drawn("failed", &record(vec![only]))), ["timeline"]);
}

#[test]
fn long_series_are_thinned_and_say_so() {
    let values: Vec<f64> = (0..20_000).map(|i| 100.0 + f64::from(i % 31)).collect();
    let case = capture_case(
        "capture.baseline",
        vec![],
        CaptureMode::Baseline,
        Strategy::Arena,
    );
    let found = drawn(
        "long",
        &record(vec![(case, vec![ok(captured(&values, 0))])]),
    );
    let plot = the(&found, "values-capture");
    assert!(marks(plot, "raw") <= 401, "{}", marks(plot, "raw"));
    assert!(plot.caption.contains("only 400 points"), "{}", plot.caption);
    assert!(
        plot.caption.contains("20000 of 1 process"),
        "{}",
        plot.caption
    );
    for plot in &found {
        assert!(
            plot.svg.len() < 150_000,
            "{} has {} bytes",
            plot.id,
            plot.svg.len()
        );
    }
}

/// Cases with names that are too long, ten processes each.
fn many(cases: usize, attempts: usize) -> RunRecord {
    let made = (0..cases).map(|i| {
        let id =
            format!("capture.a-rather-long-name-of-a-case-that-no-lane-has-room-for.b{i}.t128");
        let case = capture_case(&id, vec![], CaptureMode::Baseline, Strategy::Arena);
        let attempt = |k: usize| match (i + k) % 23 {
            7 => (Outcome::ExitCode { code: 1 }, AttemptData::default()),
            _ => ok(captured(&[100.0, 101.0 + k as f64, 99.0, 100.0, 100.5], 0)),
        };
        (case, (0..attempts).map(attempt).collect())
    });
    let mut record = record(made.collect());
    spread_out(&mut record);
    record
}

#[test]
fn two_thousand_attempts() {
    let found = drawn("many", &many(200, 10));
    assert_eq!(
        ids(&found)
            .iter()
            .filter(|id| id.starts_with("values-capture"))
            .count(),
        5
    );
    let timeline = the(&found, "timeline");
    assert!(
        timeline.svg.len() < 2_000_000,
        "{} bytes",
        timeline.svg.len()
    );
    assert!(
        timeline.caption.contains("too many lanes"),
        "{}",
        timeline.caption
    );
    let all: usize = found.iter().map(|plot| plot.svg.len()).sum();
    assert!(all < 8_000_000, "{all} bytes");
}

#[test]
fn long_names_are_shortened_with_the_whole_beside() {
    let found = drawn("names", &many(3, 3));
    let timeline = the(&found, "timeline");
    let text = texts(timeline);
    assert!(text.contains('…'), "{text}");
    assert!(timeline.svg.contains(
        "<title>capture.a-rather-long-name-of-a-case-that-no-lane-has-room-for.b0.t128</title>"
    ));
}

#[test]
fn names_that_an_id_cannot_tell_apart() {
    let (case, mut attempts) = custom("x", &[1, 2, 3], &[1.0, 2.0, 3.0]);
    for sample in &mut attempts[0].1.samples {
        let anechoic_protocol::Sample::Custom(sample) = sample else {
            panic!("a custom sample");
        };
        sample.values.insert("tokens-per-second".to_owned(), 1.0);
    }
    // That ids differ is checked of all pictures.
    let found = drawn("alike", &record(vec![(case, attempts)]));
    assert_eq!(
        ids(&found)
            .iter()
            .filter(|id| id.starts_with("values-custom-tokens-per-second"))
            .count(),
        2
    );
}
