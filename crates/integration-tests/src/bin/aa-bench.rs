//! Compares the same with the same, and with what was slowed down on purpose, on this machine and with the real programs:
//! how often is there a false alarm, how often is the slow-down found, how often does the interval hold it? Prints JSON.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anechoic_integration_tests::aa::{Finding, Tally};
use serde_json::json;

const USAGE: &str = "usage: aa-bench [key=value…]
  bin=DIR          folder of the programs `anechoic` and `anechoic-worker` [default: that of this program]
  worker=PATH      the worker program [default: the one in `bin`]
  comparisons=30   of each kind
  attempts=10      worker processes per side
  slow-down=3%     what is planted
  threshold=1%     given to `anechoic compare`
  kinds=within,between
                   within: two equal cases of one run, interleaved, compared by `--by seed`
                   between: two runs of the same suite, one after the other
  results=DIR      folder of the runs, which are kept [default: a temporary one]

Of each kind the same is compared with the same and with what was slowed down. A process takes about a second, so that the
defaults take about 45 minutes: 30 × 10 × (2 + 2) processes within runs, 30 × 10 × 3 between runs. The machine should have
nothing else to do.";

/// What is asked for.
struct Settings {
    bin: PathBuf,
    worker: Option<PathBuf>,
    comparisons: u32,
    attempts: u32,
    slow_down: String,
    threshold: String,
    kinds: Vec<String>,
    results: Option<PathBuf>,
}

/// Where runs are made, and with what.
struct Bench {
    settings: Settings,
    worker: PathBuf,
    folder: PathBuf,
}

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let settings = match settings(&args) {
        Ok(settings) => settings,
        Err(wrong) => {
            eprintln!("error: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match measure(settings) {
        Ok(tallies) => {
            println!("{:#}", json!({ "kinds": tallies }));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn settings(args: &[String]) -> Outcome<Settings> {
    let own =
        env::current_exe().map_err(|e| format!("the place of this program is unknown: {e}"))?;
    let mut settings = Settings {
        bin: own.parent().unwrap_or(Path::new(".")).to_owned(),
        worker: None,
        comparisons: 30,
        attempts: 10,
        slow_down: "3%".to_owned(),
        threshold: "1%".to_owned(),
        kinds: ["within", "between"].map(str::to_owned).to_vec(),
        results: None,
    };
    for arg in args {
        let wrong = || format!("`{arg}` is no setting");
        let (key, value) = arg.split_once('=').ok_or_else(wrong)?;
        let count = || value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong);
        match key {
            "bin" => settings.bin = value.into(),
            "worker" => settings.worker = Some(value.into()),
            "comparisons" => settings.comparisons = count()?,
            "attempts" => settings.attempts = count()?,
            "slow-down" => settings.slow_down = value.to_owned(),
            "threshold" => settings.threshold = value.to_owned(),
            "kinds" => settings.kinds = value.split(',').map(str::to_owned).collect(),
            "results" => settings.results = Some(value.into()),
            _ => return Err(wrong()),
        }
    }
    let known = |kind: &String| ["within", "between"].contains(&kind.as_str());
    match settings.kinds.iter().find(|kind| !known(kind)) {
        Some(other) => Err(format!(
            "`{other}` is no kind; there are within and between"
        )),
        None => planted(&settings.slow_down).map(|_| settings),
    }
}

/// `3%` as 0.03.
fn planted(slow_down: &str) -> Outcome<f64> {
    let percent = slow_down
        .strip_suffix('%')
        .and_then(|text| text.parse().ok());
    let percent = percent.filter(|percent: &f64| (0.0..=1_000.0).contains(percent));
    let share = percent.map(|percent| percent / 100.0);
    share.ok_or_else(|| format!("`{slow_down}` is no slow-down; write 3%"))
}

fn measure(settings: Settings) -> Outcome<Vec<Tally>> {
    let temporary = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let folder = settings.results.clone();
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&folder).map_err(|e| format!("make `{}`: {e}", folder.display()))?;
    let worker = settings.worker.clone();
    let worker = worker.unwrap_or_else(|| settings.bin.join("anechoic-worker"));
    let worker = worker
        .canonicalize()
        .map_err(|e| format!("find `{}`: {e}", worker.display()))?;
    let bench = Bench {
        settings,
        worker,
        folder,
    };
    bench.all()
}

impl Bench {
    fn all(&self) -> Outcome<Vec<Tally>> {
        let planted = planted(&self.settings.slow_down)?;
        let mut tallies = Vec::new();
        for kind in &self.settings.kinds {
            let (null, slow) = match kind.as_str() {
                "within" => self.within()?,
                _ => self.between()?,
            };
            tallies.push(Tally::of(kind, 0.0, null));
            tallies.push(Tally::of(kind, planted, slow));
        }
        Ok(tallies)
    }

    /// Two equal cases side by side, and two of which the second is slowed down.
    fn within(&self) -> Outcome<(Vec<Finding>, Vec<Finding>)> {
        let (mut null, mut slow) = (Vec::new(), Vec::new());
        for number in 1..=self.settings.comparisons {
            for (is_slow, findings) in [(false, &mut null), (true, &mut slow)] {
                let run = self.run("pair", &["a", "b"], is_slow)?;
                let found = self.compare(&[&run, "--by", "seed"])?;
                self.tell("within", number, is_slow, &found);
                findings.push(found);
            }
        }
        Ok((null, slow))
    }

    /// A run, the same again, and the same slowed down. No run is compared as the base of two of the same kind.
    fn between(&self) -> Outcome<(Vec<Finding>, Vec<Finding>)> {
        let (mut null, mut slow) = (Vec::new(), Vec::new());
        for number in 1..=self.settings.comparisons {
            let base = self.run("one", &["b"], false)?;
            for (is_slow, findings) in [(false, &mut null), (true, &mut slow)] {
                let run = self.run("one", &["b"], is_slow)?;
                let found = self.compare(&[&base, &run])?;
                self.tell("between", number, is_slow, &found);
                findings.push(found);
            }
        }
        Ok((null, slow))
    }

    fn tell(&self, kind: &str, number: u32, is_slow: bool, found: &Finding) {
        let what = if is_slow { "slowed down" } else { "the same" };
        let effect = found.effect.map_or(f64::NAN, |effect| effect * 100.0);
        let all = self.settings.comparisons;
        eprintln!(
            "{kind} {number}/{all}, {what}: {} ({effect:+.2} %)",
            found.verdict
        );
    }

    /// Makes a run; its id.
    fn run(&self, name: &str, cases: &[&str], is_slow: bool) -> Outcome<String> {
        let suite = self.folder.join(format!("{name}.toml"));
        let text = suite_of(name, cases, &self.command(is_slow));
        fs::write(&suite, text).map_err(|e| format!("write `{}`: {e}", suite.display()))?;
        let attempts = self.settings.attempts.to_string();
        let path = suite.display().to_string();
        let args = [
            "run",
            &path,
            "--attempts",
            &attempts,
            "--device",
            "cpu",
            "--format",
            "json",
        ];
        let events = self.anechoic(&args)?;
        let first = events.lines().next().unwrap_or_default();
        let first: serde_json::Value = serde_json::from_str(first).map_err(|e| e.to_string())?;
        let run = first["run"]
            .as_str()
            .ok_or("the first event names no run")?;
        Ok(run.to_owned())
    }

    /// The worker's command is the same for every case of a run; where none is meant, nothing is slowed down.
    fn command(&self, is_slow: bool) -> Vec<String> {
        let slow_down = match is_slow {
            true => self.settings.slow_down.as_str(),
            false => "0%",
        };
        let worker = self.worker.display().to_string();
        let words = ["--slow-down", slow_down, "--slow-down-case", "*b"];
        std::iter::once(worker)
            .chain(words.map(str::to_owned))
            .collect()
    }

    fn compare(&self, args: &[&str]) -> Outcome<Finding> {
        let threshold = self.settings.threshold.as_str();
        let how = [
            "--metric",
            "total-time",
            "--threshold",
            threshold,
            "--format",
            "json",
        ];
        let args: Vec<&str> = [&["compare"], args, &how].concat();
        Finding::read(&self.anechoic(&args)?)
    }

    /// Runs `anechoic` to its end; its standard output.
    fn anechoic(&self, args: &[&str]) -> Outcome<String> {
        let mut command = Command::new(self.settings.bin.join("anechoic"));
        let output = command
            .args(args)
            .args([Path::new("--results"), &self.folder])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("run {command:?}: {e}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} of {command:?}:\n{text}", output.status));
        }
        String::from_utf8(output.stdout).map_err(|e| e.to_string())
    }
}

/// Equal cases differ in their seed alone: other random weights of the same shape, which take the same time.
fn suite_of(name: &str, cases: &[&str], worker: &[String]) -> String {
    let mut text = format!(
        r#"# Made by aa-bench: is the same told from the same?
schema-version = 1
name = "aa-{name}"
cooldown = "0s"
order = "interleaved"
timeout = "1m"

[defaults]
benchmark = "latency"
model = "gpt2-tiny"
version = "v1"
dtype = "f32"
batch-size = 1
prompt-length = 32
tokens = 64
warmup-runs = 5
measured-runs = 60
threads = 1
worker = {{ command = {} }}
"#,
        json!(worker)
    );
    for (case, seed) in cases.iter().zip(1..) {
        let written = write!(text, "\n[[case]]\nid = \"{case}\"\nseed = {seed}\n");
        written.expect("text takes all");
    }
    text
}
