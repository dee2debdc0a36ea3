//! `anechoic prune`: removes old runs that nothing needs any more, or says which they are.

mod text;

use std::path::Path;

use anechoic_record::{
    RecordError, Removal, RunListing, RunState, SCHEMA_VERSION, bytes_on_disk, certificates,
    half_removed, is_run_of, latest_run, list_runs, nights, remove_half_removed, remove_run,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::CommandError;
use super::next_step::with_results;
use crate::cli::PruneArgs;
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};
use crate::retention::{Choice, Known, Reason, Rules, Shelf, choose};

/// A run, or what is left of one, and what became of it.
struct Line {
    name: String,
    bytes: u64,
    fate: Fate,
}

enum Fate {
    Stays(Vec<Reason>),
    WouldGo,
    Removed,
    Failed(String),
}

/// All that was found and done.
struct Pruned {
    runs: Vec<Line>,
    /// Of removals that did not come to their end.
    remains: Vec<Line>,
    is_applied: bool,
}

pub(super) fn prune(args: &PruneArgs) -> Result<ExitCode, CommandError> {
    let root = &args.results.root;
    let shelf = read(root).map_err(CommandError::NoRecord)?;
    let rules = Rules {
        keep_days: args.keep_days,
        keep_last: args.keep_last,
        keep_regressions: args.keep_regressions,
        now: Timestamp::now(),
    };
    let remains = half_removed(root).map_err(CommandError::NoRecord)?;
    let remains = remains.into_iter().map(|name| match args.apply {
        true => removed(root, name, remove_half_removed),
        false => would_go(root, name),
    });
    let remains: Vec<Line> = remains.collect();
    let runs = choose(&shelf, &rules).into_iter();
    let pruned = Pruned {
        runs: runs
            .map(|choice| carry_out(root, choice, args.apply))
            .collect(),
        remains,
        is_applied: args.apply,
    };
    let text = match args.format {
        Format::Text if pruned.lines().next().is_none() => {
            format!("no runs in `{}`\n", root.display())
        }
        Format::Text => pruned.text(&rules),
        Format::Json => format!("{:#}\n", pruned.json()),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(pruned.conclude(root))
}

/// What the root holds. What cannot be read is told, and keeps runs from being removed.
fn read(root: &Path) -> Result<Shelf, RecordError> {
    let mut shelf = Shelf {
        runs: list_runs(root)?
            .iter()
            .map(|run| known(root, run))
            .collect(),
        latest: latest_run(root),
        ..Shelf::default()
    };
    for kept in nights(root)? {
        match kept.content {
            Ok(night) => shelf.nights.push(night),
            Err(error) => shelf.doubt(kept.file, &error),
        }
    }
    for kept in certificates(root)? {
        match kept.content {
            Ok(certificate) => shelf.certificates.push(certificate),
            Err(error) => shelf.doubt(kept.file, &error),
        }
    }
    Ok(shelf)
}

impl Shelf {
    fn doubt(&mut self, file: String, error: &RecordError) {
        say(&format!(
            "warning: failed to {error}; runs of its suite stay"
        ));
        self.unreadable.push(file);
    }
}

/// A run that lacks one of its files is not one that can be read, whatever its manifest says.
fn known(root: &Path, listing: &RunListing) -> Known {
    let is_link = root.join(&listing.run).is_symlink();
    let manifest = listing.manifest.as_ref().ok();
    let manifest = manifest.filter(|_| is_link || is_run_of(root, &listing.run));
    Known {
        run: listing.run.clone(),
        told: manifest.map(|manifest| (manifest.plan.name.clone(), manifest.started)),
        is_written: manifest.is_some_and(|manifest| manifest.state == RunState::Running),
        is_link,
    }
}

fn carry_out(root: &Path, choice: Choice, is_applied: bool) -> Line {
    let Choice { run, reasons } = choice;
    match (reasons.is_empty(), is_applied) {
        (false, _) => Line {
            name: run,
            bytes: 0,
            fate: Fate::Stays(reasons),
        },
        (true, false) => would_go(root, run),
        (true, true) => removed(root, run, remove_run),
    }
}

fn would_go(root: &Path, name: String) -> Line {
    Line {
        bytes: bytes_on_disk(root, &name),
        name,
        fate: Fate::WouldGo,
    }
}

/// One that somebody else has removed meanwhile is gone all the same, and counts nothing.
fn removed(
    root: &Path,
    name: String,
    remove: impl FnOnce(&Path, &str) -> Result<Removal, RecordError>,
) -> Line {
    let bytes = bytes_on_disk(root, &name);
    let (bytes, fate) = match remove(root, &name) {
        Ok(Removal::Removed) => (bytes, Fate::Removed),
        Ok(Removal::NotThere) => (0, Fate::Removed),
        Ok(Removal::Busy) => (0, Fate::Stays(vec![Reason::Written])),
        Err(error) => (0, Fate::Failed(format!("failed to {error}"))),
    };
    Line { name, bytes, fate }
}

impl Fate {
    fn name(&self) -> &'static str {
        match self {
            Self::Stays(_) => "stays",
            Self::WouldGo => "would-go",
            Self::Removed => "removed",
            Self::Failed(_) => "failed",
        }
    }
}

impl Line {
    fn object(&self) -> Value {
        let mut object = json!({
            "name": self.name,
            "fate": self.fate.name(),
            "bytes": self.bytes,
        });
        match &self.fate {
            Fate::Stays(reasons) => {
                let reasons: Vec<_> = reasons.iter().map(|reason| reason.name()).collect();
                object["reasons"] = json!(reasons);
            }
            Fate::Failed(error) => object["error"] = json!(error),
            Fate::WouldGo | Fate::Removed => {}
        }
        object
    }
}

impl Pruned {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.runs.iter().chain(&self.remains)
    }

    fn bytes(&self) -> u64 {
        self.lines().map(|line| line.bytes).sum()
    }

    fn json(&self) -> Value {
        let objects = |lines: &[Line]| lines.iter().map(Line::object).collect::<Vec<_>>();
        json!({
            "schema_version": SCHEMA_VERSION,
            "applied": self.is_applied,
            "bytes": self.bytes(),
            "runs": objects(&self.runs),
            "remains": objects(&self.remains),
        })
    }

    /// What could not be removed is told, and all the rest was.
    fn conclude(&self, root: &Path) -> ExitCode {
        let mut code = ExitCode::Done;
        for line in self.lines() {
            if let Fate::Failed(error) = &line.fate {
                say(&format!("error: {error}"));
                code = ExitCode::Internal;
            }
        }
        if code == ExitCode::Internal {
            let again = with_results("anechoic prune --apply", root);
            say(&format!(
                "  hint: check whom these files belong to; the next `{again}` tries again"
            ));
        }
        code
    }
}

/// For people, with a unit that fits.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    match fitting {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / f64::from(1_u32 << shift)),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let check = |bytes, expected: &str| assert_eq!(size(bytes), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1536, "1.5 KiB");
        check(5 << 20, "5.0 MiB");
        check(3 << 40, "3072.0 GiB");
    }
}
