//! Facts about the loaded libtorch, and loading the part of it that uses GPUs.

use std::path::PathBuf;

use super::{OpsError, ffi};

/// The loaded libtorch's version, such as `2.11.0`; `unknown` where it does not tell.
pub fn torch_version() -> String {
    ffi::text("ask libtorch for its version", ffi::anechoic_version())
        .unwrap_or_else(|_| "unknown".to_owned())
}

/// The instruction set that libtorch's own kernels use, such as `AVX2`; `unknown` where it does not tell.
pub fn cpu_capability() -> String {
    let action = "ask libtorch for its instruction set";
    ffi::text(action, ffi::anechoic_cpu_capability()).unwrap_or_else(|_| "unknown".to_owned())
}

/// The folder that the loaded libtorch's CPU part came from.
pub fn library_folder() -> Result<PathBuf, OpsError> {
    let action = "find libtorch's folder";
    ffi::text(action, ffi::anechoic_library_folder()).map(PathBuf::from)
}

/// Loads libtorch's CUDA part from beside the loaded CPU part. libtorch looks for it once, on the first question about
/// CUDA, seeding included; so this comes before any of them, or CUDA stays off for the life of the process.
pub fn load_cuda() -> Result<(), OpsError> {
    match ffi::anechoic_load_cuda() {
        0 => Ok(()),
        _ => Err(OpsError::CudaLibrary(ffi::last_message())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_library_names_its_version() {
        assert_eq!(torch_version(), "2.11.0");
        assert_ne!(cpu_capability(), "unknown");
    }

    #[test]
    fn the_folder_is_the_loaded_librarys() {
        let folder = library_folder().unwrap();
        assert!(folder.join("libtorch_cpu.so").exists(), "{folder:?}");
    }

    #[test]
    fn a_missing_cuda_part_is_named() {
        // With the CUDA part installed loading it may work; if not, the text names the library that lacks.
        if let Err(error) = load_cuda() {
            let text = error.to_string();
            assert!(
                text.starts_with("load libtorch's CUDA part: ") && text.contains(".so"),
                "{text}"
            );
        }
    }
}
