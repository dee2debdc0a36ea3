//! A control group (version 2) of its own for each worker, where this process may make one: nothing that
//! the worker starts can leave it, and the kernel ends all of it at once. Elsewhere there is none.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::identity::Identity;

/// How the groups' names begin; the orchestrator's identity and a number follow.
const PREFIX: &str = "anechoic-";

/// Attempts to remove a group, 2 ms apart.
const REMOVALS: u32 = 50;

/// A control group. Removed when dropped; the kernel refuses that while a process is in it.
#[derive(Debug)]
pub(super) struct Scope {
    path: PathBuf,
    members: File,
    limits_memory: bool,
}

impl Scope {
    /// Makes a group; `None` where that is not allowed. A memory limit is set where the kernel offers it.
    pub(super) fn make(memory_limit: Option<u64>) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", Identity::own());
        Self::make_in(&own_group()?, &name, memory_limit)
    }

    /// The kernel limits memory in a group without processes of its own only, and this process is in its own:
    /// with a limit, a group beside its own is tried as well.
    fn make_in(own: &Path, name: &str, memory_limit: Option<u64>) -> Option<Self> {
        let beside = own.parent().filter(|_| memory_limit.is_some());
        let mut plain = None;
        for parent in std::iter::once(own).chain(beside) {
            let Some(mut scope) = Self::create(parent.join(name)) else {
                continue;
            };
            scope.limits_memory =
                memory_limit.is_some_and(|limit| scope.limit_memory(limit).is_ok());
            if scope.limits_memory || memory_limit.is_none() {
                return Some(scope);
            }
            plain = plain.or(Some(scope));
        }
        plain
    }

    fn create(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).ok()?;
        match File::options().write(true).open(path.join("cgroup.procs")) {
            Ok(members) => Some(Self {
                path,
                members,
                limits_memory: false,
            }),
            Err(_) => {
                remove(&path);
                None
            }
        }
    }

    fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        write_existing(&self.path.join("memory.max"), &bytes.to_string())?;
        // Absent where the kernel counts no swap, or is too old to end a whole group: the limit holds all the same.
        let _ = write_existing(&self.path.join("memory.swap.max"), "0");
        let _ = write_existing(&self.path.join("memory.oom.group"), "1");
        Ok(())
    }

    /// Whether the kernel keeps the memory limit for the whole group.
    pub(super) fn limits_memory(&self) -> bool {
        self.limits_memory
    }

    /// A copy of the descriptor through which a process joins, by writing `0`.
    pub(super) fn door(&self) -> io::Result<std::os::fd::OwnedFd> {
        self.members.as_fd().try_clone_to_owned()
    }

    /// The processes in it, those in groups below it among them.
    pub(super) fn members(&self) -> Vec<u32> {
        members(&self.path)
    }

    /// How often the kernel has ended a process of the group because its memory was used up.
    pub(super) fn out_of_memory_kills(&self) -> u64 {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        count(&events, "oom_kill")
    }

    /// Ends all that is in it.
    pub(super) fn kill(&self) {
        kill(&self.path);
    }
}

impl Drop for Scope {
    /// What was killed may take a moment to be gone.
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            remove(&self.path);
            if !self.path.exists() {
                return;
            }
            sleep(Duration::from_millis(2));
        }
    }
}

/// The groups of orchestrators that are gone.
pub(super) fn stale() -> Vec<PathBuf> {
    let Some(own) = own_group() else {
        return Vec::new();
    };
    let parents = std::iter::once(own.as_path()).chain(own.parent());
    parents.flat_map(stale_in).collect()
}

fn stale_in(parent: &Path) -> Vec<PathBuf> {
    let is_stale = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(owner).is_some_and(Identity::is_dead)
    };
    below(parent).filter(is_stale).collect()
}

/// The orchestrator that made a group of this name.
fn owner(name: &str) -> Option<Identity> {
    let (identity, _number) = name.strip_prefix(PREFIX)?.rsplit_once('-')?;
    Identity::parse(identity)
}

/// `cgroup.kill` is younger than groups themselves: without it, every process is ended by its number.
pub(super) fn kill(path: &Path) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if write_existing(&path.join("cgroup.kill"), "1").is_err() {
        for pid in members(path) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
    }
}

/// The processes of a group and of those below it.
pub(super) fn members(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let own = text.lines().filter_map(|line| line.parse().ok());
    let below = below(path).flat_map(|group| members(&group));
    // 0 stands for a process of another PID namespace.
    own.chain(below).filter(|pid| *pid != 0).collect()
}

fn below(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
}

/// Removes a group and those below it. What is not empty stays, and the next start tries again.
pub(super) fn remove(path: &Path) {
    for group in below(path) {
        remove(&group);
    }
    let _ = fs::remove_dir(path);
}

/// Never creates a file: where the path is no control group, there is an error.
fn write_existing(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    File::options()
        .write(true)
        .open(path)?
        .write_all(text.as_bytes())
}

/// The folder of this process's own group.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    folder(&groups, &mounts)
}

/// The group's path below the place where version 2 is mounted.
fn folder(groups: &str, mounts: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let (root, place) = match mount.split(' ').collect::<Vec<_>>()[..] {
            [_, _, _, root, place, ..] if kind.starts_with("cgroup2 ") => (root, place),
            _ => return None,
        };
        let inside = Path::new(group).strip_prefix(root).ok()?;
        Some(Path::new(place).join(inside))
    })
}

/// The number of a line `name number`.
fn count(text: &str, name: &str) -> u64 {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or(0)
}

/// Out-of-memory kills on the whole machine since it was started.
pub(super) fn machine_kills() -> u64 {
    count(
        &fs::read_to_string("/proc/vmstat").unwrap_or_default(),
        "oom_kill",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    #[test]
    fn the_own_group_is_found_where_version_2_is_mounted() {
        let check = |groups: &str, mounts: &str, expected: Option<&str>| {
            assert_eq!(
                folder(groups, mounts),
                expected.map(PathBuf::from),
                "{groups}"
            );
        };
        let hybrid = "4:memory:/a\n0::/user.slice/x.scope\n";
        check(
            hybrid,
            HYBRID,
            Some("/sys/fs/cgroup/unified/user.slice/x.scope"),
        );
        check("0::/\n", HYBRID, Some("/sys/fs/cgroup/unified"));
        check("4:memory:/a\n", HYBRID, None);
        check(
            "0::/\n",
            "35 31 0:32 / /a rw - cgroup cgroup rw,memory",
            None,
        );
        let container =
            "41 31 0:38 /docker/1 /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup rw";
        check(
            "0::/docker/1/inner\n",
            container,
            Some("/sys/fs/cgroup/inner"),
        );
        check("0::/elsewhere\n", container, None);
    }

    #[test]
    fn counts_are_taken_by_their_whole_name() {
        let events = "oom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(count(events, "oom_kill"), 2);
        assert_eq!(count("", "oom_kill"), 0);
    }

    /// A group as the kernel makes it: the files are there as soon as the folder is.
    fn group(parent: &Path, name: &str, files: &[&str]) -> PathBuf {
        let path = parent.join(name);
        fs::create_dir_all(&path).unwrap();
        for file in files {
            fs::write(path.join(file), "").unwrap();
        }
        path
    }

    #[test]
    fn a_memory_limit_is_written_where_the_group_has_one() {
        let root = tempfile::tempdir().unwrap();
        let path = group(
            root.path(),
            "a",
            &["cgroup.procs", "memory.max", "memory.swap.max"],
        );
        let members = File::options()
            .write(true)
            .open(path.join("cgroup.procs"))
            .unwrap();
        let scope = Scope {
            path: path.clone(),
            members,
            limits_memory: false,
        };
        scope.limit_memory(1 << 20).unwrap();
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
        assert_eq!(
            (read("memory.max"), read("memory.swap.max")),
            ("1048576".into(), "0".into())
        );
        fs::remove_file(path.join("memory.max")).unwrap();
        assert!(
            scope.limit_memory(1).is_err(),
            "a group without the controller has no limit"
        );
    }

    #[test]
    fn where_no_group_can_be_made_there_is_none() {
        let root = tempfile::tempdir().unwrap();
        assert!(Scope::make_in(&root.path().join("absent"), "anechoic-x-1", None).is_none());
        assert!(Scope::make_in(root.path(), "anechoic-x-1", Some(1)).is_none());
        assert!(
            !root.path().join("anechoic-x-1").exists(),
            "no folder stays behind"
        );
    }

    #[test]
    fn only_groups_of_dead_orchestrators_are_stale() {
        let root = tempfile::tempdir().unwrap();
        let own = Identity::own().to_string();
        let dead = own
            .split('.')
            .next()
            .map(|pid| own.replacen(pid, "4194304", 1))
            .unwrap();
        let foreign = format!("{dead}1");
        let name = |identity: &str| format!("{PREFIX}{identity}-1");
        for identity in [&own, &dead, &foreign] {
            group(root.path(), &name(identity), &[]);
        }
        group(root.path(), "anechoic-mine", &[]);
        assert_eq!(stale_in(root.path()), [root.path().join(name(&dead))]);
    }
}
