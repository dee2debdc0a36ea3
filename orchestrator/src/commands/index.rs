//! `anechoic index`: makes the index of a results folder anew, or says whether it is sound.

use std::path::Path;

use anechoic_index::{Fault, INDEX, Rebuilt};
use serde_json::json;

use super::CommandError;
use crate::cli::{IndexAction, IndexArgs, IndexOfArgs};
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};

pub(super) fn index(args: &IndexArgs) -> Result<ExitCode, CommandError> {
    match &args.action {
        IndexAction::Rebuild(args) => rebuild(args),
        IndexAction::Check(args) => check(args),
    }
}

fn rebuild(args: &IndexOfArgs) -> Result<ExitCode, CommandError> {
    let rebuilt = anechoic_index::rebuild(&args.results.root)?;
    rebuilt.faults.iter().for_each(|fault| say(&fault.text()));
    let text = match args.format {
        Format::Text => rebuilt_text(&rebuilt),
        Format::Json => format!("{:#}\n", json!(rebuilt)),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}

fn rebuilt_text(rebuilt: &Rebuilt) -> String {
    format!(
        "`{}` holds {} and {}\n",
        rebuilt.path.display(),
        counted(rebuilt.runs, "run"),
        counted(rebuilt.nights, "night")
    )
}

fn counted(count: i64, of: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {of}{ending}")
}

fn check(args: &IndexOfArgs) -> Result<ExitCode, CommandError> {
    let root = &args.results.root;
    let faults = anechoic_index::check(root)?;
    let is_sound = faults.iter().all(Fault::is_behind);
    let text = match args.format {
        Format::Text => checked_text(root, &faults),
        Format::Json => {
            let object = json!({ "path": root.join(INDEX), "sound": is_sound, "faults": faults });
            format!("{object:#}\n")
        }
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    if is_sound && !faults.is_empty() {
        say("the next command that uses the index brings it up to date");
    }
    if faults.iter().any(is_of_index) {
        say(&format!(
            "hint: `anechoic index rebuild --results {}` makes it anew",
            root.display()
        ));
    }
    Ok(if is_sound {
        ExitCode::Done
    } else {
        ExitCode::Internal
    })
}

fn checked_text(root: &Path, faults: &[Fault]) -> String {
    if faults.is_empty() {
        let path = root.join(INDEX);
        return format!("`{}` says what the runs and nights do\n", path.display());
    }
    let lines = faults.iter().map(|fault| format!("{}\n", fault.text()));
    lines.collect()
}

/// Whether a new index would not have it.
fn is_of_index(fault: &Fault) -> bool {
    matches!(fault, Fault::Damaged { .. } | Fault::Differs { .. })
}
