//! Commands that people are told to use next. They work as they stand, wherever the results are.

use std::env;
use std::path::Path;

use crate::cli::DEFAULT_RESULTS;

/// Makes further attempts at what failed in the run in this directory, and the missing ones.
pub(super) fn rerun_command(run: &Path) -> String {
    on_run("rerun", run)
}

/// Makes the attempts that the run in this directory has not come to.
pub(super) fn resume_command(run: &Path) -> String {
    on_run("resume", run)
}

fn on_run(command: &str, run: &Path) -> String {
    let here = env::current_dir().ok();
    format!("anechoic {command} {}", seen_from(run, here.as_deref()))
}

/// Shows the runs in this folder.
pub(super) fn list_command(root: &Path) -> String {
    with_results("anechoic list runs", root)
}

/// The command for the runs in this folder: names it unless it is the one that is meant without a word.
pub(super) fn with_results(command: &str, root: &Path) -> String {
    match root == Path::new(DEFAULT_RESULTS) {
        true => command.to_owned(),
        false => format!("{command} --results {}", seen_from(root, None)),
    }
}

/// A name as one word for the shell.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    match text.chars().all(is_plain) && !text.starts_with('-') {
        true => text.to_owned(),
        false if text.starts_with('-') => word(&format!("./{text}")),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The path as a word for the shell, relative where the run is below the working directory.
fn seen_from(run: &Path, here: Option<&Path>) -> String {
    let below = here.and_then(|here| run.strip_prefix(here).ok());
    let below = below.filter(|path| !path.as_os_str().is_empty());
    word(&below.unwrap_or(run).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_so_that_the_shell_finds_it() {
        let check = |run: &str, here: Option<&str>, expected: &str| {
            assert_eq!(seen_from(Path::new(run), here.map(Path::new)), expected);
        };
        check("/a/results/r1", Some("/a"), "results/r1");
        check("/a/results/r1", Some("/b"), "/a/results/r1");
        check("/a/r1", Some("/a/r1"), "/a/r1");
        check("/a/r1", None, "/a/r1");
        check("/a/my results/r1", Some("/a"), "'my results/r1'");
        check("/a/it's/r1", Some("/a"), r"'it'\''s/r1'");
        check("/a/-r/r1", Some("/a"), "./-r/r1");
    }

    #[test]
    fn a_folder_of_results_is_named_unless_it_is_the_default() {
        let check = |root: &str, expected: &str| {
            assert_eq!(with_results("anechoic x", Path::new(root)), expected);
        };
        check("results", "anechoic x");
        check("/a/results", "anechoic x --results /a/results");
        check("my runs", "anechoic x --results 'my runs'");
    }
}
