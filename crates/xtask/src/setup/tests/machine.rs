//! A machine to set up: a repository, a cache, programs, and wheels as small as they can be.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::env::Env;
use crate::setup::{Request, SetupError, setup};

/// Files of a tree or a wheel, each holding its own path unless it is the version.
pub(super) const WHEEL: [&str; 10] = [
    "torch/version.py",
    "torch/__init__.py",
    "torch/include/torch/csrc/api/include/torch/torch.h",
    "torch/lib/libtorch.so",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libtorch_cuda.so",
    "torch/lib/libc10.so",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
    "nvidia/cudnn/lib/libcudnn.so.9",
];

pub(super) struct Machine {
    dir: TempDir,
    pub(super) env: Env,
    said: Rc<RefCell<Vec<String>>>,
}

impl Machine {
    /// With a C++ compiler, a Python with pip, and a wheel to download.
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for below in ["repository", "bin", "wheels"] {
            fs::create_dir(dir.path().join(below)).unwrap();
        }
        let said = Rc::new(RefCell::new(Vec::new()));
        let env = Self::env(dir.path(), "repository", said.clone());
        let machine = Self { dir, env, said };
        machine.install("c++", "python3");
        machine.install("python3", "python3");
        machine.offer(&WHEEL);
        machine
    }

    /// The surroundings in a clone on the machine at `dir`.
    pub(super) fn env(dir: &Path, clone: &str, said: Rc<RefCell<Vec<String>>>) -> Env {
        let root = dir.join(clone);
        fs::create_dir_all(&root).unwrap();
        Env {
            cwd: root.clone(),
            path: dir.join("bin").into(),
            library_path: "".into(),
            cargo: "cargo".into(),
            target: root.join("target"),
            libtorch: None,
            cxx: None,
            cache: Some(dir.join("cache")),
            driver: false,
            arch: "x86_64",
            free_bytes: |_| Ok(u64::MAX),
            say: Box::new(move |text| said.borrow_mut().push(text.to_owned())),
            root,
        }
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Puts a stand-in into PATH. It is linked, not written: a file just written may be too busy to run.
    pub(super) fn install(&self, name: &str, program: &str) {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
        symlink(programs.join(program), self.path("bin").join(name)).unwrap();
    }

    pub(super) fn uninstall(&self, name: &str) {
        fs::remove_file(self.path("bin").join(name)).unwrap();
    }

    pub(super) fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces the wheel to download by one of these files.
    pub(super) fn offer(&self, files: &[&str]) {
        let file = File::create(self.path("wheels/torch.whl")).unwrap();
        let mut wheel = ZipWriter::new(file);
        for file in files {
            wheel
                .start_file(*file, SimpleFileOptions::default())
                .unwrap();
            wheel.write_all(content(file).as_bytes()).unwrap();
        }
        wheel.finish().unwrap();
    }

    /// Lays a libtorch out in a folder: the files of the wheel except those that the filter drops.
    pub(super) fn lay_out(&self, below: &str, keep: impl Fn(&str) -> bool) {
        for file in WHEEL.iter().filter(|file| keep(file)) {
            self.write(&format!("{below}/{file}"), &content(file));
        }
    }

    pub(super) fn setup(&self) -> Result<(), SetupError> {
        setup(&self.env, Request::new(false, false, false))
    }

    pub(super) fn said(&self) -> String {
        self.said.borrow().join("\n")
    }

    /// How often Python was asked something that starts so.
    pub(super) fn asked(&self, start: &str) -> usize {
        let asked = fs::read_to_string(self.path("asked")).unwrap_or_default();
        asked.lines().filter(|line| line.starts_with(start)).count()
    }

    pub(super) fn downloads(&self) -> usize {
        self.asked("python3 -m pip download")
    }

    /// What lies in the cache besides locks.
    pub(super) fn cached(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("cache")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }

    /// Where `.libtorch/torch` leads.
    pub(super) fn linked(&self) -> Option<PathBuf> {
        let link = fs::canonicalize(self.env.root.join(".libtorch/torch")).ok()?;
        Some(
            link.strip_prefix(fs::canonicalize(self.dir.path()).unwrap())
                .unwrap()
                .to_path_buf(),
        )
    }
}

fn content(file: &str) -> String {
    match file {
        "torch/version.py" => "__version__ = '2.11.0+cu130'\n".into(),
        other => other.to_owned(),
    }
}
