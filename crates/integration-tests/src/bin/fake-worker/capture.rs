//! Samples of activation capture.

use anechoic_integration_tests::fault::Fault;
use anechoic_protocol::{
    Attribution, CaptureIteration, CaptureMode, CaptureWork, FetchParts, InsideTimes, PairedSteps,
    Sample,
};

/// Times follow from the iteration alone, so that results can be told apart; where a test wants them to vary, dials do that.
pub(crate) fn sample(work: &CaptureWork, iteration: u32, fault: Fault) -> Sample {
    let batch = u64::from(work.workload.batch_size);
    let rows = work.expected_rows() * batch * work.layers.len() as u64;
    let rows = match fault {
        Fault::WrongRows => rows.saturating_sub(1),
        _ => rows,
    };
    let millisecond = 1_000_000;
    let base = millisecond * (100 + u64::from(iteration));
    let readings = Readings::of(work, fault);
    Sample::Capture(CaptureIteration {
        iteration,
        prefill_ns: base / 4,
        decode_ns: base / 2,
        generation_ns: base,
        fetch_ns: rows * 100,
        fetch_parts: readings.parts,
        generated_tokens: batch * u64::from(work.workload.decode_tokens),
        captured_rows: rows,
        captured_bytes: rows * 64 * work.fetch_dtype.size_bytes(),
        resident_bytes: 1 << 20,
        inside_ns: readings.inside,
        paired: readings.paired,
    })
}

/// Extra clock readings.
struct Readings {
    parts: Option<FetchParts>,
    inside: Option<InsideTimes>,
    paired: Option<PairedSteps>,
}

impl Readings {
    fn of(work: &CaptureWork, fault: Fault) -> Self {
        let in_parts = work.fetch_breakdown && work.mode != CaptureMode::Baseline;
        let (inside, paired) = match work.attribution {
            Attribution::Off => (false, false),
            Attribution::Inside => (true, false),
            Attribution::Paired => (false, true),
        };
        let sends = |asked: bool| match fault {
            Fault::MissingReadings => false,
            Fault::ExtraReadings => true,
            _ => asked,
        };
        let steps = work.workload.decode_tokens as usize - 1;
        let steps = match fault {
            Fault::ShortPairs => steps - 1,
            _ => steps,
        };
        Self {
            parts: sends(in_parts).then_some(FetchParts {
                coalesce_ns: 50,
                copy_ns: 30,
                convert_ns: 20,
            }),
            inside: sends(inside).then_some(InsideTimes {
                prefill_ns: 900,
                decode_ns: 1800,
            }),
            paired: sends(paired).then(|| PairedSteps {
                on_ns: vec![1010; steps],
                off_ns: vec![1000; steps],
            }),
        }
    }
}
