//! The wheels that hold libtorch and what it loads, pinned by checksum, and which of their files are kept.

use std::path::Path;

use super::libtorch::Libtorch;

/// A wheel of the Python package index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wheel {
    name: &'static str,
    version: &'static str,
    sha256: &'static str,
}

impl Wheel {
    const fn new(name: &'static str, version: &'static str, sha256: &'static str) -> Self {
        Self {
            name,
            version,
            sha256,
        }
    }

    /// The line of a requirements file.
    pub(super) fn requirement(&self) -> String {
        format!(
            "{}=={} --hash=sha256:{}",
            self.name, self.version, self.sha256
        )
    }
}

/// Which libraries a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Enough for the CPU.
    Cpu,
    /// Everything.
    Cuda,
}

/// libtorch itself, and two libraries that it loads on every machine.
#[rustfmt::skip]
const CPU: [Wheel; 3] = [
    Wheel::new("torch", "2.11.0", "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756"),
    Wheel::new("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    Wheel::new("nvidia-cuda-cupti", "13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
];

/// NVIDIA's further wheels that torch 2.11.0 requires, directly and through `cuda-toolkit[…]==13.0.2`.
#[rustfmt::skip]
const CUDA: [Wheel; 13] = [
    Wheel::new("nvidia-cublas", "13.1.0.3", "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"),
    Wheel::new("nvidia-cuda-nvrtc", "13.0.88", "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
    Wheel::new("nvidia-cudnn-cu13", "9.19.0.56", "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf"),
    Wheel::new("nvidia-cufft", "12.0.0.61", "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
    Wheel::new("nvidia-cufile", "1.15.1.6", "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"),
    Wheel::new("nvidia-curand", "10.4.0.35", "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
    Wheel::new("nvidia-cusolver", "12.0.4.66", "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
    Wheel::new("nvidia-cusparse", "12.6.3.3", "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
    Wheel::new("nvidia-cusparselt-cu13", "0.8.0", "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd"),
    Wheel::new("nvidia-nccl-cu13", "2.28.9", "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42"),
    Wheel::new("nvidia-nvjitlink", "13.0.88", "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b"),
    Wheel::new("nvidia-nvshmem-cu13", "3.4.5", "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
    Wheel::new("nvidia-nvtx", "13.0.85", "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4"),
];

/// Of the libraries in the wheel, those that only Python loads.
const PYTHON_LIBRARIES: [&str; 2] = ["libtorch_python.so", "libshm.so"];

/// Those that only CUDA needs.
const CUDA_LIBRARIES: [&str; 5] = [
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libtorch_nvshmem.so",
    "libc10_cuda.so",
    "libcaffe2_nvrtc.so",
];

/// NVIDIA's libraries that libtorch loads even where there is no GPU.
const ALWAYS_LOADED: [&str; 2] = [
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
];

impl Flavour {
    /// The wheels to download.
    pub(super) fn wheels(self) -> Vec<Wheel> {
        match self {
            Self::Cpu => CPU.to_vec(),
            Self::Cuda => [CPU.as_slice(), &CUDA].concat(),
        }
    }

    /// The name of the tree in the cache.
    pub(super) fn tree(self) -> &'static str {
        match self {
            Self::Cpu => "libtorch-2.11.0-cpu",
            Self::Cuda => "libtorch-2.11.0-cuda",
        }
    }

    /// Bytes of disk taken at most while downloading and unpacking, measured and rounded up.
    pub(super) fn peak_bytes(self) -> u64 {
        match self {
            Self::Cpu => 1500 << 20,
            Self::Cuda => 6 << 30,
        }
    }

    /// Whether a libtorch has the libraries wanted.
    pub(super) fn is_met_by(self, found: &Libtorch) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => found.has_cuda(),
        }
    }

    /// Whether a file of a wheel belongs in the tree.
    pub(super) fn keeps(self, path: &str) -> bool {
        if let Some(name) = path.strip_prefix("torch/lib/") {
            return self.keeps_library(name);
        }
        if path.starts_with("nvidia/") {
            return match self {
                Self::Cpu => ALWAYS_LOADED.contains(&path),
                Self::Cuda => !has_extension(path, &["py", "a"]),
            };
        }
        path == "torch/version.py" || path.starts_with("torch/include/")
    }

    fn keeps_library(self, name: &str) -> bool {
        let library = !name.contains('/') && name.contains(".so");
        let cuda = CUDA_LIBRARIES.contains(&name) && self == Self::Cpu;
        library && !cuda && !PYTHON_LIBRARIES.contains(&name)
    }
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::libtorch::VERSION;

    #[test]
    fn each_flavour_keeps_what_it_loads() {
        let check = |path: &str, cpu: bool, cuda: bool| {
            assert_eq!(Flavour::Cpu.keeps(path), cpu, "cpu {path}");
            assert_eq!(Flavour::Cuda.keeps(path), cuda, "cuda {path}");
        };
        check("torch/version.py", true, true);
        check("torch/include/ATen/ATen.h", true, true);
        check("torch/lib/libtorch_cpu.so", true, true);
        check("torch/lib/libgomp.so.1", true, true);
        check("torch/lib/libtorch_cuda.so", false, true);
        check("torch/lib/libc10_cuda.so", false, true);
        check("torch/lib/libtorch_python.so", false, false);
        check("torch/lib/libshm/socket.h", false, false);
        check("torch/bin/ptxas", false, false);
        check("torch/__init__.py", false, false);
        check("torch/test/version.py", false, false);
        check("nvidia/cu13/lib/libcudart.so.13", true, true);
        check("nvidia/cu13/lib/libcupti.so.13", true, true);
        check("nvidia/cu13/lib/libnvperf_host.so", false, true);
        check("nvidia/cu13/lib/libcudart_static.a", false, false);
        check("nvidia/cu13/include/cuda_runtime.h", false, true);
        check("nvidia/cudnn/__init__.py", false, false);
        check("torch-2.11.0.dist-info/METADATA", false, false);
    }

    #[test]
    fn wheels_are_pinned_once_each_with_a_whole_checksum() {
        let wheels = Flavour::Cuda.wheels();
        for wheel in &wheels {
            assert_eq!(wheel.sha256.len(), 64, "{}", wheel.name);
            assert!(
                wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{}",
                wheel.name
            );
            let same = wheels
                .iter()
                .filter(|other| other.sha256 == wheel.sha256 || other.name == wheel.name);
            assert_eq!(same.count(), 1, "{}", wheel.name);
        }
    }

    #[test]
    fn the_wheel_the_tree_and_the_checked_version_agree() {
        assert_eq!(CPU[0].version, VERSION);
        assert!(Flavour::Cpu.tree().contains(VERSION));
        assert!(Flavour::Cuda.tree().contains(VERSION));
    }
}
