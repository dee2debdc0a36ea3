//! What the fake worker is told to do wrong.
//!
//! `ANECHOIC_FAKE_WORKER` holds rules that are separated by `;`, each `[attempt-N:][CASE=]FAULT`. The first rule that
//! fits the attempt counts; without one the worker behaves. `CASE` is the end of a case's id. `random-SEED` in the
//! place of a fault draws one of [`DRAWN`] for half of all attempts.

use std::str::FromStr;

use anechoic_protocol::{FailureKind, Phase};

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None.
    Ok,
    /// Says hello in another version, with the fields of this one.
    WrongVersion,
    /// Says hello in another version, with other fields.
    ForeignHello,
    /// Says hello only once its input is closed.
    SlowHello,
    /// Says hello twice.
    SecondHello,
    /// Sends a phase before its hello.
    NoHello,
    /// Offers no benchmark.
    NoBenchmark,
    /// Sees only a GPU that nobody asked for.
    OtherDevice,
    /// As that, and hangs in measure.
    OtherDeviceHangs,
    /// None; sees a GPU beside the CPU.
    OffersGpu,
    /// Writes a log line to standard output.
    Garbage,
    /// Writes bytes that are not UTF-8.
    NotText,
    /// Writes a line that never ends.
    EndlessLine,
    /// Writes 4 MiB to standard error, then behaves.
    HugeStderr,
    /// Exits in the middle of measuring, with this code.
    Exit(i32),
    /// Ends itself by SIGSEGV while measuring.
    Segv,
    /// Aborts while measuring.
    Abort,
    /// Ends itself by SIGKILL while measuring.
    Kill,
    /// Ends itself by SIGKILL in the middle of writing a line.
    KillInLine,
    /// Exits with 0 in the middle of writing a line.
    ExitInLine,
    /// Does nothing more from this phase on, and does not look at standard input.
    Hang(Phase),
    /// As hanging in measure, and ignores SIGTERM.
    Stubborn,
    /// Waits in measure until standard input is closed, then says that it was stopped.
    Obedient,
    /// Exits with 0 before its result.
    NoResult,
    /// Sends its result twice.
    TwoResults,
    /// Sends a warning after its result.
    AfterResult,
    /// Exits with this code after its result.
    ResultThenExit(i32),
    /// Ends itself by SIGSEGV after its result.
    ResultThenSegv,
    /// Echoes a batch of one.
    WrongEcho,
    /// Captures one row too few.
    WrongRows,
    /// Sends one sample too few.
    MissingSample,
    /// Sends its second sample first.
    SampleOrder,
    /// Finishes although its verification found a difference.
    BadVerification,
    /// Finishes without a verification.
    NoVerification,
    /// Finishes with a verification that compared nothing.
    EmptyVerification,
    /// Sends none of the extra clock readings that were asked for.
    MissingReadings,
    /// Sends extra clock readings that nobody asked for.
    ExtraReadings,
    /// Pairs one decode step too few.
    ShortPairs,
    /// Sends samples of another benchmark.
    WrongKind,
    /// Sends samples for another T.
    WrongTokens,
    /// Tells of one byte more in the cache, the per-request bytes of a capacity included.
    WrongCache,
    /// Sends parts that are longer than their whole.
    LongParts,
    /// Tells of a quality that cannot be, or of a batch that did not fit.
    WrongVerdict,
    /// Does not tell which model it loaded.
    NoModelFacts,
    /// Says that it failed, for this reason.
    Fail(FailureKind),
    /// Leaves a child in its group that holds its pipes.
    Grandchild,
    /// Leaves a child in a group of its own that holds its pipes.
    Runaway,
    /// Closes standard output while measuring, and goes on.
    ClosesStdout,
    /// Measures for three seconds.
    Slow,
    /// Writes its surroundings to standard error, then behaves.
    Tells,
    /// Leaves a child in a session of its own, without its environment and its pipes.
    Daemon,
    /// Leaves a child that ends a moment later by itself.
    SlowChild,
    /// Leaves a child that ignores SIGTERM.
    StubbornChild,
    /// Leaves a child of each kind.
    Brood,
    /// As that, then does nothing more.
    BroodThenHang,
    /// As that, then exits with 3.
    BroodThenExit,
    /// As that, then writes 4 MiB to standard error and does nothing more.
    BroodThenShout,
    /// None; does one job per process.
    SingleJob,
    /// Takes memory until it is refused, and says so; behaves where it gets 1 GiB.
    Hungry,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || format!("`{text}` is no fault");
        let number = |digits: &str| digits.parse().map_err(|_| unknown());
        if let Some(code) = text.strip_prefix("result-then-exit-") {
            return number(code).map(Self::ResultThenExit);
        }
        if let Some(code) = text.strip_prefix("exit-").filter(|code| *code != "in-line") {
            return number(code).map(Self::Exit);
        }
        if let Some(name) = text.strip_prefix("hang-in-") {
            let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == name);
            return phase.map(Self::Hang).ok_or_else(unknown);
        }
        if let Some(name) = text.strip_prefix("fail-") {
            let kind = FailureKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == name);
            return kind.map(Self::Fail).ok_or_else(unknown);
        }
        plain(text).ok_or_else(unknown)
    }
}

fn plain(text: &str) -> Option<Fault> {
    Some(match text {
        "ok" => Fault::Ok,
        "wrong-version" => Fault::WrongVersion,
        "foreign-hello" => Fault::ForeignHello,
        "slow-hello" => Fault::SlowHello,
        "second-hello" => Fault::SecondHello,
        "no-hello" => Fault::NoHello,
        "no-benchmark" => Fault::NoBenchmark,
        "other-device" => Fault::OtherDevice,
        "other-device-hangs" => Fault::OtherDeviceHangs,
        "offers-gpu" => Fault::OffersGpu,
        "garbage" => Fault::Garbage,
        "not-text" => Fault::NotText,
        "endless-line" => Fault::EndlessLine,
        "huge-stderr" => Fault::HugeStderr,
        "segv" => Fault::Segv,
        "abort" => Fault::Abort,
        "kill" => Fault::Kill,
        "kill-in-line" => Fault::KillInLine,
        "exit-in-line" => Fault::ExitInLine,
        "stubborn" => Fault::Stubborn,
        "obedient" => Fault::Obedient,
        "no-result" => Fault::NoResult,
        "two-results" => Fault::TwoResults,
        "after-result" => Fault::AfterResult,
        "result-then-segv" => Fault::ResultThenSegv,
        "wrong-echo" => Fault::WrongEcho,
        "wrong-rows" => Fault::WrongRows,
        "missing-sample" => Fault::MissingSample,
        "sample-order" => Fault::SampleOrder,
        "bad-verification" => Fault::BadVerification,
        "no-verification" => Fault::NoVerification,
        "empty-verification" => Fault::EmptyVerification,
        "missing-readings" => Fault::MissingReadings,
        "extra-readings" => Fault::ExtraReadings,
        "short-pairs" => Fault::ShortPairs,
        "wrong-kind" => Fault::WrongKind,
        "wrong-tokens" => Fault::WrongTokens,
        "wrong-cache" => Fault::WrongCache,
        "long-parts" => Fault::LongParts,
        "wrong-verdict" => Fault::WrongVerdict,
        "no-model-facts" => Fault::NoModelFacts,
        "grandchild" => Fault::Grandchild,
        "runaway" => Fault::Runaway,
        "closes-stdout" => Fault::ClosesStdout,
        "slow" => Fault::Slow,
        "tells" => Fault::Tells,
        "daemon" => Fault::Daemon,
        "slow-child" => Fault::SlowChild,
        "stubborn-child" => Fault::StubbornChild,
        "brood" => Fault::Brood,
        "brood-then-hang" => Fault::BroodThenHang,
        "brood-then-exit-3" => Fault::BroodThenExit,
        "brood-then-shout" => Fault::BroodThenShout,
        "single-job" => Fault::SingleJob,
        "hungry" => Fault::Hungry,
        _ => return None,
    })
}

/// What `random-SEED` draws from: every way to end, mostly quick ones.
pub const DRAWN: [&str; 28] = [
    "garbage",
    "not-text",
    "huge-stderr",
    "exit-3",
    "segv",
    "abort",
    "kill",
    "kill-in-line",
    "exit-in-line",
    "no-result",
    "two-results",
    "after-result",
    "result-then-exit-7",
    "result-then-segv",
    "wrong-echo",
    "missing-sample",
    "no-verification",
    "foreign-hello",
    "second-hello",
    "fail-internal",
    "fail-device-out-of-memory",
    "grandchild",
    "runaway",
    "hang-in-measure",
    "daemon",
    "slow-child",
    "stubborn-child",
    "brood",
];

/// The fault that a seed draws for an attempt.
fn draw(seed: u64, case: &str, attempt: &str) -> &'static str {
    // FNV-1a: the same on every machine and in every build.
    let text = format!("{seed}/{case}/{attempt}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 32)) as usize;
    match hash % 2 {
        0 => "ok",
        _ => DRAWN[(hash / 2) % DRAWN.len()],
    }
}

/// The fault for an attempt: the first rule that fits.
///
/// # Errors
/// When a rule cannot be read.
pub fn choose(rules: &str, case: &str, attempt: &str) -> Result<Fault, String> {
    for rule in rules.split(';').filter(|rule| !rule.is_empty()) {
        let (fits_attempt, rest) = match rule
            .strip_prefix("attempt-")
            .and_then(|r| r.split_once(':'))
        {
            Some((number, rest)) => (number == attempt, rest),
            None => (true, rule),
        };
        let (fits_case, fault) = match rest.split_once('=') {
            Some((end, fault)) => (case.ends_with(end), fault),
            None => (true, rest),
        };
        let fault = match fault.strip_prefix("random-") {
            Some(seed) => {
                let seed = seed.parse().map_err(|_| format!("`{seed}` is no seed"))?;
                draw(seed, case, attempt).parse()?
            }
            None => fault.parse()?,
        };
        if fits_attempt && fits_case {
            return Ok(fault);
        }
    }
    Ok(Fault::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let check = |rules: &str, case: &str, attempt: &str, expected: Fault| {
            assert_eq!(
                choose(rules, case, attempt),
                Ok(expected),
                "{rules} for {case} {attempt}"
            );
        };
        check("", "capture.a", "1", Fault::Ok);
        check("segv", "capture.a", "1", Fault::Segv);
        check("b=segv;exit-3", "capture.a", "1", Fault::Exit(3));
        check("b=segv;exit-3", "capture.b", "1", Fault::Segv);
        check(
            "attempt-1:b=exit-in-line",
            "capture.b",
            "1",
            Fault::ExitInLine,
        );
        check("attempt-1:b=segv", "capture.b", "2", Fault::Ok);
        check(
            "hang-in-warm-up",
            "capture.b",
            "2",
            Fault::Hang(Phase::WarmUp),
        );
        check(
            "fail-out-of-memory",
            "x",
            "1",
            Fault::Fail(FailureKind::OutOfMemory),
        );
        assert!(choose("nonsense", "a", "1").is_err());
        assert!(choose("random-x", "a", "1").is_err());
    }

    #[test]
    fn every_drawn_fault_exists_and_comes() {
        let drawn: Vec<Fault> = (1..=2000)
            .map(|attempt| choose("random-1", "capture.a", &attempt.to_string()).unwrap())
            .collect();
        for name in DRAWN {
            let fault: Fault = name.parse().unwrap();
            assert!(drawn.contains(&fault), "{name}");
        }
        let good = drawn.iter().filter(|fault| **fault == Fault::Ok).count();
        assert!((800..1200).contains(&good), "{good}");
    }
}
