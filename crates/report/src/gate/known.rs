//! How far a cell scatters from night to night, and where that is known from.

use anechoic_record::{Certificate, Difference, NoiseSource};
use anechoic_stats::{Noise, is_noisier, noise};

use super::Certified;
use super::series::Series;

/// The noise of a cell, on the line.
pub(super) struct Known {
    pub(super) noise: Noise,
    pub(super) source: NoiseSource,
    /// What should be said of it.
    pub(super) note: Option<String>,
}

/// Fewer nights tell nothing of their scatter.
const NIGHTS: usize = 8;

/// Of other programs on the same machine, the noise is taken for so much larger than it was certified.
const OTHER_PROGRAMS: f64 = 1.25;

/// Runs scatter by so much more than their processes promise.
const RUNS_AGAINST_PROCESSES: f64 = 2.0;

/// That factor is not known any better than from so many runs.
const FREEDOM_OF_PROCESSES: f64 = 8.0;

/// Noise of less than this share of the smallest change that matters is taken for so much: it decides nothing, and a few nights that
/// are equal by accident promise too much.
const LEAST: f64 = 0.2;

/// The noise of a cell; `None` where nothing tells of it. `threshold`: the smallest change that matters, on the line.
pub(super) fn known(
    series: &Series<'_>,
    certified: Certified<'_>,
    threshold: f64,
) -> Option<Known> {
    let runs = series.single_runs();
    let nights = noise(&runs).filter(|_| runs.len() >= NIGHTS);
    let of_nights = |noise: Noise, why: String, note: Option<String>| Known {
        noise,
        source: NoiseSource::Nights {
            nights: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            why,
        },
        note,
    };
    let mut found = match (certificate(series, certified), nights) {
        (Ok(known), Some(nights)) if is_noisier(nights, known.noise) => {
            let why = contradiction(nights, known.noise);
            of_nights(nights, why.clone(), Some(why))
        }
        (Ok(known), Some(nights)) => Known {
            noise: known.noise.pooled(nights),
            ..known
        },
        (Ok(known), None) => known,
        (Err(why), Some(nights)) => of_nights(nights, why, None),
        (Err(why), None) => of_processes(series, &why)?,
    };
    found.noise.deviation = found.noise.deviation.max(LEAST * threshold);
    Some(found)
}

/// What is certified of the cell; else why that cannot be used.
fn certificate(series: &Series<'_>, certified: Certified<'_>) -> Result<Known, String> {
    match certified {
        Certified::None => Err("there is no certificate".to_owned()),
        Certified::Valid { certificate, file } => {
            let CertifiedNoise { noise, note } = of_cell(series, certificate)?;
            Ok(Known {
                noise,
                source: NoiseSource::Certificate {
                    file: file.to_owned(),
                    expired: false,
                },
                note,
            })
        }
        Certified::Expired {
            certificate,
            file,
            why,
        } => {
            let why: Vec<String> = why.iter().map(Difference::text).collect();
            let why = format!("the certificate has expired: {}", why.join(", "));
            if !is_of_machine(series, certificate) {
                return Err(why);
            }
            let CertifiedNoise { noise, note } = of_cell(series, certificate)?;
            let widened = Noise {
                deviation: OTHER_PROGRAMS * noise.deviation,
                ..noise
            };
            let note = note.map(|note| format!("; {note}")).unwrap_or_default();
            let note = format!(
                "{why}; its noise is used all the same, {OTHER_PROGRAMS} times as large{note}"
            );
            Ok(Known {
                noise: widened,
                source: NoiseSource::Certificate {
                    file: file.to_owned(),
                    expired: true,
                },
                note: Some(note),
            })
        }
    }
}

/// What nights say against a certificate.
fn contradiction(nights: Noise, certified: Noise) -> String {
    match certified.deviation > 0.0 {
        true => {
            let times = nights.deviation / certified.deviation;
            format!("nights scatter {times:.1} times as much as certified")
        }
        false => "nights scatter, and certified is no noise at all".to_owned(),
    }
}

/// What a certificate says of a cell.
struct CertifiedNoise {
    noise: Noise,
    note: Option<String>,
}

/// Where tonight's runs have fewer processes than the certified ones, what processes make of the noise is taken for so much larger, and
/// all of it where that part is not known. More processes make it no smaller: what else runs differ by stays.
fn of_cell(series: &Series<'_>, certificate: &Certificate) -> Result<CertifiedNoise, String> {
    let mut cells = certificate.cells.iter();
    let cell = cells.find(|cell| cell.id == *series.id && cell.settings == series.settings);
    let cell = cell.filter(|cell| cell.scale == series.scale && cell.deviation.is_finite());
    let cell = cell.ok_or("the certificate does not have it with these settings")?;
    let freedom = f64::from(cell.runs.saturating_sub(1).max(1));
    let fewer = cell.processes.zip(processes(series));
    let fewer = fewer.filter(|(certified, tonight)| tonight < certified);
    let more = fewer.map_or(0.0, |(certified, tonight)| {
        f64::from(certified) / f64::from(tonight) - 1.0
    });
    let of_processes = cell.promised.unwrap_or(cell.deviation);
    let noise = Noise {
        deviation: (cell.deviation.powi(2) + more * of_processes.powi(2)).sqrt(),
        freedom,
    };
    let note = fewer.map(|(certified, tonight)| {
        format!(
            "certified were runs of {certified} processes, and tonight's have {tonight}: their noise is taken for so much larger"
        )
    });
    Ok(CertifiedNoise { noise, note })
}

/// Processes with values in a run of tonight; of the run that has fewest.
fn processes(series: &Series<'_>) -> Option<u32> {
    let tonight = series.tonight.iter();
    let fewest = tonight.map(|value| value.cell.average.processes).min()?;
    u32::try_from(fewest).ok().filter(|fewest| *fewest > 0)
}

/// Whether a certificate is of the machine of tonight, whatever the programs.
fn is_of_machine(series: &Series<'_>, certificate: &Certificate) -> bool {
    let tonight = series.tonight.first().map(|value| &value.run.fingerprint);
    let differences = tonight.map(|now| certificate.fingerprint.machine_differences(now));
    differences.is_some_and(|differences| differences.is_empty())
}

/// From what processes of single runs differ by.
fn of_processes(series: &Series<'_>, why: &str) -> Option<Known> {
    let runs = series
        .tonight
        .iter()
        .chain(series.baseline.iter().flatten());
    let averages = runs.map(|value| &value.cell.average);
    let parts = averages.filter_map(|average| {
        let freedom = (average.processes - 1) as f64;
        (average.scale == series.scale).then_some((average.standard_error(series.scale)?, freedom))
    });
    let (mut squares, mut freedom) = (0.0, 0.0);
    for (error, of_run) in parts {
        squares += error.powi(2) * of_run;
        freedom += of_run;
    }
    let noise = Noise {
        deviation: RUNS_AGAINST_PROCESSES * (squares / freedom).sqrt(),
        freedom: freedom.min(FREEDOM_OF_PROCESSES),
    };
    let why = format!("{why}, and there are fewer than {NIGHTS} equal nights");
    (freedom > 0.0).then_some(Known {
        noise,
        source: NoiseSource::Processes { why },
        note: None,
    })
}
