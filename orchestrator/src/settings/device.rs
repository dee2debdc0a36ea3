//! Which device a run uses.

use std::str::FromStr;

use anechoic_protocol::{Device, DeviceParseError};

use crate::probe::Gpus;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// The first GPU, else the CPU.
    Auto,
    /// This one.
    This(Device),
}

/// A device that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceError {
    /// No GPU at all.
    #[error("`--device {0}` needs an NVIDIA GPU, and none is visible")]
    NoGpu(Device),
    /// Fewer GPUs than that.
    #[error("`--device {device}` is outside the GPUs that are visible, cuda:0 to cuda:{last}")]
    NoSuchGpu {
        /// The one asked for.
        device: Device,
        /// The last one there is.
        last: u32,
    },
}

impl DeviceChoice {
    /// The device to use on a machine with these GPUs.
    pub(crate) fn resolve(self, gpus: Gpus) -> Result<Device, DeviceError> {
        match self {
            Self::Auto if gpus.count > 0 => Ok(Device::Cuda(0)),
            Self::Auto | Self::This(Device::Cpu) => Ok(Device::Cpu),
            Self::This(device @ Device::Cuda(_)) if gpus.count == 0 => {
                Err(DeviceError::NoGpu(device))
            }
            Self::This(device @ Device::Cuda(index)) if index >= gpus.count => {
                let last = gpus.count - 1;
                Err(DeviceError::NoSuchGpu { device, last })
            }
            Self::This(device) => Ok(device),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            other => other.parse().map(Self::This),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_chosen_among_what_is_there() {
        let check = |text: &str, count, expected: Result<Device, &str>| {
            let choice: DeviceChoice = text.parse().unwrap();
            let found = choice.resolve(Gpus { count }).map_err(|e| e.to_string());
            assert_eq!(
                found,
                expected.map_err(str::to_owned),
                "{text} with {count}"
            );
        };
        check("auto", 0, Ok(Device::Cpu));
        check("auto", 2, Ok(Device::Cuda(0)));
        check("cpu", 2, Ok(Device::Cpu));
        check("cuda", 1, Ok(Device::Cuda(0)));
        check("cuda:1", 2, Ok(Device::Cuda(1)));
        check(
            "cuda",
            0,
            Err("`--device cuda:0` needs an NVIDIA GPU, and none is visible"),
        );
        check(
            "cuda:2",
            2,
            Err("`--device cuda:2` is outside the GPUs that are visible, cuda:0 to cuda:1"),
        );
    }

    #[test]
    fn other_names_are_refused() {
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
