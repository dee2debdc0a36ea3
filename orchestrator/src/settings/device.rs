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

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceError {
    /// No GPU at all.
    #[error("{0} needs an NVIDIA GPU, and none is visible")]
    NoGpu(Device),
    /// Fewer GPUs than that.
    #[error("{device} is outside the GPUs that are visible, cuda:0 to cuda:{last}")]
    NoSuchGpu {
        /// The one asked for.
        device: Device,
        /// The last one there is.
        last: u32,
    },
    /// A device that the worker program has no use for.
    #[error("the worker `{worker}` does not offer {device}; it offers {offered}")]
    NotOffered {
        /// The program, with its arguments.
        worker: String,
        /// The one asked for.
        device: Device,
        /// Those of its hello.
        offered: String,
    },
}

/// What a worker says in its hello that it can compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The program, with its arguments.
    pub(crate) worker: String,
    /// Empty where it names none or says no hello.
    pub(crate) devices: Vec<Device>,
}

impl DeviceChoice {
    /// The device to use on a machine with these GPUs, with workers that offer these devices. All of a run's workers
    /// have to offer a GPU; `auto` takes the CPU where one of them does not. Offers are drawn about GPUs only, up to
    /// the first that lacks the GPU; a worker that names no device leaves the question to the job.
    pub(crate) fn settle(
        self,
        gpus: &Gpus,
        offers: impl IntoIterator<Item = Offer>,
    ) -> Result<Device, DeviceError> {
        let device = self.resolve(gpus)?;
        if device == Device::Cpu {
            return Ok(device);
        }
        let lacks = |offer: &Offer| !offer.devices.is_empty() && !offer.devices.contains(&device);
        match (offers.into_iter().find(lacks), self) {
            (None, _) => Ok(device),
            (Some(_), Self::Auto) => Ok(Device::Cpu),
            (Some(offer), Self::This(_)) => Err(DeviceError::NotOffered {
                worker: offer.worker,
                device,
                offered: list(&offer.devices),
            }),
        }
    }

    /// The device to use on a machine with these GPUs.
    pub(crate) fn resolve(self, gpus: &Gpus) -> Result<Device, DeviceError> {
        let count = gpus.count();
        match self {
            Self::Auto if count > 0 => Ok(Device::Cuda(0)),
            Self::Auto | Self::This(Device::Cpu) => Ok(Device::Cpu),
            Self::This(device @ Device::Cuda(_)) if count == 0 => Err(DeviceError::NoGpu(device)),
            Self::This(device @ Device::Cuda(index)) if index >= count => {
                let last = count - 1;
                Err(DeviceError::NoSuchGpu { device, last })
            }
            Self::This(device) => Ok(device),
        }
    }
}

fn list(devices: &[Device]) -> String {
    let names: Vec<_> = devices.iter().map(Device::to_string).collect();
    names.join(", ")
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
            let gpus = Gpus::visible(count, None);
            let found = choice.resolve(&gpus).map_err(|e| e.to_string());
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
            Err("cuda:0 needs an NVIDIA GPU, and none is visible"),
        );
        check(
            "cuda:2",
            2,
            Err("cuda:2 is outside the GPUs that are visible, cuda:0 to cuda:1"),
        );
    }

    #[test]
    fn every_worker_has_its_say_about_gpus() {
        use Device::{Cpu, Cuda};
        let check = |text: &str, offered: &[&[Device]], expected: Result<Device, &str>| {
            let choice: DeviceChoice = text.parse().unwrap();
            let offers = offered.iter().zip(["a", "b"]).map(|(devices, name)| Offer {
                worker: name.to_owned(),
                devices: devices.to_vec(),
            });
            let found = choice.settle(&Gpus::visible(2, None), offers);
            let found = found.map_err(|e| e.to_string());
            let expected = expected.map_err(str::to_owned);
            assert_eq!(found, expected, "{text} with {offered:?}");
        };
        check("auto", &[&[Cpu, Cuda(0), Cuda(1)]], Ok(Cuda(0)));
        check("auto", &[&[Cpu]], Ok(Cpu));
        check("auto", &[&[]], Ok(Cuda(0)));
        check("auto", &[&[Cpu, Cuda(0)], &[Cpu, Cuda(0)]], Ok(Cuda(0)));
        check("auto", &[&[Cpu, Cuda(0)], &[Cpu]], Ok(Cpu));
        check("auto", &[&[Cpu], &[Cpu, Cuda(0)]], Ok(Cpu));
        check("cuda:1", &[&[Cpu, Cuda(1)]], Ok(Cuda(1)));
        check("cuda:1", &[&[]], Ok(Cuda(1)));
        check(
            "cuda:1",
            &[&[], &[Cpu, Cuda(0)]],
            Err("the worker `b` does not offer cuda:1; it offers cpu, cuda:0"),
        );
    }

    #[test]
    fn a_worker_is_not_asked_about_the_cpu() {
        let asked = || std::iter::from_fn(|| -> Option<Offer> { panic!("nothing to ask") });
        let none = Gpus::visible(0, None);
        assert_eq!(DeviceChoice::Auto.settle(&none, asked()), Ok(Device::Cpu));
        let cpu = DeviceChoice::This(Device::Cpu);
        let two = Gpus::visible(2, None);
        assert_eq!(cpu.settle(&two, asked()), Ok(Device::Cpu));
    }

    #[test]
    fn other_names_are_refused() {
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
