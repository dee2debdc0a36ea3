//! Compiles the C++ beside this crate against libtorch, and sets the run paths of every binary and test of the package.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-changed=build.rs");
    // Without libtorch (feature `doc-only`) the crate is checked, not linked.
    if env::var_os("CARGO_FEATURE_DOC_ONLY").is_some() {
        return;
    }
    let lib = libtorch_lib();
    run_paths(&lib);
    compile_kernels("kernels_avx2", 8, &["-mavx2", "-mfma"]);
    let avx512 = [
        "-mavx512f",
        "-mavx512bw",
        "-mavx512vl",
        "-mavx512dq",
        "-mfma",
    ];
    compile_kernels("kernels_avx512", 16, &avx512);
    compile(&lib);
    link(&lib);
}

/// The folder of libtorch's libraries, as torch-sys found it.
fn libtorch_lib() -> PathBuf {
    env::var_os("DEP_TCH_LIBTORCH_LIB")
        .map(PathBuf::from)
        .expect("torch-sys names libtorch's folder; run `cargo xtask setup` or set LIBTORCH")
}

/// First the folder a shipped tree has beside its `bin`, then the folder built against.
fn run_paths(lib: &Path) {
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../libtorch/torch/lib");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
}

/// The kernels for one instruction set. The file includes nothing that could leak such code into the rest of the program.
fn compile_kernels(table: &str, lanes: u32, flags: &[&str]) {
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("x86_64") {
        return;
    }
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        .flag("-w")
        .flag("-ffp-contract=fast");
    build
        .define("KERNELS", table)
        .define("LANES", lanes.to_string().as_str());
    for flag in flags {
        build.flag(flag);
    }
    build.file("csrc/kernels.cpp").compile(table);
}

fn compile(lib: &Path) {
    let root = lib.parent().expect("libtorch's `lib` lies in a folder");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // Kernels are useless without optimisation, and tests should run the code that ships.
        .opt_level(3)
        .flag("-fopenmp")
        // libtorch's headers warn by the hundred.
        .flag("-w")
        .include(root.join("include"))
        .file("csrc/ops.cpp")
        .compile("anechoic_ops");
}

fn link(lib: &Path) {
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    // libtorch brings an OpenMP of its own under a hashed name; a second one would mean a second pool of threads.
    let gomp = openmp_beside(lib).unwrap_or_else(|| "libgomp.so.1".to_owned());
    println!("cargo:rustc-link-lib=dylib:+verbatim={gomp}");
}

fn openmp_beside(lib: &Path) -> Option<String> {
    let entries = std::fs::read_dir(lib).ok()?;
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.starts_with("libgomp") && name.contains(".so"))
}
