//! Made-up cases of capture, and what their attempts measure.

use anechoic_protocol::{
    Attribution, CaptureIteration, CaptureMode, CaptureWork, Dtype, ModelSource, Preset, Probe,
    Sample, Strategy, Workload,
};
use anechoic_record::AttemptData;

/// Three iterations of the smallest model.
pub(crate) fn capture_work(mode: CaptureMode, layers: Vec<u32>) -> CaptureWork {
    CaptureWork {
        model: ModelSource::Preset {
            name: Preset::Gpt2Tiny,
        },
        dtype: Dtype::F32,
        workload: Workload {
            batch_size: 2,
            prefill_tokens: 8,
            decode_tokens: 5,
            prefill_chunk: 8,
            warmup_iterations: 1,
            iterations: 3,
        },
        mode,
        layers,
        strategy: Strategy::Arena,
        probe: Probe::Full,
        attribution: Attribution::Off,
        fetch_dtype: Dtype::F32,
        fetch_breakdown: false,
    }
}

/// Iterations that generate, and then fetch, for so many milliseconds each; a quarter of generation is prefill.
pub(crate) fn captured(generation_ms: &[f64], fetch_ms: u64) -> AttemptData {
    let ns = |ms: f64| (ms * 1e6) as u64;
    let sample = |(iteration, ms): (u32, &f64)| {
        Sample::Capture(CaptureIteration {
            iteration,
            prefill_ns: ns(ms / 4.0),
            decode_ns: ns(ms * 3.0 / 4.0),
            generation_ns: ns(*ms),
            fetch_ns: fetch_ms * 1_000_000,
            fetch_parts: None,
            generated_tokens: 10,
            captured_rows: 0,
            captured_bytes: 4096,
            resident_bytes: 1 << 20,
            inside_ns: None,
            paired: None,
        })
    };
    AttemptData {
        samples: (1..).zip(generation_ms).map(sample).collect(),
        ..AttemptData::default()
    }
}
