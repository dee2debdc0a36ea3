//! The control groups that this process is in: quotas, limits, and whether groups can be made.

use nix::unistd::{AccessFlags, access};

use super::super::facts::{GroupFacts, UnifiedGroup};
use crate::probe::Root;

/// Above this a limit of version 1 means none.
const NO_LIMIT: u64 = 1 << 60;

/// Where the groups of one hierarchy are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// Without the leading `/`.
    point: String,
    /// The group that is seen there.
    root: String,
    /// Controllers of version 1; `None` for version 2.
    controllers: Option<Vec<String>>,
}

pub(super) fn read(root: &Root) -> GroupFacts {
    let mounts = mounts(&root.text("proc/self/mountinfo").unwrap_or_default());
    let groups = root.text("proc/self/cgroup").unwrap_or_default();
    let unified = folders(&mounts, &groups, None);
    let cpu = folders(&mounts, &groups, Some("cpu"));
    let memory = folders(&mounts, &groups, Some("memory"));
    let quotas = unified.iter().filter_map(|folder| quota(root, folder));
    let quotas = quotas.chain(cpu.iter().filter_map(|folder| quota_v1(root, folder)));
    let limits = unified.iter().filter_map(|folder| limit(root, folder));
    let limits = limits.chain(memory.iter().filter_map(|folder| limit_v1(root, folder)));
    let lowest = limits.min_by_key(|(limit, _)| *limit);
    let mut own = unified.first().into_iter().chain(cpu.first());
    GroupFacts {
        quota_milli: quotas.min(),
        quota_throttles: own
            .find_map(|folder| stat(root, &format!("{folder}/cpu.stat"), "nr_throttled")),
        memory_limit_bytes: lowest.map(|(limit, _)| limit),
        memory_used_bytes: lowest.map(|(_, used)| used),
        unified: unified
            .first()
            .and_then(|folder| unified_group(root, folder)),
    }
}

/// Lines of `mountinfo`: `id parent device root point options … - type source options`.
fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let place: Vec<&str> = place.split(' ').collect();
        let kind: Vec<&str> = kind.split(' ').collect();
        let controllers = match *kind.first()? {
            "cgroup2" => None,
            "cgroup" => Some(kind.get(2)?.split(',').map(str::to_owned).collect()),
            _ => return None,
        };
        Some(Mount {
            point: place.get(4)?.trim_start_matches('/').to_owned(),
            root: (*place.get(3)?).to_owned(),
            controllers,
        })
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// Folders of this process's group and of all above it, the own one first. `controller` is one of version 1, `None`
/// stands for version 2.
fn folders(mounts: &[Mount], groups: &str, controller: Option<&str>) -> Vec<String> {
    let is_it = |names: &str| match controller {
        None => names.is_empty(),
        Some(wanted) => names.split(',').any(|name| name == wanted),
    };
    let path = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let names = fields.next()?;
        is_it(names).then(|| fields.next())?
    });
    let mount = mounts
        .iter()
        .find(|mount| match (&mount.controllers, controller) {
            (None, None) => true,
            (Some(names), Some(wanted)) => names.iter().any(|name| name == wanted),
            (None, Some(_)) | (Some(_), None) => false,
        });
    let (Some(path), Some(mount)) = (path, mount) else {
        return Vec::new();
    };
    let below = path
        .strip_prefix(mount.root.trim_end_matches('/'))
        .unwrap_or(path);
    let mut folder = format!("{}{}", mount.point, below.trim_end_matches('/'));
    let mut all = vec![folder.clone()];
    while folder.len() > mount.point.len() {
        folder.truncate(folder.rfind('/').unwrap_or(0));
        all.push(folder.clone());
    }
    all
}

/// `cpu.max`: `200000 100000`, or `max 100000`.
fn quota(root: &Root, folder: &str) -> Option<u64> {
    let text = root.text(&format!("{folder}/cpu.max"))?;
    let (quota, period) = text.split_once(' ')?;
    (quota.parse::<u64>().ok()? * 1000).checked_div(period.parse().ok()?)
}

/// Minus one is none.
fn quota_v1(root: &Root, folder: &str) -> Option<u64> {
    let quota: u64 = root.number(&format!("{folder}/cpu.cfs_quota_us"))?;
    let period: u64 = root.number(&format!("{folder}/cpu.cfs_period_us"))?;
    (quota * 1000).checked_div(period)
}

/// The limit, and what is held less files that can be dropped.
fn limit(root: &Root, folder: &str) -> Option<(u64, u64)> {
    let limit = root.number(&format!("{folder}/memory.max"))?;
    let held: u64 = root.number(&format!("{folder}/memory.current"))?;
    let files = stat(root, &format!("{folder}/memory.stat"), "inactive_file");
    Some((limit, held.saturating_sub(files.unwrap_or(0))))
}

fn limit_v1(root: &Root, folder: &str) -> Option<(u64, u64)> {
    let limit = root.number(&format!("{folder}/memory.limit_in_bytes"))?;
    let held: u64 = root.number(&format!("{folder}/memory.usage_in_bytes"))?;
    let files = stat(
        root,
        &format!("{folder}/memory.stat"),
        "total_inactive_file",
    );
    (limit < NO_LIMIT).then(|| (limit, held.saturating_sub(files.unwrap_or(0))))
}

/// A line `key value`.
fn stat(root: &Root, name: &str, key: &str) -> Option<u64> {
    let text = root.text(name)?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(known, _)| *known == key)?;
    value.parse().ok()
}

fn unified_group(root: &Root, folder: &str) -> Option<UnifiedGroup> {
    let path = root.path(folder);
    let controllers = root.text(&format!("{folder}/cgroup.controllers"))?;
    let may_write = |place: &std::path::Path| access(place, AccessFlags::W_OK).is_ok();
    Some(UnifiedGroup {
        writable: may_write(&path) && may_write(&path.join("cgroup.procs")),
        controllers: controllers.split_whitespace().map(str::to_owned).collect(),
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn made(files: &[(&str, &str)]) -> (TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::at(folder.path());
        (folder, root)
    }

    #[test]
    fn the_lowest_limits_of_the_groups_above_count() {
        let (_folder, root) = made(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            (
                "proc/self/mountinfo",
                "30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/a/b/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/a/b/cgroup.procs", ""),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            (
                "sys/fs/cgroup/a/b/cpu.stat",
                "usage_usec 5\nnr_throttled 3\n",
            ),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/memory.current", "900\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 200\n"),
        ]);
        let facts = read(&root);
        assert_eq!(facts.quota_milli, Some(1500));
        assert_eq!(facts.quota_throttles, Some(3));
        assert_eq!(facts.memory_limit_bytes, Some(1000));
        assert_eq!(facts.memory_used_bytes, Some(700));
        let unified = facts.unified.unwrap();
        assert!(unified.writable && unified.path.ends_with("sys/fs/cgroup/a/b"));
        assert_eq!(unified.controllers, ["cpu", "memory"]);
    }

    #[test]
    fn version_1_has_a_folder_for_each_controller() {
        let (_folder, root) = made(&[
            (
                "proc/self/cgroup",
                "4:memory:/x\n1:cpu,cpuacct:/pod/x\n0::/\n",
            ),
            (
                "proc/self/mountinfo",
                "32 31 0:29 /pod /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            (
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "5\n"),
        ]);
        let facts = read(&root);
        assert_eq!(facts.quota_milli, Some(2500));
        assert_eq!(facts.memory_limit_bytes, None);
        assert_eq!(facts.unified, None);
    }

    #[test]
    fn a_machine_without_groups_has_no_limits() {
        let (_folder, root) = made(&[]);
        let facts = read(&root);
        assert_eq!((facts.quota_milli, facts.unified), (None, None));
    }
}
