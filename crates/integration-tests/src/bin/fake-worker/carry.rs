//! What jobs of one process leave for those behind them, as `ANECHOIC_FAKE_CARRY` says: `CASE=PERCENT,BYTES` makes every
//! case behind one whose id holds `CASE` slower by so much, and keeps so many bytes. Figures vary a little from attempt
//! to attempt where it is set, always in the same way: they have no clock.

use std::env;

use anechoic_protocol::{Job, Sample, WorkerEvent};

/// What a process begins with.
const RESIDENT: u64 = 64 << 20;

/// A process over its jobs.
pub(crate) struct Process {
    planted: Option<Planted>,
    resident: u64,
    /// Times of what follows, in thousandths of what they would be.
    permille: u64,
}

struct Planted {
    case: String,
    percent: u64,
    bytes: u64,
}

impl Process {
    pub(crate) fn new() -> Self {
        let text = env::var("ANECHOIC_FAKE_CARRY").ok();
        Self {
            planted: text.map(|text| Planted::read(&text).expect("CASE=PERCENT,BYTES")),
            resident: RESIDENT,
            permille: 1000,
        }
    }

    /// Changes the times of a sample.
    pub(crate) fn spoil(&self, sample: &mut Sample, job: &Job) {
        if self.planted.is_none() {
            return;
        }
        let noise = noise(
            &format!("{}/{}/{}", job.case, job.attempt, sample.iteration()),
            20,
        );
        let factor = (self.permille * (990 + noise)).div_ceil(1000);
        let slow = |ns: &mut u64| *ns = (*ns * factor).div_ceil(1000);
        match sample {
            Sample::Capture(it) => {
                let times = [&mut it.prefill_ns, &mut it.decode_ns, &mut it.generation_ns];
                times.into_iter().for_each(slow);
            }
            Sample::Latency(it) => {
                let times = [&mut it.prefill_ns, &mut it.decode_ns, &mut it.total_ns];
                times.into_iter().for_each(slow);
            }
            Sample::Custom(it) => slow(&mut it.time_ns),
            Sample::Vram(_)
            | Sample::Phase(_)
            | Sample::Perplexity(_)
            | Sample::Capacity(_)
            | Sample::Roofline(_) => {}
        }
    }

    /// Tells the memory of the job, and keeps what it leaves.
    pub(crate) fn remember(&mut self, job: &Job, result: &mut WorkerEvent) {
        let Some(planted) = &self.planted else {
            return;
        };
        let start = self.resident;
        let noise = noise(&format!("{}/{}", job.case, job.attempt), 64) << 12;
        if job.case.contains(&planted.case) {
            self.resident += planted.bytes;
            self.permille = 1000 + 10 * planted.percent;
        }
        if let WorkerEvent::Finished { result } = result {
            result.memory.peak_resident_bytes = start + (16 << 20) + noise;
            result.memory.resident_at_start_bytes = Some(start + noise);
            result.memory.resident_at_end_bytes = job.more.then_some(self.resident + noise);
        }
    }
}

impl Planted {
    fn read(text: &str) -> Option<Self> {
        let (case, amounts) = text.split_once('=')?;
        let (percent, bytes) = amounts.split_once(',')?;
        Some(Self {
            case: case.to_owned(),
            percent: percent.parse().ok()?,
            bytes: bytes.parse().ok()?,
        })
    }
}

/// A number below `end` that follows from the text (FNV-1a).
fn noise(text: &str, end: u64) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) % end
}
