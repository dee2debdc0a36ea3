//! What of the programs changed between two runs, in few words: names of files in place of paths, sizes and times.

use std::path::Path;

use crate::{Difference, Fingerprint, ProgramFile};

/// Programs that are named; of more, their number is told.
const NAMED: usize = 2;

impl Fingerprint {
    /// What [`Fingerprint::program_differences`] says, short enough for a cell of a table: a program has its file's name, and the word for
    /// what became of it.
    pub fn program_words(&self, now: &Self) -> Vec<String> {
        let text = |difference: Option<Difference>| difference.map(|difference| difference.text());
        let torch = text(self.torch_difference(now)).into_iter();
        let files = of_files(&self.programs, &now.programs);
        let anechoic = text(self.anechoic_difference(now));
        torch.chain(files).chain(anechoic).collect()
    }
}

/// Files that are only in one of both; one of the same name is the same program in another state, or from another place.
fn of_files(then: &[ProgramFile], now: &[ProgramFile]) -> Vec<String> {
    if then == now {
        return Vec::new();
    }
    let (mut before, after) = (names(then, now), names(now, then));
    let (changed, new): (Vec<&str>, Vec<&str>) =
        after.into_iter().partition(|name| before.contains(name));
    before.retain(|name| !changed.contains(name));
    let fates = [(changed, "changed"), (new, "new"), (before, "gone")];
    let found = fates
        .iter()
        .filter_map(|(names, fate)| of_names(names, fate));
    let found: Vec<String> = found.collect();
    match found.is_empty() {
        true => vec!["programs in another order".to_owned()],
        false => found,
    }
}

/// Names of the files that the other side has not, each once.
fn names<'a>(files: &'a [ProgramFile], others: &[ProgramFile]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for file in files.iter().filter(|file| !others.contains(file)) {
        let name = Path::new(&file.path).file_name();
        let name = name.and_then(|name| name.to_str()).unwrap_or(&file.path);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn of_names(names: &[&str], fate: &str) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("program {one} {fate}")),
        [several @ .., last] if names.len() <= NAMED => {
            Some(format!("programs {} and {last} {fate}", several.join(", ")))
        }
        _ => {
            let (named, rest) = names.split_at(NAMED);
            let named = named.join(", ");
            Some(format!("programs {named} and {} more {fate}", rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size_bytes: u64) -> ProgramFile {
        ProgramFile {
            path: path.to_owned(),
            size_bytes,
            modified: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn programs_have_the_names_of_their_files() {
        let check = |then: &[(&str, u64)], now: &[(&str, u64)], expected: &[&str]| {
            let files = |of: &[(&str, u64)]| -> Vec<ProgramFile> {
                of.iter().map(|(path, size)| file(path, *size)).collect()
            };
            assert_eq!(of_files(&files(then), &files(now)), expected);
        };
        let worker = "/srv/target/release/anechoic-worker";
        check(
            &[(worker, 1)],
            &[(worker, 2)],
            &["program anechoic-worker changed"],
        );
        check(
            &[(worker, 1)],
            &[("/opt/anechoic-worker", 1)],
            &["program anechoic-worker changed"],
        );
        check(
            &[(worker, 1), ("/a.py", 1)],
            &[(worker, 1), ("/b.py", 1)],
            &["program b.py new", "program a.py gone"],
        );
        check(&[(worker, 1)], &[(worker, 1)], &[]);
        check(&[], &[(worker, 1)], &["program anechoic-worker new"]);
        check(
            &[("/a", 1), ("/b", 1)],
            &[("/a", 2), ("/b", 2)],
            &["programs a and b changed"],
        );
        check(
            &[("/a", 1), ("/b", 1), ("/c", 1), ("/d", 1)],
            &[],
            &["programs a, b and 2 more gone"],
        );
        check(
            &[("/a", 1), ("/b", 1)],
            &[("/b", 1), ("/a", 1)],
            &["programs in another order"],
        );
        // Of one name at two places, both are told of once.
        check(
            &[("/x/a", 1)],
            &[("/y/a", 1), ("/z/a", 1)],
            &["program a changed"],
        );
    }
}
