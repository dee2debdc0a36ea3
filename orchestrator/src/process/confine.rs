//! What is set in a new process between fork and exec. Nothing here may allocate. A setting that is refused
//! is named through a pipe: the standard library passes on an error number alone.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::personality::{self, Persona};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, chdir, getppid, setsid, write};
use tokio::process::Command;

/// A thing that is set, in the order in which that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// The kernel ends it with its parent.
    ParentDeath,
    /// It joins its control group.
    ControlGroup,
    /// The folder that it starts in.
    Folder,
    /// The CPUs that it may use.
    Cpus,
    /// Its niceness.
    Niceness,
    /// Addresses that are the same each time.
    FixedAddresses,
    /// The limit of its data segment.
    DataLimit,
    /// Only the standard files stay open.
    Files,
}

/// What a process is to get.
#[derive(Debug)]
pub(super) struct Confinement {
    /// The process that it is to end with.
    pub(super) parent: Pid,
    /// The list of members of its control group.
    pub(super) door: Option<OwnedFd>,
    /// Whether the control group keeps the memory limit for those who join it.
    pub(super) group_limits_memory: bool,
    pub(super) folder: Option<CString>,
    pub(super) cpus: Option<CpuSet>,
    /// Added to the niceness that it has.
    pub(super) nice: Option<i32>,
    pub(super) fixed_addresses: bool,
    /// In bytes.
    pub(super) data_limit: Option<u64>,
    /// The highest descriptor that is open.
    pub(super) highest_file: i32,
    /// Where settings that were refused are named, one byte each.
    pub(super) told: OwnedFd,
}

impl Setting {
    const ALL: [Self; 8] = [
        Self::ParentDeath,
        Self::ControlGroup,
        Self::Folder,
        Self::Cpus,
        Self::Niceness,
        Self::FixedAddresses,
        Self::DataLimit,
        Self::Files,
    ];

    /// The settings that these bytes name.
    pub(super) fn read(bytes: &[u8]) -> Vec<Self> {
        let named = bytes.iter().map(|byte| Self::ALL.get(usize::from(*byte)));
        named.flatten().copied().collect()
    }
}

/// Has the command's process set all this before it becomes the program.
#[expect(unsafe_code, reason = "the process is set up between fork and exec")]
pub(super) fn confine(command: &mut Command, confinement: Confinement) {
    // SAFETY: `set` makes system calls and allocates nothing, which is allowed after fork.
    unsafe {
        command.pre_exec(move || confinement.set());
    }
}

/// Has the command's process leave the session of this one, with none of its files but the standard ones.
pub(super) fn detach(command: &mut std::process::Command) {
    let highest = highest_file();
    before_exec(command, move || {
        setsid()?;
        Ok(close_files(highest)?)
    });
}

/// The same, and the kernel ends it with this process. Must be called on a thread that outlives it: the signal follows the thread.
pub(super) fn detach_with_parent(command: &mut std::process::Command, parent: Pid) {
    let highest = highest_file();
    before_exec(command, move || {
        die_with(parent)?;
        setsid()?;
        Ok(close_files(highest)?)
    });
}

/// Does this in the new process, which may only make system calls and allocate nothing.
#[expect(unsafe_code, reason = "the process is set up between fork and exec")]
fn before_exec(
    command: &mut std::process::Command,
    set: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: both callers' closures make system calls and allocate nothing, which is allowed after fork.
    unsafe {
        command.pre_exec(set);
    }
}

impl Confinement {
    fn set(&self) -> io::Result<()> {
        self.step(Setting::ParentDeath, die_with(self.parent))?;
        let mut in_group = false;
        if let Some(door) = &self.door {
            let joined = self.step(Setting::ControlGroup, write(door, b"0").map(drop));
            in_group = joined.is_ok();
        }
        if let Some(folder) = &self.folder {
            self.step(Setting::Folder, chdir(folder.as_c_str()))?;
        }
        if let Some(cpus) = &self.cpus {
            self.step(Setting::Cpus, bind(cpus))?;
        }
        if let Some(nice) = self.nice {
            self.step(Setting::Niceness, add_niceness(nice))?;
        }
        if self.fixed_addresses {
            self.step(Setting::FixedAddresses, fix_addresses())?;
        }
        if let Some(bytes) = self.data_limit
            && !(in_group && self.group_limits_memory)
        {
            let limited = setrlimit(Resource::RLIMIT_DATA, bytes, bytes);
            self.step(Setting::DataLimit, limited)?;
        }
        self.step(Setting::Files, close_files(self.highest_file))
    }

    fn step(&self, setting: Setting, result: nix::Result<()>) -> io::Result<()> {
        result.map_err(|error| {
            let _ = write(&self.told, &[setting as u8]);
            io::Error::from_raw_os_error(error as i32)
        })
    }
}

/// Has the kernel kill this process when its parent dies, however that happens.
fn die_with(parent: Pid) -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // It may have died before the signal was set.
    match getppid() == parent {
        true => Ok(()),
        false => Err(Errno::ESRCH),
    }
}

/// The kernel leaves out CPUs that are not there, without a word.
fn bind(cpus: &CpuSet) -> nix::Result<()> {
    let own = Pid::from_raw(0);
    sched_setaffinity(own, cpus)?;
    match sched_getaffinity(own)? == *cpus {
        true => Ok(()),
        false => Err(Errno::ENODEV),
    }
}

#[expect(unsafe_code, reason = "nix has no nice")]
fn add_niceness(nice: i32) -> nix::Result<()> {
    Errno::clear();
    // SAFETY: it takes and gives a number. -1 is a niceness as well as an error.
    let reached = unsafe { libc::nice(nice) };
    match (reached, Errno::last()) {
        (-1, error) if error != Errno::UnknownErrno => Err(error),
        _ => Ok(()),
    }
}

fn fix_addresses() -> nix::Result<()> {
    let before = personality::get()?;
    personality::set(before | Persona::ADDR_NO_RANDOMIZE).map(drop)
}

/// Marks every descriptor above 2 to be closed by exec; until then the standard library needs its own.
#[expect(unsafe_code, reason = "nix has no close_range")]
fn close_files(highest: i32) -> nix::Result<()> {
    let all = libc::c_uint::MAX;
    // SAFETY: descriptors are numbers, and marking one to be closed at exec touches no memory.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            all,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return Ok(());
    }
    // The kernel is older than this call. What was opened since has its mark.
    for file in 3..=highest {
        // SAFETY: as above; a number that is not open is refused.
        let _ = unsafe { libc::fcntl(file, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// The highest descriptor that is open in this process.
pub(super) fn highest_file() -> i32 {
    let files = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers = files.filter_map(|file| file.file_name().to_str()?.parse().ok());
    numbers.max().unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_told_by_one_byte() {
        let bytes = Setting::ALL.map(|setting| setting as u8);
        assert_eq!(Setting::read(&bytes), Setting::ALL);
        assert_eq!(Setting::read(&[200]), []);
    }
}
