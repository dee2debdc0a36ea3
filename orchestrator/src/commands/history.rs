//! `anechoic history`: how every value went over the runs of a results root.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use anechoic_index::{Index, Query, StoredNight};
use anechoic_record::{RunRecord, write_atomically, write_atomically_with};
use anechoic_report::{
    Chosen, History, Links, RunDigest, Samples, history_html, history_json, history_markdown,
    history_terminal, openmetrics, runs_markdown, runs_terminal,
};

use super::CommandError;
use super::next_step::{list_command, with_results, word};
use super::target::Target;
use crate::cli::{HistoryArgs, HistoryFormat};
use crate::exit_code::ExitCode;
use crate::reporter::{print_data, say, write_data};

/// Rows of one series that a listing shows where no number of runs is given.
const LISTED: usize = 60;

pub(super) fn history(args: &HistoryArgs) -> Result<ExitCode, CommandError> {
    check_files(args)?;
    let Some(found) = Found::of(args)? else {
        if let Some(file) = &args.openmetrics {
            let nothing = History::of(&[], &[], &args.metrics(), None);
            write(Target::OpenMetrics, file, &openmetrics(&nothing))?;
        }
        let root = &args.results.root;
        say(&format!(
            "no runs in `{}`: measure with `{}`, or name another folder with --results",
            root.display(),
            with_results("anechoic run SUITE", root)
        ));
        return Ok(ExitCode::Nothing);
    };
    let history = found.history(args);
    if let Some(file) = &args.openmetrics {
        write(Target::OpenMetrics, file, &openmetrics(&history))?;
    }
    if history.is_empty() {
        say(&found.nothing(args));
        return Ok(ExitCode::Nothing);
    }
    if let Some(file) = args.page() {
        let links = links(&args.results.root, &file)?;
        write(Target::Html, &file, &history_html(&history, &links))?;
    }
    match &args.samples {
        Some(file) if *file == Path::new("-") => {
            write_data(|mut out| samples(args, &history, &mut out))
                .map_err(CommandError::Stdout)?;
        }
        Some(file) => {
            write_atomically_with(file, |mut out| samples(args, &history, &mut out))
                .map_err(|error| Target::Samples.refused(file, error.to_string()))?;
            written(file);
            print(args, &history)?;
        }
        None => print(args, &history)?,
    }
    Ok(ExitCode::Done)
}

/// What the index says.
struct Found {
    suite: String,
    runs: Vec<RunDigest>,
    nights: Vec<StoredNight>,
}

impl Found {
    /// `None` where there is neither a run nor a night.
    fn of(args: &HistoryArgs) -> Result<Option<Self>, CommandError> {
        let index = Index::open(&args.results.root).map_err(CommandError::Index)?;
        let found = Self::ask(args, &index);
        index.notes().iter().for_each(|note| say(note));
        found
    }

    fn ask(args: &HistoryArgs, index: &Index) -> Result<Option<Self>, CommandError> {
        let Some(suite) = suite(args, index)? else {
            return Ok(None);
        };
        let query = Query {
            suite: Some(suite.clone()),
            case: args.case.clone(),
            metrics: args.named_metrics(),
            last: args.last.map(usize::from),
        };
        let of_nights = Query {
            last: None,
            ..query.clone()
        };
        Ok(Some(Self {
            suite,
            runs: index.digests(&query).map_err(CommandError::Index)?,
            nights: index.nights_of(&of_nights).map_err(CommandError::Index)?,
        }))
    }

    fn history(&self, args: &HistoryArgs) -> History {
        let nights: Vec<_> = self
            .nights
            .iter()
            .map(|n| (n.file.as_str(), &n.night))
            .collect();
        let last = args.last.map(usize::from);
        History::of(&self.runs, &nights, &args.metrics(), last)
    }

    /// Why there is nothing to be shown.
    fn nothing(&self, args: &HistoryArgs) -> String {
        let (suite, folder) = (&self.suite, &args.results.root);
        let root = folder.display();
        match (&args.case, self.nights.is_empty()) {
            (Some(case), _) => {
                let all = format!("anechoic history --suite {} --metric all", word(suite));
                let all = with_results(&all, folder);
                format!(
                    "no run of the suite `{suite}` in `{root}` has a value of a case that matches `{case}`: `{all}` shows what there is{}",
                    page_hint(args, case)
                )
            }
            (None, true) => format!(
                "no run of the suite `{suite}` in `{root}` has a value: `{}` shows the runs",
                list_command(folder)
            ),
            (None, false) => format!(
                "no night of the suite `{suite}` in `{root}` has a value yet: the files in `{root}/nights` say why"
            ),
        }
    }
}

/// Where a file of the page was taken for a case.
fn page_hint(args: &HistoryArgs, case: &str) -> String {
    let is_file = args.has_unnamed_page() && case.ends_with(".html");
    match is_file {
        true => format!("\n  hint: a page in this file is `--html={case}`"),
        false => String::new(),
    }
}

/// The suite that is asked for: else that of the newest run, else that of the newest night.
fn suite(args: &HistoryArgs, index: &Index) -> Result<Option<String>, CommandError> {
    if let Some(suite) = &args.suite {
        return Ok(Some(suite.clone()));
    }
    index.newest_suite().map_err(CommandError::Index)
}

/// Before any work.
fn check_files(args: &HistoryArgs) -> Result<(), CommandError> {
    let samples = args.samples.clone().filter(|file| file != Path::new("-"));
    let files = [
        (Target::Html, args.page()),
        (Target::Samples, samples),
        (Target::OpenMetrics, args.openmetrics.clone()),
    ];
    for (target, file) in files {
        let is_of_missing_root = target == Target::Html && !args.results.root.is_dir();
        if let Some(file) = file.filter(|_| !is_of_missing_root) {
            target.check(&file)?;
        }
    }
    Ok(())
}

fn write(target: Target, file: &Path, text: &str) -> Result<(), CommandError> {
    write_atomically(file, text.as_bytes())
        .map_err(|error| target.refused(file, error.to_string()))?;
    written(file);
    Ok(())
}

fn written(file: &Path) {
    say(&format!("written: {}", file.display()));
}

fn print(args: &HistoryArgs, history: &History) -> Result<(), CommandError> {
    // Of runs that were asked for, and the nights between them, none is left out.
    let most = args.last.map_or(LISTED, |_| usize::MAX);
    let text = match (args.format, &args.case) {
        (HistoryFormat::Text, None) => history_terminal(history),
        (HistoryFormat::Text, Some(_)) => runs_terminal(history, most),
        (HistoryFormat::Md, None) => history_markdown(history),
        (HistoryFormat::Md, Some(_)) => runs_markdown(history, most),
        (HistoryFormat::Json, _) => history_json(history),
    };
    print_data(&text).map_err(CommandError::Stdout)
}

/// Every value of the chosen runs, run by run: only one of them is in memory.
fn samples(args: &HistoryArgs, history: &History, out: &mut dyn Write) -> io::Result<()> {
    let cases: BTreeSet<String> = history.series.iter().map(|s| s.id.case.clone()).collect();
    let metrics = args.named_metrics();
    let chosen = Chosen {
        cases: args.case.as_ref().map(|_| &cases),
        metrics: &metrics,
    };
    let mut samples = Samples::new(out, chosen)?;
    for run in history.runs.iter().filter(|run| !run.is_gone()) {
        match RunRecord::load(&args.results.root.join(&run.run)) {
            Ok(record) => samples.add(&record)?,
            Err(error) => say(&format!("left out: failed to {error}")),
        }
    }
    samples.finish()
}

/// Where the runs lie, seen from the page.
fn links(root: &Path, page: &Path) -> Result<Links, CommandError> {
    let real = |path: &Path| {
        let resolved = path.canonicalize();
        resolved.map_err(|error| Target::Html.refused(page, error.to_string()))
    };
    let folder = page
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = real(folder.unwrap_or(Path::new(".")))?;
    Ok(Links::from_to(&parts(&folder), &parts(&real(root)?)))
}

fn parts(path: &Path) -> Vec<String> {
    let parts = path.components();
    parts
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}
