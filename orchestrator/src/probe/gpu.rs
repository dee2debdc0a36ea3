//! NVIDIA GPUs as the driver shows them in the file system and through its library. Whether one can be used, the
//! worker says.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anechoic_protocol::Device;

use super::nvml::Nvml;
use super::root::Root;

/// The GPUs that a worker can be given, in the order in which `cuda:N` counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gpus(Vec<Entry>);

/// A GPU as `CUDA_VISIBLE_DEVICES` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// Its number among all GPUs.
    Number(u32),
    /// The beginning of its identifier, `GPU-…` or `MIG-…`.
    Identifier(String),
}

/// What the driver tells of one GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    model: String,
    identifier: Option<String>,
}

/// How CUDA numbers the GPUs of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// By their place on the bus.
    Bus,
    /// The fastest first, which only CUDA can judge.
    Fastest,
}

impl Gpus {
    /// Looks whether the driver is loaded and which of its GPUs `CUDA_VISIBLE_DEVICES` leaves.
    pub(crate) fn find() -> Self {
        let list = env::var("CUDA_VISIBLE_DEVICES").ok();
        Self::visible(device_nodes(&Root::here().path("dev")), list.as_deref())
    }

    /// CUDA's rule: the list is read up to the first entry that names no device.
    pub(crate) fn visible(present: u32, list: Option<&str>) -> Self {
        let Some(list) = list else {
            return Self((0..present).map(Entry::Number).collect());
        };
        let entries = list
            .split(',')
            .map_while(|text| entry(text.trim(), present));
        Self(entries.take(present as usize).collect())
    }

    /// How many.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// A name for the device that is the same for every process that means the same one: of a GPU its identifier, or
    /// where the driver does not tell it, its number.
    pub(crate) fn lock_name(&self, device: Device) -> String {
        let Device::Cuda(index) = device else {
            return "cpu".to_owned();
        };
        match self.0.get(index as usize) {
            Some(entry) => lock_name(entry, &all_cards(), Numbering::here()),
            None => format!("GPU-number-{index}"),
        }
    }

    /// The model name of the GPU that `cuda:index` means, where the driver tells.
    pub(crate) fn model(&self, index: u32) -> Option<String> {
        self.card(index).map(|card| card.model)
    }

    /// The identifier (`GPU-…`) of the GPU that `cuda:index` means, where the driver tells.
    pub(crate) fn uuid(&self, index: u32) -> Option<String> {
        self.card(index)?.identifier
    }

    fn card(&self, index: u32) -> Option<Card> {
        let entry = self.0.get(index as usize)?;
        card_of(entry, &all_cards(), Numbering::here()).map(|(_, card)| card)
    }

    /// Whether it is certain which GPU each number means.
    pub(crate) fn is_certain(&self) -> bool {
        let cards = all_cards();
        let is_known = |entry: &Entry| card_of(entry, &cards, Numbering::here()).is_some();
        cards.is_empty() || self.0.iter().all(is_known)
    }

    /// The number that the driver's library has for the GPU that `cuda:index` means, where it is certain.
    pub(crate) fn in_library(&self, index: u32, nvml: &Nvml) -> Option<u32> {
        let entry = self.0.get(index as usize)?;
        let found = card_of(entry, &known_to(nvml), Numbering::here());
        found.and_then(|(place, _)| u32::try_from(place).ok())
    }
}

impl Numbering {
    /// As the environment has it; it is the worker's as well.
    fn here() -> Self {
        Self::of(env::var_os("CUDA_DEVICE_ORDER").as_deref())
    }

    /// Workers get `PCI_BUS_ID` where nothing is set.
    fn of(order: Option<&OsStr>) -> Self {
        match order {
            Some(order) if order != "PCI_BUS_ID" => Self::Fastest,
            Some(_) | None => Self::Bus,
        }
    }
}

fn entry(text: &str, present: u32) -> Option<Entry> {
    match text.parse::<u32>() {
        Ok(number) => (number < present).then_some(Entry::Number(number)),
        Err(_) => {
            let names_one = text.starts_with("GPU-") || text.starts_with("MIG-");
            names_one.then(|| Entry::Identifier(text.to_owned()))
        }
    }
}

/// GPUs with a device file, where the driver's control device is there as well.
fn device_nodes(dev: &Path) -> u32 {
    if !dev.join("nvidiactl").exists() {
        return 0;
    }
    let Ok(entries) = fs::read_dir(dev) else {
        return 0;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let count = names.filter(|name| is_gpu(&name.to_string_lossy())).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn is_gpu(name: &str) -> bool {
    let index = name.strip_prefix("nvidia");
    index.is_some_and(|i| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit()))
}

/// The GPUs that the driver describes in the file system, or else through its library.
fn all_cards() -> Vec<Card> {
    let cards = cards(&Root::here().path("proc/driver/nvidia/gpus"));
    if !cards.is_empty() && cards.iter().all(|card| card.identifier.is_some()) {
        return cards;
    }
    match Nvml::get() {
        Ok(nvml) if nvml.count() > 0 => known_to(nvml),
        Ok(_) | Err(_) => cards,
    }
}

/// The GPUs that the library shows, by their place on the bus.
fn known_to(nvml: &Nvml) -> Vec<Card> {
    let card = |index| {
        let card = nvml.card(index).unwrap_or_default();
        Card {
            model: card.name.unwrap_or_default(),
            identifier: card.uuid,
        }
    };
    (0..nvml.count()).map(card).collect()
}

/// The GPUs that the driver describes in the file system, by their place on the bus.
fn cards(root: &Path) -> Vec<Card> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let card =
        |folder: &std::path::PathBuf| card(&fs::read_to_string(folder.join("information")).ok()?);
    folders.iter().filter_map(card).collect()
}

fn card(information: &str) -> Option<Card> {
    let value = |key: &str| {
        let mut lines = information.lines();
        let found = lines.find_map(|line| line.strip_prefix(key))?;
        Some(found.trim().to_owned())
    };
    Some(Card {
        model: value("Model:")?,
        // Question marks stand for what the driver has not asked the GPU yet.
        identifier: value("GPU UUID:").filter(|identifier| !identifier.contains('?')),
    })
}

/// A GPU with its place on the bus. A number says which it is where CUDA counts as the bus does, or where all are
/// alike: CUDA has no reason then to count in another way.
fn card_of(entry: &Entry, cards: &[Card], numbering: Numbering) -> Option<(usize, Card)> {
    let place = match entry {
        Entry::Identifier(wanted) => cards.iter().position(|card| {
            let identifier = card.identifier.as_deref();
            identifier.is_some_and(|identifier| identifier.starts_with(wanted))
        })?,
        Entry::Number(number) => {
            let models: BTreeSet<_> = cards.iter().map(|card| &card.model).collect();
            let is_certain = numbering == Numbering::Bus || models.len() == 1;
            usize::try_from(*number).ok().filter(|_| is_certain)?
        }
    };
    Some((place, cards.get(place)?.clone()))
}

fn lock_name(entry: &Entry, cards: &[Card], numbering: Numbering) -> String {
    let card = card_of(entry, cards, numbering);
    let identifier = card.and_then(|(_, card)| card.identifier);
    let name = identifier.unwrap_or_else(|| match entry {
        Entry::Number(number) => format!("GPU-number-{number}"),
        Entry::Identifier(identifier) => identifier.clone(),
    });
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name.chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_device_files_beside_the_control_device() {
        let dev = tempfile::tempdir().unwrap();
        let touch = |name: &str| fs::write(dev.path().join(name), "").unwrap();
        assert_eq!(device_nodes(&dev.path().join("missing")), 0);
        touch("nvidia0");
        touch("nvidia1");
        assert_eq!(device_nodes(dev.path()), 0, "without a driver");
        touch("nvidiactl");
        touch("nvidia-uvm");
        touch("nvidia-modeset");
        assert_eq!(device_nodes(dev.path()), 2);
    }

    #[test]
    fn hidden_gpus_do_not_count() {
        let check = |present, list, expected| {
            let count = Gpus::visible(present, list).count();
            assert_eq!(count, expected, "{present} {list:?}");
        };
        check(2, None, 2);
        check(2, Some(""), 0);
        check(2, Some("-1"), 0);
        check(2, Some("1"), 1);
        check(2, Some("0,5,1"), 1);
        check(2, Some("GPU-0e1f, 1"), 2);
        check(0, Some("0"), 0);
        check(0, Some("GPU-0e1f"), 0);
    }

    /// Two cards, the slower one first on the bus.
    fn two() -> Vec<Card> {
        let root = tempfile::tempdir().unwrap();
        let put = |slot: &str, model: &str, identifier: &str| {
            let folder = root.path().join(slot);
            fs::create_dir(&folder).unwrap();
            let text = format!("Model: \t\t {model}\nIRQ:   12\nGPU UUID: \t {identifier}\n");
            fs::write(folder.join("information"), text).unwrap();
        };
        put("0000:81:00.0", "NVIDIA H100", "GPU-bbb2");
        put("0000:01:00.0", "NVIDIA T400", "GPU-aaa1");
        cards(root.path())
    }

    fn name(list: &str, cards: &[Card], numbering: Numbering) -> Option<String> {
        let gpus = Gpus::visible(2, Some(list));
        card_of(gpus.0.first()?, cards, numbering).map(|(_, card)| card.model)
    }

    #[test]
    fn the_first_visible_gpu_gives_the_name() {
        let check = |list, expected: Option<&str>| {
            assert_eq!(
                name(list, &two(), Numbering::Bus).as_deref(),
                expected,
                "{list}"
            );
        };
        check("0,1", Some("NVIDIA T400"));
        check("1", Some("NVIDIA H100"));
        check("1,0", Some("NVIDIA H100"));
        check("GPU-bbb", Some("NVIDIA H100"));
        check("GPU-ccc", None);
    }

    #[test]
    fn an_identifier_that_is_not_known_yet_is_none() {
        let card = card("Model: T\nGPU UUID: GPU-????????-????\n").unwrap();
        assert_eq!(card.identifier, None);
        assert_eq!(card.model, "T");
    }

    #[test]
    fn a_number_that_only_cuda_understands_gives_no_name() {
        assert_eq!(name("0", &two(), Numbering::Fastest), None);
        let identified = name("GPU-aaa1", &two(), Numbering::Fastest);
        assert_eq!(identified.as_deref(), Some("NVIDIA T400"));
        let alike = vec![two()[1].clone(), two()[1].clone()];
        let numbered = name("0", &alike, Numbering::Fastest);
        assert_eq!(numbered.as_deref(), Some("NVIDIA H100"));
    }

    #[test]
    fn workers_count_as_the_bus_does_unless_told_otherwise() {
        let check = |order: Option<&str>, expected| {
            assert_eq!(Numbering::of(order.map(OsStr::new)), expected, "{order:?}");
        };
        check(None, Numbering::Bus);
        check(Some("PCI_BUS_ID"), Numbering::Bus);
        check(Some("FASTEST_FIRST"), Numbering::Fastest);
    }

    #[test]
    fn one_card_has_one_lock_however_it_is_named() {
        let check = |list: &str, numbering, expected: &str| {
            let gpus = Gpus::visible(2, Some(list));
            let name = lock_name(&gpus.0[0], &two(), numbering);
            assert_eq!(name, expected, "{list}");
        };
        check("1", Numbering::Bus, "GPU-bbb2");
        check("GPU-bbb", Numbering::Fastest, "GPU-bbb2");
        check("1", Numbering::Fastest, "GPU-number-1");
        check("MIG-1/2", Numbering::Bus, "MIG-1-2");
    }
}
