//! What the fake worker's made-up times can be turned to: slower, as `anechoic-worker --slow-down` is, and different from
//! process to process. Given as arguments, or in [`VARIABLE`] with spaces between them:
//! `--slow-down 3% --slow-down-case PATTERN --slow-down-attempts 1,3 --noise 1% --noise-seed N`. Each `--slow-down` begins
//! another, which what follows it limits.

use anechoic_protocol::{Job, PhaseTimes, RooflinePoint, Sample};

use crate::kills::Draw;

/// The variable that holds dials for workers whose arguments a test does not choose.
pub const VARIABLE: &str = "ANECHOIC_FAKE_DIALS";

/// The dials. At rest they change nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dials {
    /// What makes times longer.
    pub slow_downs: Vec<SlowDown>,
    /// Standard deviation between processes, as a share of times.
    pub noise: f64,
    /// What the noise of a process follows from, beside its case and attempt.
    pub seed: u64,
}

/// Longer times of some attempts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlowDown {
    /// Share by which times are longer.
    pub share: f64,
    /// The cases that are slowed down, with `*` at the end or the beginning for anything; all where there is none.
    pub cases: Option<String>,
    /// The numbers of their attempts that are; all where there are none.
    pub attempts: Vec<u32>,
}

impl Dials {
    /// Reads arguments.
    ///
    /// # Errors
    /// The argument that cannot be read.
    pub fn read(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut dials = Self::default();
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| format!("`{name}` has no value"))?;
            dials.turn(&name, &value)?;
        }
        Ok(dials)
    }

    fn turn(&mut self, name: &str, value: &str) -> Result<(), String> {
        let unreadable = || format!("`{value}` is no value of `{name}`");
        let last = self.slow_downs.last_mut();
        let last = last.ok_or_else(|| format!("`{name}` comes before any `--slow-down`"));
        match name {
            "--slow-down" => self.slow_downs.push(SlowDown {
                share: share(value, 10.0).ok_or_else(unreadable)?,
                ..SlowDown::default()
            }),
            "--slow-down-case" => last?.cases = Some(value.to_owned()),
            "--slow-down-attempts" => {
                let numbers = value.split(',').map(str::parse);
                last?.attempts = numbers
                    .collect::<Result<_, _>>()
                    .map_err(|_| unreadable())?;
            }
            "--noise" => self.noise = share(value, 0.1).ok_or_else(unreadable)?,
            "--noise-seed" => self.seed = value.parse().map_err(|_| unreadable())?,
            _ => return Err(format!("`{name}` is no argument of the fake worker")),
        }
        Ok(())
    }

    /// The words of `anechoic-worker` for an attempt that is slowed down.
    pub fn warning(&self, job: &Job) -> Option<String> {
        let percent = ((self.slowness(job) - 1.0) * 1e8).round() / 1e6;
        (percent > 0.0).then(|| format!("slowed down by {percent} % on purpose (--slow-down)"))
    }

    /// What all times of a process are multiplied by.
    pub fn factor(&self, job: &Job) -> f64 {
        self.slowness(job) * (1.0 + self.noise * normal(self.seed, job))
    }

    fn slowness(&self, job: &Job) -> f64 {
        let meant = self.slow_downs.iter().filter(|it| it.means(job));
        meant.map(|slow_down| 1.0 + slow_down.share).product()
    }
}

impl SlowDown {
    fn means(&self, job: &Job) -> bool {
        let is_meant = self.attempts.is_empty() || self.attempts.contains(&job.attempt);
        is_meant && self.means_case(&job.case)
    }

    fn means_case(&self, case: &str) -> bool {
        match self.cases.as_deref() {
            None => true,
            Some(pattern) => match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
                (Some(end), _) => case.ends_with(end),
                (None, Some(start)) => case.starts_with(start),
                (None, None) => case == pattern,
            },
        }
    }
}

/// `3%` as 0.03, up to `most`.
fn share(text: &str, most: f64) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    let share = percent / 100.0;
    (0.0..=most).contains(&share).then_some(share)
}

/// A nearly normal number that follows from the job.
fn normal(seed: u64, job: &Job) -> f64 {
    let name = format!("{seed}/{}/{}", job.case, job.attempt);
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Draw(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash)).normal()
}

/// All times of a sample, multiplied. Parts stay parts of their whole.
pub fn stretch(sample: &mut Sample, factor: f64) {
    // At rest nothing is touched, not even a sum that is wrong on purpose.
    if factor == 1.0 {
        return;
    }
    let longer = |ns: &mut u64| *ns = (*ns as f64 * factor) as u64;
    match sample {
        Sample::Capture(sample) => {
            longer(&mut sample.prefill_ns);
            longer(&mut sample.decode_ns);
            longer(&mut sample.generation_ns);
            longer(&mut sample.fetch_ns);
        }
        Sample::Latency(sample) => {
            longer(&mut sample.prefill_ns);
            longer(&mut sample.decode_ns);
            longer(&mut sample.total_ns);
        }
        Sample::Phase(sample) => {
            stretch_phases(&mut sample.prefill, longer);
            stretch_phases(&mut sample.decode, longer);
        }
        Sample::Roofline(sample) => {
            let time = |point: &mut RooflinePoint| longer(&mut point.time_ns);
            time(&mut sample.prefill);
            time(&mut sample.decode);
        }
        Sample::Custom(sample) => longer(&mut sample.time_ns),
        Sample::Vram(_) | Sample::Perplexity(_) | Sample::Capacity(_) => {}
    }
}

/// The parts add up to the whole after rounding too.
fn stretch_phases(times: &mut PhaseTimes, longer: impl Fn(&mut u64)) {
    let PhaseTimes {
        embedding_ns,
        attention_ns,
        mlp_ns,
        head_ns,
        other_ns,
        total_ns,
    } = times;
    for part in [
        &mut *embedding_ns,
        &mut *attention_ns,
        &mut *mlp_ns,
        &mut *head_ns,
        &mut *other_ns,
    ] {
        longer(part);
    }
    *total_ns = *embedding_ns + *attention_ns + *mlp_ns + *head_ns + *other_ns;
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::{Benchmark, CustomSample, CustomWork, Device};

    use super::*;

    fn read(line: &str) -> Result<Dials, String> {
        Dials::read(line.split_whitespace().map(str::to_owned))
    }

    fn job(case: &str, attempt: u32) -> Job {
        Job {
            protocol: 1,
            case: case.to_owned(),
            attempt,
            device: Device::Cpu,
            threads: 1,
            seed: 0,
            work: Benchmark::Custom(CustomWork {
                parameters: Default::default(),
                warmup_iterations: 0,
                iterations: 1,
            }),
            more: false,
        }
    }

    #[test]
    fn no_arguments_change_nothing() {
        let dials = read("").unwrap();
        assert_eq!(dials, Dials::default());
        assert_eq!(dials.factor(&job("a", 1)), 1.0);
        assert_eq!(dials.warning(&job("a", 1)), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for line in [
            "--slow-down",
            "--slow-down fast",
            "--slow-down -3%",
            "--slow-down 1001%",
            "--noise 11%",
            "--noise-seed x",
            "--slow-down-case *b",
            "--slow-down 3% --slow-down-attempts 1,x",
            "--other 1",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn only_the_cases_that_are_meant_are_slowed_down() {
        let dials = read("--slow-down 3% --slow-down-case *.b").unwrap();
        assert_eq!(dials.factor(&job("latency.b", 1)), 1.03);
        assert_eq!(dials.factor(&job("latency.a", 1)), 1.0);
        assert_eq!(
            dials.warning(&job("latency.b", 1)).unwrap(),
            "slowed down by 3 % on purpose (--slow-down)"
        );
        assert_eq!(dials.warning(&job("latency.a", 1)), None);
    }

    #[test]
    fn each_slow_down_has_cases_and_attempts_of_its_own() {
        let dials = read(
            "--slow-down 50% --slow-down-case *.b --slow-down-attempts 1,3 --slow-down 100% --slow-down-attempts 3",
        );
        let dials = dials.unwrap();
        let factor = |case: &str, attempt| dials.factor(&job(case, attempt));
        let found = [factor("x.b", 1), factor("x.b", 2), factor("x.b", 3)];
        assert_eq!(found, [1.5, 1.0, 3.0]);
        assert_eq!((factor("x.a", 1), factor("x.a", 3)), (1.0, 2.0));
    }

    #[test]
    fn noise_differs_between_processes_and_follows_from_the_seed() {
        let dials = read("--noise 1% --noise-seed 7").unwrap();
        let factors: Vec<f64> = (1..=400).map(|n| dials.factor(&job("a", n))).collect();
        let mean = factors.iter().sum::<f64>() / 400.0;
        let squares: f64 = factors.iter().map(|f| (f - mean).powi(2)).sum();
        assert!((mean - 1.0).abs() < 0.002, "{mean}");
        assert!(((squares / 399.0).sqrt() - 0.01).abs() < 0.002);
        assert_eq!(dials.factor(&job("a", 3)), factors[2]);
        let other = read("--noise 1% --noise-seed 8").unwrap();
        assert_ne!(other.factor(&job("a", 3)), factors[2]);
    }

    #[test]
    fn times_are_multiplied() {
        let mut sample = Sample::Custom(CustomSample {
            iteration: 1,
            time_ns: 1_000,
            values: Default::default(),
        });
        stretch(&mut sample, 1.5);
        assert!(matches!(sample, Sample::Custom(sample) if sample.time_ns == 1_500));
    }
}
