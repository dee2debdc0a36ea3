//! Made-up cases of capture and of workers of one's own, noise that is the same every time, and runs that take their time.

use std::collections::BTreeMap;
use std::time::Duration;

use anechoic_protocol::{
    Benchmark, CaptureMode, CaptureWork, CustomSample, CustomWork, Phase, PhaseSpan, Sample,
    Strategy, Version,
};
use anechoic_record::{AttemptData, MachineState, Observation, Outcome, Restless, RunRecord, Wait};
use anechoic_suite::Case;

use crate::capture::{capture_work, captured};
use crate::kv::{Made, latency};
use crate::support::{case, ok};

/// Noise of a few percent, the same every time.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// About `value`, within `percent` of it.
    pub(crate) fn about(&mut self, value: f64, percent: f64) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let unit = (self.0 >> 33) as f64 / f64::from(1_u32 << 31);
        value * (1.0 + (unit - 0.5) * percent / 50.0)
    }
}

pub(crate) fn capture_case(
    id: &str,
    layers: Vec<u32>,
    mode: CaptureMode,
    strategy: Strategy,
) -> Case {
    let mut work = CaptureWork {
        strategy,
        ..capture_work(mode, layers)
    };
    work.workload.iterations = 8;
    case(id, Benchmark::Capture(work))
}

/// Three processes of eight iterations for several numbers of layers and two ways to store; one grows as it goes.
pub(crate) fn captures() -> Vec<Made> {
    let mut noise = Noise::seeded(7);
    let mut made = Vec::new();
    let mut add = |case: Case, ms: f64, growth: f64| {
        let mut attempt = || {
            let level = noise.about(ms, 1.5);
            let values: Vec<f64> = (0..8)
                .map(|i| noise.about(level * (1.0 + growth * f64::from(i)), 2.0))
                .collect();
            ok(captured(&values, 0))
        };
        let attempts = vec![attempt(), attempt(), attempt()];
        made.push((case, attempts));
    };
    let arena = Strategy::Arena;
    add(
        capture_case("capture.baseline", vec![], CaptureMode::Baseline, arena),
        100.0,
        0.0,
    );
    add(
        capture_case("capture.zero-layer", vec![], CaptureMode::ZeroLayer, arena),
        100.5,
        0.0,
    );
    for (strategy, name, cost, growth) in [
        (arena, "arena", 0.6, 0.0),
        (Strategy::Concat, "concat", 2.5, 0.03),
    ] {
        for layers in [1, 2, 4] {
            let id = format!("capture.{name}.l{layers}");
            let ms = 100.5 + cost * f64::from(layers);
            add(
                capture_case(&id, (0..layers).collect(), CaptureMode::Custom, strategy),
                ms,
                growth,
            );
        }
    }
    made
}

/// A worker of one's own, with a value that is no number at times.
pub(crate) fn custom(id: &str, times_ms: &[u64], rates: &[f64]) -> Made {
    let work = Benchmark::Custom(CustomWork {
        parameters: BTreeMap::new(),
        warmup_iterations: 0,
        iterations: times_ms.len() as u32,
    });
    let case = case(id, work);
    let samples = (1..)
        .zip(times_ms.iter().zip(rates))
        .map(|(iteration, (ms, rate))| {
            let values = BTreeMap::from([("tokens_per_second".to_owned(), *rate)]);
            Sample::Custom(CustomSample {
                iteration,
                time_ns: ms * 1_000_000,
                values,
            })
        });
    let data = AttemptData {
        samples: samples.collect(),
        ..AttemptData::default()
    };
    (case, vec![ok(data)])
}

/// Latency of every version at several T, three processes of four runs each: recomputing grows with the square of T.
pub(crate) fn latencies(tokens: &[u32]) -> Vec<Made> {
    let mut noise = Noise::seeded(3);
    let mut made = Vec::new();
    let costs = [
        (Version::V0, 0.0, 0.03),
        (Version::V1, 2.0, 0.001),
        (Version::V2, 2.4, 0.0006),
        (Version::V3, 1.8, 0.0009),
        (Version::V4, 2.1, 0.0005),
    ];
    for (version, each, squared) in costs {
        for &t in tokens {
            let ms = 20.0 + f64::from(t) * each + f64::from(t * t) * squared;
            let mut process = || -> Vec<u64> {
                let level = noise.about(ms, 3.0);
                (0..4).map(|_| noise.about(level, 4.0) as u64).collect()
            };
            let (a, b, c) = (process(), process(), process());
            made.push(latency(
                version,
                anechoic_protocol::AttentionPath::Best,
                &[t],
                &[&[&a], &[&b], &[&c]],
            ));
        }
    }
    made
}

/// Lets attempts happen one after the other, in rounds, with pauses, phases and readings of the machine.
pub(crate) fn spread_out(record: &mut RunRecord) {
    let start = record.manifest.started;
    let rounds = record
        .manifest
        .cases
        .iter()
        .map(|c| c.attempts.len())
        .max()
        .unwrap_or(0);
    let mut now_ms = 500_i64;
    for round in 0..rounds {
        for (index, case) in record.manifest.cases.iter_mut().enumerate() {
            let Some(attempt) = case.attempts.get_mut(round) else {
                continue;
            };
            let key = (case.case.id.clone(), attempt.attempt);
            let data = record.attempts.get_mut(&key).unwrap();
            data.waited_ms = 1_000;
            if index % 7 == 3 {
                data.waited_ms = 4_000;
                data.waits = vec![Wait {
                    waited_ms: 3_000,
                    what: Restless::CpuLoad {
                        busy_milli: 900,
                        accepted_milli: 200,
                    },
                }];
            }
            let wall_ms = if attempt.outcome.is_ok() {
                4_000
            } else {
                1_500
            };
            now_ms += data.waited_ms as i64;
            attempt.started = start + Duration::from_millis(now_ms as u64);
            attempt.wall_ns = wall_ms * 1_000_000;
            data.wall_ns = Some(attempt.wall_ns);
            if let Some(result) = &mut data.result {
                result.phases = phases();
            }
            data.observations = observations(now_ms as u64, wall_ms);
            now_ms += wall_ms as i64;
        }
    }
}

fn phases() -> Vec<PhaseSpan> {
    let of = |phase, ms: u64| PhaseSpan {
        phase,
        duration_ns: ms * 1_000_000,
    };
    vec![
        of(Phase::Start, 300),
        of(Phase::Load, 700),
        of(Phase::Verify, 500),
        of(Phase::WarmUp, 400),
        of(Phase::Measure, 1_900),
        of(Phase::Stop, 150),
    ]
}

/// One reading per second; the second CPU of two is always free.
fn observations(now_ms: u64, wall_ms: u64) -> Vec<Observation> {
    let each = (0..=wall_ms / 1_000).map(|second| Observation {
        since_spawn_ns: second * 1_000_000_000,
        worker_cpu_ms: Some(second * 950),
        state: MachineState {
            cpu_temperature_millicelsius: Some(50_000 + second as i64 * 2_500),
            cpu_busy_ms: Some(now_ms + second * 1_100),
            cpu_stolen_ms: Some(now_ms / 50 + second * 20),
            ..MachineState::default()
        },
    });
    each.collect()
}

/// An attempt that failed, before or after others.
pub(crate) fn failing(mut made: Made, outcome: Outcome) -> Made {
    made.1.push((outcome, AttemptData::default()));
    made
}
