//! What must hold in the samples of activation capture.

use anechoic_protocol::{Attribution, CaptureIteration, CaptureMode, CaptureWork};

use super::differing;

/// What a sample has otherwise than the job asks for.
pub(super) fn differences(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let mut found = differing_counts(work, sample);
    found.extend(differing_readings(work, sample));
    found
}

fn differing_counts(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let batch = u64::from(work.workload.batch_size);
    let rows = work.expected_rows() * batch * work.layers.len() as u64;
    let tokens = batch * u64::from(work.workload.decode_tokens);
    let mut counts = vec![
        ("captured_rows", rows, sample.captured_rows),
        ("generated_tokens", tokens, sample.generated_tokens),
    ];
    if let Some(paired) = &sample.paired {
        let steps = u64::from(work.workload.decode_tokens.saturating_sub(1));
        counts.push(("paired.on_ns", steps, paired.on_ns.len() as u64));
        counts.push(("paired.off_ns", steps, paired.off_ns.len() as u64));
    }
    differing(&counts)
}

/// Extra clock readings come exactly where the job asks for them. A baseline has no fetch to take apart.
fn differing_readings(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let in_parts = work.fetch_breakdown && work.mode != CaptureMode::Baseline;
    let readings = [
        ("fetch_parts", in_parts, sample.fetch_parts.is_some()),
        (
            "inside_ns",
            work.attribution == Attribution::Inside,
            sample.inside_ns.is_some(),
        ),
        (
            "paired",
            work.attribution == Attribution::Paired,
            sample.paired.is_some(),
        ),
    ];
    let differing = readings.iter().filter(|(_, asked, there)| asked != there);
    differing
        .map(|(name, asked, _)| match asked {
            true => format!("{name}: asked for, and absent"),
            false => format!("{name}: not asked for, and there"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::check::bad_sample;
    use crate::runner::lifecycle_tests::fixture::{job, sample};
    use anechoic_protocol::{Benchmark, FetchParts, InsideTimes, PairedSteps, Sample};

    #[test]
    fn extra_readings_come_where_they_are_asked_for_and_nowhere_else() {
        let inside = InsideTimes {
            prefill_ns: 1,
            decode_ns: 1,
        };
        let parts = FetchParts {
            coalesce_ns: 1,
            copy_ns: 1,
            convert_ns: 1,
        };
        let pairs = |on: usize, off: usize| PairedSteps {
            on_ns: vec![1; on],
            off_ns: vec![1; off],
        };
        let check = |ask: fn(&mut CaptureWork), answer: CaptureIteration, expected: &[&str]| {
            let mut job = job();
            let Benchmark::Capture(work) = &mut job.work else {
                unreachable!("it is a capture")
            };
            ask(work);
            let Benchmark::Capture(work) = &job.work else {
                unreachable!("it is a capture")
            };
            assert_eq!(differences(work, &answer), expected);
        };
        let Sample::Capture(plain) = sample(&job(), 1) else {
            unreachable!("it is a capture")
        };
        let mut with_inside = plain.clone();
        with_inside.inside_ns = Some(inside);
        let mut with_parts = plain.clone();
        with_parts.fetch_parts = Some(parts);
        let paired = |on, off| CaptureIteration {
            paired: Some(pairs(on, off)),
            ..plain.clone()
        };
        let ask_inside = |work: &mut CaptureWork| work.attribution = Attribution::Inside;
        let ask_pairs = |work: &mut CaptureWork| work.attribution = Attribution::Paired;
        let ask_parts = |work: &mut CaptureWork| work.fetch_breakdown = true;

        check(ask_inside, with_inside.clone(), &[]);
        check(
            ask_inside,
            plain.clone(),
            &["inside_ns: asked for, and absent"],
        );
        check(
            |_| {},
            with_inside,
            &["inside_ns: not asked for, and there"],
        );
        check(ask_parts, with_parts.clone(), &[]);
        check(
            ask_parts,
            plain.clone(),
            &["fetch_parts: asked for, and absent"],
        );
        check(
            |_| {},
            with_parts,
            &["fetch_parts: not asked for, and there"],
        );
        check(ask_pairs, paired(2, 2), &[]);
        check(ask_pairs, plain.clone(), &["paired: asked for, and absent"]);
        check(|_| {}, paired(2, 2), &["paired: not asked for, and there"]);
        check(
            ask_pairs,
            paired(1, 2),
            &["paired.on_ns: expected 2, got 1"],
        );
        check(
            ask_pairs,
            paired(2, 3),
            &["paired.off_ns: expected 2, got 3"],
        );
    }

    #[test]
    fn a_baseline_has_no_fetch_to_take_apart() {
        let mut job = job();
        let Benchmark::Capture(work) = &mut job.work else {
            unreachable!("it is a capture")
        };
        work.mode = CaptureMode::Baseline;
        work.layers.clear();
        work.fetch_breakdown = true;
        assert_eq!(bad_sample(&job, 0, &sample(&job, 1)), None);
    }
}
