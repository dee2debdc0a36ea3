//! The noise of equal runs, cell by cell.

use anechoic_record::{
    CellId, Certificate, CertifiedCell, Difference, Fingerprint, LeftOut, SCHEMA_VERSION,
};
use anechoic_stats::{Scale, smallest_detectable, variance};

use super::{NotCertified, Round};
use crate::CellDigest;

/// Fewer runs say too little of how they scatter.
pub const LEAST_RUNS: usize = 3;

/// The certificate of runs of one suite under equal conditions, oldest first whatever their order here. A case is certified where every run
/// has all of its good attempts; the others are listed in it, with the cause.
pub fn certify(rounds: &[Round]) -> Result<Certificate, NotCertified> {
    let mut rounds: Vec<&Round> = rounds.iter().collect();
    rounds.sort_by_key(|round| round.digest.started);
    // Why nothing was measured says more than that runs are few for it.
    if rounds.iter().any(|round| !round.has_any()) {
        let left_out = lacking(&rounds);
        return Err(NotCertified::NoCase { left_out });
    }
    let Some(&first) = rounds.first().filter(|_| rounds.len() >= LEAST_RUNS) else {
        return Err(NotCertified::TooFew { runs: rounds.len() });
    };
    check(first, &rounds)?;
    let mut left_out = lacking(&rounds);
    let mut cells = Vec::new();
    for id in ids(&rounds) {
        if left_out.iter().any(|case| case.case == id.case) {
            continue;
        }
        match cell(&id, &rounds) {
            Ok(cell) => cells.push(cell),
            Err(why) => left_out.push(LeftOut {
                why: format!("{}: {why}", name(&id)),
                case: id.case,
            }),
        }
    }
    if cells.is_empty() {
        return Err(NotCertified::NoCase { left_out });
    }
    let fingerprints = rounds.iter().map(|round| &round.digest.fingerprint);
    Ok(Certificate {
        schema_version: SCHEMA_VERSION,
        suite: first.digest.suite.clone(),
        made: rounds
            .iter()
            .map(|round| round.ended)
            .max()
            .unwrap_or(first.ended),
        runs: rounds
            .iter()
            .map(|round| round.digest.run.clone())
            .collect(),
        fingerprint: best_known(fingerprints, &first.digest.fingerprint),
        cells,
        left_out,
    })
}

/// Numbers of runs that are not alike scatter by more than noise.
fn check(first: &Round, rounds: &[&Round]) -> Result<(), NotCertified> {
    let mut seen: Vec<&str> = Vec::new();
    for round in rounds {
        let digest = &round.digest;
        let run = digest.run.clone();
        if seen.contains(&digest.run.as_str()) {
            return Err(NotCertified::Twice { run });
        }
        seen.push(&digest.run);
        if digest.is_audit {
            return Err(NotCertified::Audit { run });
        }
        if digest.suite != first.digest.suite {
            let (suite, first) = (digest.suite.clone(), first.digest.suite.clone());
            return Err(NotCertified::OtherSuite { run, suite, first });
        }
        if !round.mixed.is_empty() {
            let differences = round.mixed.clone();
            return Err(NotCertified::Mixed { run, differences });
        }
        let mut differences = differences(&first.digest.fingerprint, &digest.fingerprint);
        differences.extend(asked_otherwise(first, round));
        if !differences.is_empty() {
            return Err(NotCertified::OtherConditions { run, differences });
        }
    }
    Ok(())
}

fn differences(then: &Fingerprint, now: &Fingerprint) -> Vec<Difference> {
    let mut found = then.machine_differences(now);
    found.extend(then.program_differences(now));
    found
}

/// What was asked of both, and otherwise. Cases that only one of them has are left out elsewhere.
fn asked_otherwise(first: &Round, round: &Round) -> Vec<Difference> {
    let pairs = first.asked.iter().filter_map(|(what, then)| {
        let (_, now) = round.asked.iter().find(|(known, _)| known == what)?;
        Difference::between(what, then, now)
    });
    pairs.collect()
}

/// Conditions that are equal where they are known; the one whose libtorch is known expires with another one.
fn best_known<'a>(
    mut all: impl Iterator<Item = &'a Fingerprint>,
    first: &Fingerprint,
) -> Fingerprint {
    let known = all.find(|fingerprint| fingerprint.torch.is_some());
    known.unwrap_or(first).clone()
}

/// Cases that some run has not measured as planned, with the cause in the first of these.
fn lacking(rounds: &[&Round]) -> Vec<LeftOut> {
    let mut found: Vec<LeftOut> = Vec::new();
    for round in rounds {
        for LeftOut { case, why } in &round.lacking {
            if !found.iter().any(|known| known.case == *case) {
                let run = &round.digest.run;
                found.push(LeftOut {
                    case: case.clone(),
                    why: format!("in `{run}`: {why}"),
                });
            }
        }
    }
    found
}

/// Every cell that a run has, in the order of the first that has it.
fn ids(rounds: &[&Round]) -> Vec<CellId> {
    let mut ids: Vec<CellId> = Vec::new();
    for cell in rounds.iter().flat_map(|round| &round.digest.cells) {
        if !ids.contains(&cell.id) {
            ids.push(cell.id.clone());
        }
    }
    ids
}

/// T and metric.
fn name(id: &CellId) -> String {
    let tokens = id.tokens.map(|t| format!("T={t} ")).unwrap_or_default();
    format!("{tokens}{}", id.metric)
}

fn cell(id: &CellId, rounds: &[&Round]) -> Result<CertifiedCell, String> {
    let cells: Vec<&CellDigest> = rounds
        .iter()
        .filter_map(|round| round.digest.cells.iter().find(|cell| cell.id == *id))
        .collect();
    let (runs, all) = (cells.len(), rounds.len());
    if runs < all {
        return Err(format!("{runs} of {all} runs have values of it"));
    }
    let settings = &cells[0].settings;
    if cells.iter().any(|cell| cell.settings != *settings) {
        return Err("its settings are not the same in all runs".to_owned());
    }
    let line = Line::of(&cells);
    let deviation = line.deviation();
    if !(deviation.is_finite() && line.value().is_finite()) {
        return Err("its values are too large to be averaged".to_owned());
    }
    Ok(CertifiedCell {
        id: id.clone(),
        settings: settings.clone(),
        primary: cells[0].primary,
        scale: line.scale,
        value: line.value(),
        runs: u32::try_from(runs).unwrap_or(u32::MAX),
        processes: processes(&cells),
        deviation,
        promised: promised(&cells, line.scale),
        detectable: line
            .scale
            .effect(smallest_detectable(deviation, (runs - 1) as f64)),
    })
}

/// The values of a cell, one per run, on the scale that they are compared on.
struct Line {
    scale: Scale,
    values: Vec<f64>,
    /// Whether they do not scatter at all.
    same: Option<f64>,
}

impl Line {
    fn of(cells: &[&CellDigest]) -> Self {
        let of_ratio = |cell: &&CellDigest| cell.average.scale == Scale::Ratio;
        let scale = match cells.iter().all(of_ratio) {
            true => Scale::Ratio,
            false => Scale::Difference,
        };
        let own: Vec<f64> = cells.iter().map(|cell| cell.average.value).collect();
        let values = own.iter().map(|value| scale.on_line(*value));
        Self {
            scale,
            values: values.collect(),
            same: own.iter().all(|value| *value == own[0]).then_some(own[0]),
        }
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The average in the values' own unit. Equal values come back exactly.
    fn value(&self) -> f64 {
        self.same.unwrap_or_else(|| self.scale.value(self.mean()))
    }

    /// The sample standard deviation, with one degree of freedom less than there are runs.
    fn deviation(&self) -> f64 {
        variance(&self.values).map_or(f64::NAN, f64::sqrt)
    }
}

/// Of the run that has most.
fn processes(cells: &[&CellDigest]) -> Option<u32> {
    let most = cells.iter().map(|cell| cell.average.processes).max()?;
    u32::try_from(most).ok()
}

/// The root of the mean square of the standard errors that the processes of each run lead to.
fn promised(cells: &[&CellDigest], scale: Scale) -> Option<f64> {
    let errors = cells
        .iter()
        .filter_map(|cell| cell.average.standard_error(scale));
    let squares: Vec<f64> = errors.map(|error| error.powi(2)).collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    (!squares.is_empty()).then(|| mean.sqrt())
}
