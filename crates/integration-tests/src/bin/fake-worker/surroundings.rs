//! What the worker sees of its surroundings, one `key value` per line on standard error.

use std::env;
use std::fs;

/// Writes all of it.
pub(crate) fn tell() {
    for (name, value) in env::vars_os() {
        eprintln!("variable {}={}", name.display(), value.display());
    }
    for argument in env::args().skip(1) {
        eprintln!("argument {argument}");
    }
    let folder = env::current_dir().expect("there is a working directory");
    eprintln!("folder {}", folder.display());
    eprintln!("cpus {}", of_status("Cpus_allowed_list:"));
    eprintln!("niceness {}", field_of_stat(16));
    eprintln!("personality {}", of_proc("personality").trim());
    eprintln!("data-limit {}", data_limit());
    eprintln!("groups {}", of_proc("cgroup").trim().replace('\n', " "));
    for file in fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
    {
        let target = fs::read_link(file.path()).unwrap_or_default();
        // The list itself is open while it is read.
        if !target.ends_with("fd") {
            eprintln!("file {} {}", file.file_name().display(), target.display());
        }
    }
}

fn of_proc(name: &str) -> String {
    fs::read_to_string(format!("/proc/self/{name}")).expect("/proc is there")
}

fn of_status(key: &str) -> String {
    let status = of_proc("status");
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.unwrap_or_default().trim().to_owned()
}

/// Counted from the field after the name.
fn field_of_stat(index: usize) -> String {
    let stat = of_proc("stat");
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace()
        .nth(index)
        .unwrap_or_default()
        .to_owned()
}

/// The soft limit of the data segment.
fn data_limit() -> String {
    let limits = of_proc("limits");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max data size"));
    line.and_then(|line| line.split_whitespace().next())
        .unwrap_or_default()
        .to_owned()
}
