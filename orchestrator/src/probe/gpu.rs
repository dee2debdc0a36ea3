//! NVIDIA GPUs as the driver shows them in the file system. Loads no driver library: the worker does, and
//! a worker that finds no device says so.

use std::env;
use std::fs;
use std::path::Path;

/// The GPUs that a worker can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gpus {
    /// How many.
    pub(crate) count: u32,
}

impl Gpus {
    /// Looks whether the driver is loaded and which of its GPUs `CUDA_VISIBLE_DEVICES` leaves.
    pub(crate) fn find() -> Self {
        let visible = env::var("CUDA_VISIBLE_DEVICES").ok();
        let nodes = device_nodes(Path::new("/dev"));
        Self {
            count: visible_count(nodes, visible.as_deref()),
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

/// CUDA's rule: the list is read up to the first entry that names no device.
fn visible_count(present: u32, list: Option<&str>) -> u32 {
    let Some(list) = list else {
        return present;
    };
    let names_one = |entry: &&str| match entry.trim().parse::<i64>() {
        Ok(index) => (0..i64::from(present)).contains(&index),
        Err(_) => entry.trim().starts_with("GPU-") || entry.trim().starts_with("MIG-"),
    };
    let named = list.split(',').take_while(names_one).count();
    u32::try_from(named).unwrap_or(u32::MAX).min(present)
}

/// The model name of the GPU with this index, where the driver tells.
pub(crate) fn gpu_model(index: u32) -> Option<String> {
    let root = Path::new("/proc/driver/nvidia/gpus");
    let mut folders: Vec<_> = fs::read_dir(root)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let folder = folders.get(index as usize)?;
    let text = fs::read_to_string(folder.join("information")).ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(model.trim().to_owned())
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
            assert_eq!(visible_count(present, list), expected, "{present} {list:?}");
        };
        check(2, None, 2);
        check(2, Some(""), 0);
        check(2, Some("-1"), 0);
        check(2, Some("1"), 1);
        check(2, Some("0,5,1"), 1);
        check(2, Some("GPU-0e1f, 1"), 2);
        check(0, Some("0"), 0);
    }
}
