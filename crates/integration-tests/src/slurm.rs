//! A Slurm cluster of one node to throw away: controller and node daemon of this machine on loopback, with ports, state and
//! logs of their own, and nobody asked who they are. For tests, and for looking at a cluster by hand.

use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{gone, wait_for};

/// The daemons, and where they are on Debian, whose users do not have that folder in `PATH`.
const DAEMONS: [&str; 2] = ["slurmctld", "slurmd"];
const FOLDER: &str = "/usr/sbin";

/// Whether this machine has all that a cluster needs.
pub fn has_slurm() -> bool {
    let commands = ["sbatch", "scontrol", "scancel", "sinfo", "squeue"];
    DAEMONS
        .into_iter()
        .chain(commands)
        .all(|name| find(name).is_some())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from(FOLDER)]);
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A running cluster. It ends with this value, and prints the end of its logs where a test has failed.
#[derive(Debug)]
pub struct Cluster {
    files: Files,
    controller: Option<Child>,
    node: Option<Child>,
    _folder: TempDir,
}

/// Where a cluster keeps what it needs.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Of a cluster in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What `SLURM_CONF` has to name.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    /// Writes the configuration, with ports that are free now.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn write(&self) {
        for name in ["state", "spool"] {
            fs::create_dir_all(self.folder.join(name)).expect("the folder can be written");
        }
        let text = configuration(&self.folder, &own_name(), &own_user(), free_ports());
        fs::write(self.configuration(), text).expect("the folder can be written");
    }

    /// A command of Slurm for this cluster.
    pub fn command(&self, name: &str) -> Command {
        let program = find(name).unwrap_or_else(|| name.into());
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.configuration());
        command
    }

    /// Starts a daemon in the foreground, away from the terminal.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, daemon: &str) -> Child {
        let output = File::create(self.folder.join(format!("{daemon}.out")));
        let output = output.expect("the folder can be written");
        let copy = output.try_clone().expect("a descriptor can be copied");
        let mut command = self.command(daemon);
        command
            .arg("-D")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(copy);
        let child = command.process_group(0).spawn();
        child.expect("a daemon of Slurm can be started")
    }

    /// What a command of Slurm says.
    pub fn say(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.command(name).args(arguments).output();
        let output = output.expect("a command of Slurm can be run");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whether the node waits for work.
    pub fn is_idle(&self) -> bool {
        let arguments = ["--noheader", "--format=%T"];
        self.say("sinfo", &arguments).trim() == "idle"
    }

    fn logs(&self) -> String {
        let log = |name: &str| {
            let path = self.folder.join(name);
            let text = fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines: Vec<_> = text.lines().collect();
            let from = lines.len().saturating_sub(60);
            format!("--- {name}\n{}\n", lines[from..].join("\n"))
        };
        ["slurmctld.log", "slurmd.log", "slurmctld.out", "slurmd.out"]
            .map(log)
            .concat()
    }
}

impl Cluster {
    /// Starts one; `None` where this machine has no Slurm and no CI asks for it.
    ///
    /// # Panics
    /// When `CI` is set and there is no Slurm, and when the cluster does not come up.
    pub fn start() -> Option<Self> {
        if !has_slurm() {
            assert!(
                env::var_os("CI").is_none(),
                "CI is set and there is no Slurm: install slurm-wlm"
            );
            eprintln!("skipped: there is no Slurm here (Debian's slurm-wlm)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let files = Files::in_folder(folder.path());
        files.write();
        let cluster = Self {
            controller: Some(files.start("slurmctld")),
            node: Some(files.start("slurmd")),
            files,
            _folder: folder,
        };
        wait_for("the node", || cluster.files.is_idle().then_some(()));
        Some(cluster)
    }

    /// What `SLURM_CONF` has to name.
    pub fn configuration(&self) -> PathBuf {
        self.files.configuration()
    }

    /// What a command of Slurm says.
    pub fn say(&self, name: &str, arguments: &[&str]) -> String {
        self.files.say(name, arguments)
    }

    /// Names of the jobs that wait or run.
    pub fn jobs(&self) -> Vec<String> {
        let said = self.say("squeue", &["--noheader", "--format=%i"]);
        said.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// The one job that waits or runs.
    pub fn job(&self) -> String {
        wait_for("a job", || self.jobs().first().cloned())
    }

    /// Changes the only node, or its partition.
    pub fn update(&self, change: &str) {
        let name = format!("nodename={}", own_name());
        let mut words = vec!["update"];
        match change.starts_with("partition") {
            true => {}
            false => words.push(&name),
        }
        words.extend(change.split(' '));
        self.say("scontrol", &words);
    }

    /// Ends the controller and starts it again, after what happens in between.
    pub fn restart_controller(&mut self, between: impl FnOnce()) {
        self.controller.take().into_iter().for_each(end);
        between();
        self.controller = Some(self.files.start("slurmctld"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.files.say("scontrol", &["show", "job"]));
            eprintln!("{}", self.files.logs());
        }
        for job in self.jobs() {
            self.say("scancel", &["--full", "--signal=KILL", &job]);
            self.say("scancel", &[&job]);
        }
        self.node.take().into_iter().for_each(end);
        self.controller.take().into_iter().for_each(end);
    }
}

fn end(mut daemon: Child) {
    let pid = Pid::from_raw(daemon.id().cast_signed());
    let _ = kill(pid, Signal::SIGTERM);
    wait_for("the end of a daemon", || daemon.try_wait().ok().flatten());
}

/// Ends a daemon that another process has started.
pub fn end_daemon(pid: u32) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
    wait_for("the end of a daemon", || gone(pid).then_some(()));
}

/// The name of this machine up to its first dot, by which Slurm knows it.
fn own_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().split('.').next().unwrap_or_default().to_owned()
}

fn own_user() -> String {
    let said = Command::new("id").arg("-un").output();
    let said = said.expect("`id` can be run").stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// Two ports that nobody listens on.
fn free_ports() -> [u16; 2] {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let listeners = [listen(), listen()];
    listeners.map(|listener| {
        listener
            .local_addr()
            .expect("a listener has an address")
            .port()
    })
}

fn configuration(folder: &Path, host: &str, user: &str, [controller, node]: [u16; 2]) -> String {
    let folder = folder.display();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
JobRequeue=1
KillWait=5
MinJobAge=300
ReturnToService=1
SlurmctldTimeout=30
SlurmdTimeout=60
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=bench Nodes={host} Default=YES MaxTime=INFINITE State=UP
"
    )
}
