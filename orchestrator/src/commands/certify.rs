//! `anechoic certify`: equal runs one after the other, and what they say of this machine's noise.

use std::path::Path;

use anechoic_record::{RunRecord, find_run, write_certificate};
use anechoic_report::{
    Round, StoredCertificate, certificate_json, certificate_markdown, certificate_terminal,
    disturbance_note,
};
use anechoic_suite::{Plan, Suite};

use super::CommandError;
use super::execute::TakenPlace;
use super::further::Series;
use super::stop_between::StopBetween;
use super::suite::{locate, make_plan, read_suite};
use crate::cli::{CertifyArgs, CertifyFormat, Place};
use crate::exit_code::ExitCode;
use crate::reporter::{print_data, say};

pub(super) fn certify(args: &CertifyArgs) -> Result<ExitCode, CommandError> {
    let root = &args.results.root;
    let rounds = match &args.suite {
        Some(suite) => Measuring::begin(args, suite)?.measure(args)?,
        None => Measured::All(load(root, &args.from)?),
    };
    match rounds {
        Measured::All(rounds) => conclude(root, &rounds, args.format),
        Measured::Interrupted => Ok(ExitCode::Interrupted),
    }
}

/// Runs that are there already.
fn load(root: &Path, runs: &[String]) -> Result<Vec<Round>, CommandError> {
    let round = |run: &String| {
        let path = find_run(root, run).map_err(CommandError::Record)?;
        let record = RunRecord::load(&path).map_err(CommandError::Record)?;
        Ok(Round::of(&record))
    };
    runs.iter().map(round).collect()
}

/// Runs to be made, with the device for all of them.
struct Measuring {
    suite: Suite,
    plan: Plan,
    file: std::path::PathBuf,
    place: Place,
    taken: TakenPlace,
    stop: StopBetween,
}

/// What was made of them.
enum Measured {
    All(Vec<Round>),
    Interrupted,
}

impl Measuring {
    fn begin(args: &CertifyArgs, suite: &Path) -> Result<Self, CommandError> {
        let file = locate(suite);
        let suite = read_suite(suite)?;
        let plan = make_plan(&suite, &args.selection.options(args.threads))?;
        let place = args.place();
        Ok(Self {
            taken: TakenPlace::take(&plan, &place)?,
            stop: StopBetween::listen()?,
            suite,
            plan,
            file,
            place,
        })
    }

    fn measure(mut self, args: &CertifyArgs) -> Result<Measured, CommandError> {
        let series = Series {
            suite: &self.suite,
            file: &self.file,
            plan: &self.plan,
            place: &self.place,
        };
        let pause = args.pause.unwrap_or(self.plan.cooldown);
        let mut rounds = Vec::new();
        let mut taken = Some(self.taken);
        for number in 1..=args.rounds {
            let Some(place) = taken.take() else { break };
            if number > 1 && self.stop.comes_within(pause) {
                return Ok(interrupted(&rounds, args.rounds));
            }
            say(&format!("round {number} of {}", args.rounds));
            let made = series.make(place, |_| Ok(()))?;
            rounds.push(Round::of(&made.record));
            if made.stopped {
                return Ok(interrupted(&rounds, args.rounds));
            }
            // Further runs would not be equal to one without any value.
            taken = rounds.iter().all(Round::has_any).then_some(made.taken);
        }
        Ok(Measured::All(rounds))
    }
}

/// Says what is left of a certificate that was stopped.
fn interrupted(rounds: &[Round], wanted: u32) -> Measured {
    say(&format!(
        "interrupted, and no certificate was made; runs begun: {} of {wanted}. They are kept, and `--from` takes those that are complete:",
        rounds.len()
    ));
    rounds
        .iter()
        .for_each(|round| say(&format!("  {}", round.digest.run)));
    Measured::Interrupted
}

/// Makes the certificate, stores it and shows it.
fn conclude(
    root: &Path,
    rounds: &[Round],
    format: CertifyFormat,
) -> Result<ExitCode, CommandError> {
    let certificate = anechoic_report::certify(rounds).map_err(CommandError::NotCertified)?;
    let path = write_certificate(root, &certificate).map_err(CommandError::Record)?;
    let notes: Vec<String> = disturbance_note(rounds).into_iter().collect();
    let stored = StoredCertificate {
        certificate: &certificate,
        file: &path.display().to_string(),
        notes: &notes,
    };
    let text = match format {
        CertifyFormat::Text => certificate_terminal(&stored),
        CertifyFormat::Md => certificate_markdown(&stored),
        CertifyFormat::Json => certificate_json(&stored),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(match certificate.left_out.is_empty() {
        true => ExitCode::Done,
        false => ExitCode::CasesFailed,
    })
}
