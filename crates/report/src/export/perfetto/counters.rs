//! Readings of the machine as counters of a trace: states as they were read, and uses of CPUs as the rate until the next
//! reading.

use anechoic_record::{MachineState, Observation};

use super::event::Event;

/// A counter's name, and what it shows.
type Counter<T, V> = (&'static str, fn(&T) -> Option<V>);

/// What is read as it is, with its unit in the name.
const STATES: [Counter<MachineState, f64>; 6] = [
    ("CPU temperature (°C)", |state| {
        Some(state.cpu_temperature_millicelsius? as f64 / 1e3)
    }),
    ("CPU frequency (MHz)", |state| {
        Some(state.cpu_frequency_khz? as f64 / 1e3)
    }),
    ("available memory (bytes)", |state| {
        Some(state.available_memory_bytes? as f64)
    }),
    ("GPU memory (bytes)", |state| {
        Some(state.gpu.as_ref()?.used_memory_bytes? as f64)
    }),
    ("GPU temperature (°C)", |state| {
        Some(state.gpu.as_ref()?.temperature_millicelsius? as f64 / 1e3)
    }),
    ("GPU clock (MHz)", |state| {
        Some(state.gpu.as_ref()?.clock_khz? as f64 / 1e3)
    }),
];

const WORKER: &str = "CPUs used by the worker";

/// Milliseconds that grow, whose rate is a number of CPUs.
const RATES: [Counter<Observation, u64>; 3] = [
    (WORKER, |seen| seen.worker_cpu_ms),
    ("CPUs busy", |seen| seen.state.cpu_busy_ms),
    ("CPUs stolen", |seen| seen.state.cpu_stolen_ms),
];

/// The counters of one attempt. `at` gives the place of a time since spawn. After its end the worker uses nothing.
pub(super) fn counters<'a>(
    observations: &[Observation],
    at: impl Fn(u64) -> u64,
    end_us: u64,
) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for seen in observations {
        let states = STATES.iter();
        let read = states.filter_map(|(name, of)| Some((*name, of(&seen.state)?)));
        let now = at(seen.since_spawn_ns);
        events.extend(read.map(|(name, value)| Event::counter(name, now, value)));
    }
    for pair in observations.windows(2) {
        let [from, to] = pair else { continue };
        let now = at(from.since_spawn_ns);
        let read = RATES.iter();
        let read = read.filter_map(|(name, of)| Some((*name, rate(from, to, *of)?)));
        events.extend(read.map(|(name, value)| Event::counter(name, now, value)));
    }
    if observations.iter().any(|seen| seen.worker_cpu_ms.is_some()) {
        events.push(Event::counter(WORKER, end_us, 0.0));
    }
    events
}

/// CPUs in use between two readings; `None` where one was not read, no time has passed or a count went backwards.
fn rate(from: &Observation, to: &Observation, of: fn(&Observation) -> Option<u64>) -> Option<f64> {
    let used_ms = of(to)?.checked_sub(of(from)?)?;
    let passed_ns = to.since_spawn_ns.checked_sub(from.since_spawn_ns)?;
    (passed_ns > 0).then(|| used_ms as f64 * 1e6 / passed_ns as f64)
}
