//! Memory while something runs: what is held before, and the most that was held meanwhile.

use anechoic_protocol::MemorySource;

use super::BenchmarkError;
use crate::device::Place;
use crate::memory;
use crate::ops;

/// Begins to look at memory when it is made.
#[derive(Debug)]
pub(super) struct Gauge {
    place: Place,
    /// Held when it was made.
    pub(super) baseline_bytes: u64,
}

/// The most since then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peak {
    /// Bytes held.
    pub(super) bytes: u64,
    /// Bytes that the device's allocator had reserved; on a GPU.
    pub(super) reserved_bytes: Option<u64>,
}

impl Gauge {
    /// Looks from now on. Memory that is free is given back first, so that it is not taken for held.
    pub(super) fn start(place: Place) -> Result<Self, BenchmarkError> {
        let baseline_bytes = if place.is_cpu() {
            ops::release_free_memory();
            memory::reset_peak_resident().map_err(|error| {
                BenchmarkError::Job(format!("count the peak of resident memory anew: {error}"))
            })?;
            memory::resident_bytes()
        } else {
            place.synchronize();
            ops::empty_device_cache(place.torch())?;
            ops::reset_peak_device_bytes(place.torch())?;
            ops::device_memory(place.torch())?.allocated.max(0) as u64
        };
        Ok(Self {
            place,
            baseline_bytes,
        })
    }

    /// Whose memory it looks at.
    pub(super) fn source(&self) -> MemorySource {
        match self.place.is_cpu() {
            true => MemorySource::ResidentSet,
            false => MemorySource::DeviceAllocator,
        }
    }

    /// The most so far.
    pub(super) fn peak(&self) -> Result<Peak, BenchmarkError> {
        if self.place.is_cpu() {
            return Ok(Peak {
                bytes: memory::peak_resident_bytes(),
                reserved_bytes: None,
            });
        }
        self.place.synchronize();
        let held = ops::device_memory(self.place.torch())?;
        Ok(Peak {
            bytes: held.peak_allocated.max(0) as u64,
            reserved_bytes: Some(held.peak_reserved.max(0) as u64),
        })
    }
}
