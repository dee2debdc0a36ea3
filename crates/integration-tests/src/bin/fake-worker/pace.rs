//! Times that differ between cases and scatter between attempts, as tests of comparisons ask for.
//!
//! `ANECHOIC_FAKE_PACE` holds factors of times, separated by `;`, each `[CASE=]FACTOR`, where `CASE` is the end of a case's
//! id; the first that fits counts. `ANECHOIC_FAKE_SCATTER` is `SEED:SHARE`: each attempt is off by up to SHARE, by how
//! much follows from the seed, the case and the attempt.

use std::env;

use anechoic_protocol::Sample;

/// The sample with its times as they are to be.
pub(crate) fn paced(mut sample: Sample) -> Sample {
    let factor = factor();
    let scale = |ns: &mut u64| *ns = (*ns as f64 * factor) as u64;
    match &mut sample {
        Sample::Capture(s) => {
            [&mut s.prefill_ns, &mut s.decode_ns, &mut s.generation_ns]
                .into_iter()
                .for_each(scale);
        }
        Sample::Latency(s) => {
            [&mut s.prefill_ns, &mut s.decode_ns, &mut s.total_ns]
                .into_iter()
                .for_each(scale);
        }
        Sample::Custom(s) => scale(&mut s.time_ns),
        Sample::Vram(_)
        | Sample::Phase(_)
        | Sample::Perplexity(_)
        | Sample::Capacity(_)
        | Sample::Roofline(_) => {}
    }
    sample
}

fn factor() -> f64 {
    // The orchestrator marks its workers with `run/case/attempt`; runs are told apart by the seed.
    let mark = env::var("ANECHOIC_ATTEMPT").unwrap_or_default();
    let (case, attempt) = mark
        .split_once('/')
        .and_then(|(_, rest)| rest.split_once('/'))
        .unwrap_or_default();
    let variable = |name| env::var(name).unwrap_or_default();
    let pace = pace(&variable("ANECHOIC_FAKE_PACE"), case);
    pace * scatter(&variable("ANECHOIC_FAKE_SCATTER"), case, attempt)
}

fn pace(rules: &str, case: &str) -> f64 {
    for rule in rules.split(';').filter(|rule| !rule.is_empty()) {
        let (fits, factor) = match rule.split_once('=') {
            Some((end, factor)) => (case.ends_with(end), factor),
            None => (true, rule),
        };
        if fits {
            return factor.parse().expect("ANECHOIC_FAKE_PACE holds numbers");
        }
    }
    1.0
}

fn scatter(rule: &str, case: &str, attempt: &str) -> f64 {
    let Some((seed, share)) = rule.split_once(':') else {
        return 1.0;
    };
    let share: f64 = share
        .parse()
        .expect("ANECHOIC_FAKE_SCATTER ends with a number");
    // FNV-1a, and its upper bits, which depend on every byte.
    let text = format!("{attempt}/{seed}/{case}/{attempt}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let unit = (hash >> 40) as f64 / f64::from(1 << 24);
    1.0 + share * (2.0 * unit - 1.0)
}
