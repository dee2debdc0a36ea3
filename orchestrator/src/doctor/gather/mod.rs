//! Reads the machine: `/proc`, `/sys`, the driver's library, the worker's hello. Judges nothing and changes nothing.

mod cpu;
mod gpu;
mod group;
mod kernel;
mod place;
mod processes;

pub(crate) use place::is_held;

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_record::MachineState;
use anechoic_suite::Requirements;

use super::facts::{DeviceFacts, Facts, Interval, WorkerFacts};
use crate::probe::{MachineProbe, Root, machine};

/// How long the load of the machine is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) results: &'a Path,
    pub(crate) worker: WorkerFacts,
    pub(crate) device: DeviceFacts,
    pub(crate) requirements: Requirements,
    pub(crate) suite: Option<Result<String, String>>,
}

/// Looks at everything. Takes as long as the load is watched.
pub(crate) fn gather(question: Question<'_>) -> Facts {
    let root = Root::here();
    let device = question.device.device();
    let machine = machine(device);
    // Before a reading of the load: what has to be looked up here keeps a CPU busy.
    let cpu = cpu::read(&root, machine.logical_cpus);
    let gpu = gpu::read(device);
    let processes = processes::related(&root);
    let place = place::read(question.results, device);
    let (state, interval) = watch(&root, MachineProbe::of(device));
    Facts {
        state,
        interval,
        cpu,
        kernel: kernel::read(&root),
        memory: kernel::memory(&root),
        group: group::read(&root),
        processes,
        gpu,
        place,
        machine,
        worker: question.worker,
        device: question.device,
        requirements: question.requirements,
        suite: question.suite,
    }
}

/// The machine while this process sleeps.
fn watch(root: &Root, mut probe: MachineProbe) -> (MachineState, Interval) {
    let throttles = || group::read(root).quota_throttles;
    let quota_before = throttles();
    let used_before = processes::cpu_times(root);
    let start = Instant::now();
    let before = probe.read();
    sleep(WATCHED);
    let after = probe.read();
    let length_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let used_after = processes::cpu_times(root);
    let length = length_ms.max(1);
    let share = |before: Option<u64>, after: Option<u64>| {
        Some(after?.saturating_sub(before?) * 1000 / length)
    };
    let grown = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
    let interval = Interval {
        length_ms,
        cpus: probe.cpus(),
        busy_milli: share(before.cpu_busy_ms, after.cpu_busy_ms),
        stolen_milli: share(before.cpu_stolen_ms, after.cpu_stolen_ms),
        stalled_permille: share(before.memory_stalled_ms, after.memory_stalled_ms),
        throttles: grown(before.cpu_throttles, after.cpu_throttles),
        quota_throttles: grown(quota_before, throttles()),
        busiest: processes::busiest(&used_before, &used_after, length),
    };
    (after, interval)
}
