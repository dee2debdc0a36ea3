//! `anechoic schedule add`: decides everything about a job, checks what can be checked before midnight, and installs it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_record::{RecordError, write_atomically};
use anechoic_suite::{Plan, PlanOptions};
use clap::Parser;
use nix::unistd::{AccessFlags, access};

use super::systemd::{Systemd, Units};
use super::{Place, ScheduleError, crontab, notes, place};
use crate::cli::{AddArgs, Cli, Command, NotifyArgs};
use crate::commands::CommandError;
use crate::commands::ground::refuse_cluster;
use crate::commands::plan::longest_time;
use crate::commands::suite::{locate, make_plan, read_suite};
use crate::exit_code::ExitCode;
use crate::notify::{NotifyError, Ways};
use crate::reporter::{print_data, say};
use crate::schedule::{Job, Name, ServiceOptions, VERSION, block, service, timer, variables};

/// What a night takes beside its runs: the doctor, the verdict, the history, telling people.
const BESIDE: Duration = Duration::from_secs(30 * 60);

/// Where cron's output goes to the system's log.
const LOGGER: &str = "/usr/bin/logger";

/// What of a night decides how long it may take.
struct Night {
    options: PlanOptions,
    /// The most runs that it makes.
    runs: u32,
    /// How long it may wait for the device; absent where that is as long as it takes.
    wait: Option<Duration>,
    /// How people are told.
    notify: NotifyArgs,
}

/// A file of what is to be installed, with its text.
type FileText = (PathBuf, String);

pub(super) fn add(args: &AddArgs) -> Result<ExitCode, CommandError> {
    let suite = read_suite(&args.suite)?;
    let place = choose(args)?;
    let command = command(args)?;
    let night = night(&command)?;
    let plan = make_plan(&suite, &night.options)?;
    let environment = notes::environment(place, args.run_as.is_some(), &plan, &args.nightly);
    let file = file_variables(args)?;
    check_ways(args, &night.notify, &file)?;
    let job = job(args, suite.name(), command, environment.kept)?;
    let texts = texts(args, &job, place, night.limit(&plan))?;
    match &args.print {
        Some(folder) => show(&texts, folder.as_deref())?,
        None => install(args, &job, place, texts)?,
    }
    let left_out = notes::left_out(&environment.left_out, &file);
    let notes = left_out.into_iter().chain(notes::of(&job, place, args));
    notes.for_each(|note| say(&format!("note: {note}")));
    Ok(ExitCode::Done)
}

/// The place that was asked for, or the one that works here. What is only shown may be units wherever it is.
fn choose(args: &AddArgs) -> Result<Place, ScheduleError> {
    let runs = place::systemd_runs();
    let place = match Place::asked(args.place) {
        Some(place) => place,
        None if runs || args.print.is_some() => Place::of_units(),
        None => {
            say("note: systemd does not run here: the schedule is cron's");
            Place::Cron
        }
    };
    let (_, zone) = place::local_zone();
    match place {
        Place::User | Place::System if !runs && args.print.is_none() => {
            Err(ScheduleError::NoSystemd)
        }
        Place::User if args.run_as.is_some() => Err(ScheduleError::OnlySystem("`--run-as`")),
        Place::User if args.nice < 0 => Err(ScheduleError::OnlySystem("a negative `--nice`")),
        Place::User | Place::System => Ok(place),
        Place::Cron if args.utc && !zone.ends_with("UTC") => Err(ScheduleError::NoUtc(zone)),
        Place::Cron => match not_for_cron(args) {
            Some(option) => Err(ScheduleError::NotForCron(option)),
            None => Ok(place),
        },
    }
}

fn not_for_cron(args: &AddArgs) -> Option<&'static str> {
    let options = [
        ("--timeout", args.timeout.is_some()),
        ("--nice", args.nice != 0),
        ("--on-failure", args.on_failure.is_some()),
        ("--fail-unmeasured", args.fail_unmeasured),
        ("--run-as", args.run_as.is_some()),
    ];
    let mut given = options.into_iter().filter(|(_, given)| *given);
    given.next().map(|(option, _)| option)
}

/// The program by its path, and the arguments of the job.
fn command(args: &AddArgs) -> Result<Vec<String>, ScheduleError> {
    let program = env::current_exe().map_err(ScheduleError::NoPlace)?;
    let words = [
        &text(program)?,
        "nightly",
        &absolute(&locate(&args.suite))?,
        "--baseline",
        &args.baseline,
        "--results",
        &absolute(&args.results.root)?,
    ];
    let words = words.map(str::to_owned).into_iter();
    Ok(words.chain(args.nightly.iter().cloned()).collect())
}

fn job(
    args: &AddArgs,
    suite: &str,
    command: Vec<String>,
    environment: Vec<(String, String)>,
) -> Result<Job, ScheduleError> {
    Ok(Job {
        version: VERSION,
        name: args.name.clone().unwrap_or_else(|| Name::of_suite(suite)),
        times: args.times(),
        suite: suite.to_owned(),
        suite_file: absolute(&locate(&args.suite))?,
        results: absolute(&args.results.root)?,
        folder: text(env::current_dir().map_err(ScheduleError::NoPlace)?)?,
        command,
        environment,
        environment_file: args.env_file.as_deref().map(absolute).transpose()?,
    })
}

/// What the file with further variables sets.
fn file_variables(args: &AddArgs) -> Result<Vec<(String, String)>, ScheduleError> {
    let Some(path) = &args.env_file else {
        return Ok(Vec::new());
    };
    let text = fs::read_to_string(path).map_err(|source| ScheduleError::EnvironmentFile {
        path: path.clone(),
        source,
    })?;
    Ok(variables(&text))
}

/// Nobody is told at midnight that nobody can be told. What is only shown may be for another machine.
fn check_ways(
    args: &AddArgs,
    notify: &NotifyArgs,
    file: &[(String, String)],
) -> Result<(), NotifyError> {
    let of_file = |name: &str| file.iter().find(|(known, _)| known == name);
    // What is set now and in no file is not written down, and named for that.
    let variable = |name: &str| match of_file(name) {
        Some((_, value)) => Some(value.into()),
        None => env::var_os(name),
    };
    let (_, broken) = Ways::with(notify, variable);
    for (_, error) in broken {
        match args.print.is_some() && error.is_of_machine() {
            true => say(&format!("note: {error}")),
            false => return Err(error),
        }
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<String, ScheduleError> {
    text(std::path::absolute(path).map_err(ScheduleError::NoPlace)?)
}

fn text(path: PathBuf) -> Result<String, ScheduleError> {
    let text = path.into_os_string().into_string();
    text.map_err(|path| ScheduleError::NotText(path.into()))
}

/// What the job's command line says of a night, read now and not at its time for the first time.
fn night(command: &[String]) -> Result<Night, ScheduleError> {
    let cli = Cli::try_parse_from(command).map_err(|e| ScheduleError::Nightly(reason(&e)))?;
    let Command::Nightly(args) = cli.command else {
        let text = "they make another command of it";
        return Err(ScheduleError::Nightly(text.to_owned()));
    };
    let wrong = |text: &str| Err(ScheduleError::Nightly(text.to_owned()));
    match (args.notify_test, args.accept) {
        (true, _) => return wrong("with `--notify-test`, no night measures anything"),
        (_, true) => return wrong("with `--accept`, no night is compared with any other"),
        (false, false) => {}
    }
    let here = refuse_cluster(&args.place);
    here.map_err(|error| ScheduleError::Nightly(error.to_string()))?;
    Ok(Night {
        options: args.selection.options(args.place.threads),
        runs: 1 + args.confirm,
        wait: match args.place.wait {
            Some(wait) => wait.limit(),
            None => Some(Duration::ZERO),
        },
        notify: args.notify,
    })
}

/// What is wrong with a command line, without how to use it.
fn reason(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

impl Night {
    /// Longer than any night takes by the limits of the plan itself, to the minute; absent of one that waits as long as it takes.
    fn limit(&self, plan: &Plan) -> Option<Duration> {
        let runs = longest_time(plan).saturating_mul(self.runs);
        let whole = runs.saturating_add(BESIDE).saturating_add(self.wait?);
        let minutes = whole.as_secs().div_ceil(60);
        Some(Duration::from_secs(minutes.saturating_mul(60)))
    }
}

/// What is to be installed: two units, or a block for the crontab, whose path is only a name.
fn texts(
    args: &AddArgs,
    job: &Job,
    place: Place,
    limit: Option<Duration>,
) -> Result<Vec<FileText>, ScheduleError> {
    let Some(systemd) = Systemd::of(place)? else {
        let logger = Path::new(LOGGER).exists().then_some(LOGGER);
        return Ok(vec![(PathBuf::from("crontab"), block(job, logger)?)]);
    };
    let options = ServiceOptions {
        system: place == Place::System,
        run_as: args.run_as.clone(),
        nice: args.nice,
        limit: args.timeout.or(limit),
        on_failure: args.on_failure.clone(),
        unmeasured_fails: args.fail_unmeasured,
    };
    Ok(vec![
        (systemd.path(&job.name, "service"), service(job, &options)?),
        (systemd.path(&job.name, "timer"), timer(job)),
    ])
}

/// Prints the texts with their paths, or writes them to a folder, which is made where it is missing.
fn show(texts: &[FileText], folder: Option<&Path>) -> Result<(), CommandError> {
    let Some(folder) = folder else {
        let whole: Vec<_> = texts.iter().map(titled).collect();
        return print_data(&whole.join("\n")).map_err(CommandError::Stdout);
    };
    fs::create_dir_all(folder).map_err(|source| {
        ScheduleError::NotShown(RecordError::Io {
            action: "create the folder",
            path: folder.to_owned(),
            source,
        })
    })?;
    for (path, text) in texts {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let target = folder.join(name);
        write_atomically(&target, text.as_bytes()).map_err(ScheduleError::NotShown)?;
        print_data(&format!("{}\n", target.display())).map_err(CommandError::Stdout)?;
    }
    Ok(())
}

fn titled((path, text): &FileText) -> String {
    match path.is_absolute() {
        true => format!("# {}\n{text}", path.display()),
        // A crontab holds nothing but its block.
        false => text.clone(),
    }
}

fn install(
    args: &AddArgs,
    job: &Job,
    place: Place,
    texts: Vec<FileText>,
) -> Result<(), CommandError> {
    refuse_taken(args, &job.name, place)?;
    if args.run_as.is_none() {
        usable_results(Path::new(&job.results))?;
    }
    let mut texts = texts.into_iter().map(|(_, text)| text);
    let (first, second) = (texts.next().unwrap_or_default(), texts.next());
    let installed = match (Systemd::of(place)?, second) {
        (Some(systemd), Some(timer)) => {
            let units = Units {
                service: first,
                timer,
            };
            let paths = systemd.install(&job.name, &units)?;
            paths
                .iter()
                .map(|path| format!("{}\n", path.display()))
                .collect()
        }
        (Some(_) | None, _) => {
            crontab::install(&job.name, &first)?;
            format!("crontab: {}\n", job.name)
        }
    };
    print_data(&installed).map_err(CommandError::Stdout)?;
    let (zone, _) = place::local_zone();
    if let Some(next) = job.times.next(jiff::Timestamp::now(), &zone) {
        let shown = notes::moment(next, &zone);
        say(&format!("{} ({}): first at {shown}", job.name, job.times));
    }
    Ok(())
}

/// One name is one schedule, wherever it is.
fn refuse_taken(args: &AddArgs, name: &Name, place: Place) -> Result<(), ScheduleError> {
    for other in Place::ALL {
        let is_there = match Systemd::of(other) {
            Ok(Some(systemd)) if other == place => systemd.look(name),
            Ok(Some(systemd)) => Ok(systemd.jobs().iter().any(|job| job.name == *name)),
            Ok(None) => crontab::holds(name),
            Err(error) => Err(error),
        };
        let is_there = match is_there {
            Ok(is_there) => is_there,
            Err(error) if other != place && is_closed(&error) => {
                say(&format!(
                    "note: {error}; whether `{name}` is {other} is unknown"
                ));
                false
            }
            Err(error) => return Err(error),
        };
        if is_there && !(other == place && args.replace) {
            return Err(ScheduleError::Taken {
                name: name.clone(),
                place: other,
            });
        }
    }
    Ok(())
}

/// Whether it is a place that the calling user cannot look into: then the user has no schedule in it either.
fn is_closed(error: &ScheduleError) -> bool {
    matches!(
        error,
        ScheduleError::NoHome | ScheduleError::Refused { .. } | ScheduleError::NoAnswer(_)
    )
}

/// Nobody sees at midnight that nothing can be recorded.
fn usable_results(folder: &Path) -> Result<(), ScheduleError> {
    let refused = |source| ScheduleError::Results {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(refused)?;
    access(folder, AccessFlags::W_OK).map_err(|error| refused(error.into()))
}
