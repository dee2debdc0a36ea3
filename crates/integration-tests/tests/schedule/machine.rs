//! A machine for one test: a suite, folders of units, and stand-ins for the programs of systemd and cron.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anechoic_integration_tests::{Bench, Finished, finish};

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"
"#;

/// A test's machine.
pub(crate) struct Machine {
    pub(crate) bench: Bench,
}

impl Machine {
    /// One on which systemd runs.
    pub(crate) fn with_systemd() -> Self {
        let it = Self::without_systemd();
        it.folder("probe-root/run/systemd/system");
        it
    }

    pub(crate) fn without_systemd() -> Self {
        let it = Self {
            bench: Bench::new(CASES, ""),
        };
        it.folder("stand-in");
        it
    }

    /// In a time zone with the clocks of Central Europe.
    pub(crate) fn in_berlin(self) -> Self {
        self.folder("probe-root/etc");
        let zones = self.folder("probe-root/usr/share/zoneinfo/Europe");
        let zone = zones.join("Berlin");
        fs::write(&zone, zone_file("CET-1CEST,M3.5.0,M10.5.0/3")).unwrap();
        symlink(zone, self.bench.path("probe-root/etc/localtime")).unwrap();
        self
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.bench.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schedule/programs");
        let mut command = self.bench.command(args);
        command
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .env("STAND_IN", self.bench.path("stand-in"))
            .env("HOME", self.bench.path("home"))
            .env("XDG_CONFIG_HOME", self.bench.path("config"));
        command
    }

    /// `anechoic schedule` with these arguments.
    pub(crate) fn schedule(&self, args: &[&str]) -> Finished {
        let args = [&["schedule"], args].concat();
        finish(&mut self.command(&args))
    }

    /// The same, which has to end well.
    pub(crate) fn scheduled(&self, args: &[&str]) -> Finished {
        let ended = self.schedule(args);
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
        ended
    }

    /// What the stand-ins were asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        let path = self.bench.path("stand-in/asked");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }

    /// Tells the stand-ins something.
    pub(crate) fn tell(&self, name: &str, text: &str) {
        self.bench.write(&format!("stand-in/{name}"), text);
    }

    pub(crate) fn untell(&self, name: &str) {
        fs::remove_file(self.bench.path("stand-in").join(name)).unwrap();
    }

    pub(crate) fn crontab(&self) -> String {
        fs::read_to_string(self.bench.path("stand-in/crontab")).unwrap_or_default()
    }

    /// The text of a user's unit; `None` where it is not there.
    pub(crate) fn unit(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.units().join(name)).ok()
    }

    pub(crate) fn units(&self) -> PathBuf {
        self.bench.path("config/systemd/user")
    }
}

/// A file of a time zone that has a rule and no table.
fn zone_file(rule: &str) -> Vec<u8> {
    let mut header = b"TZif2".to_vec();
    header.resize(20, 0);
    // Counts of marks, of leap seconds, of transitions, of types, of characters.
    for count in [0u32, 0, 0, 0, 1, 4] {
        header.extend(count.to_be_bytes());
    }
    // One type: an hour ahead, no summer time, its name at 0.
    let mut table = 3600i32.to_be_bytes().to_vec();
    table.extend([0, 0]);
    table.extend(b"CET\0");
    let once = [header, table].concat();
    [once.as_slice(), &once, format!("\n{rule}\n").as_bytes()].concat()
}

/// Whether a program of this name is in `PATH`.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(name));
    places.find(|place| Path::is_file(place))
}
