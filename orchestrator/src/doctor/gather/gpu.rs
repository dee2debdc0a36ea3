//! The GPU that would be measured, through its driver's library.

use anechoic_protocol::Device;

use super::super::facts::{ChosenGpu, GpuFacts};
use crate::probe::{Absence, Gpus, Nvml};

pub(super) fn read(device: Device) -> GpuFacts {
    let gpus = Gpus::find();
    let nvml = Nvml::get();
    let chosen = match (nvml, device) {
        (Ok(nvml), Device::Cuda(index)) => gpus.in_library(index, nvml).map(|place| {
            let card = nvml.card(place);
            let answer =
                card.and_then(|card| nvml.state(place).map(|state| ChosenGpu { card, state }));
            answer.map_err(|refusal| refusal.cause())
        }),
        (Ok(_) | Err(_), Device::Cpu) | (Err(_), Device::Cuda(_)) => None,
    };
    GpuFacts {
        visible: gpus.count(),
        numbering_is_certain: gpus.is_certain(),
        driver: Some(nvml.map(Nvml::driver_version).map_err(Absence::cause)),
        chosen,
    }
}
