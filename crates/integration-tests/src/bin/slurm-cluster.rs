//! A Slurm cluster of one node to throw away, by hand: `slurm-cluster start FOLDER` prints what the shell has to export,
//! `slurm-cluster stop FOLDER` ends it. Needs Debian's `slurm-wlm`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anechoic_integration_tests::slurm::{Files, end_daemon, has_slurm};
use anechoic_integration_tests::wait_for;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["start", folder] if has_slurm() => start(Path::new(folder)),
        ["start", _] => {
            eprintln!("error: there is no Slurm here\n  hint: install Debian's slurm-wlm");
            return ExitCode::from(4);
        }
        ["stop", folder] => stop(Path::new(folder)),
        _ => {
            eprintln!("usage: slurm-cluster start|stop FOLDER");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn start(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let folder = folder.canonicalize().expect("the folder is there");
    let files = Files::in_folder(&folder);
    files.write();
    let daemons = ["slurmctld", "slurmd"].map(|name| files.start(name).id().to_string());
    fs::write(folder.join("daemons"), daemons.join("\n")).expect("the folder can be written");
    wait_for("the node", || files.is_idle().then_some(()));
    println!("export SLURM_CONF={}", files.configuration().display());
}

fn stop(folder: &Path) {
    let daemons = fs::read_to_string(folder.join("daemons")).unwrap_or_default();
    let files = Files::in_folder(folder);
    files.say("scancel", &["--state=PENDING,RUNNING"]);
    let pids = daemons.lines().filter_map(|line| line.parse().ok());
    pids.for_each(end_daemon);
}
