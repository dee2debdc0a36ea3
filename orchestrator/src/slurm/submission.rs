//! What an attempt needs of Slurm, as arguments of `sbatch` and as the script of the job. Pure.

use std::path::Path;
use std::time::Duration;

use anechoic_record::SlurmOptions;

/// What the supervisor of an attempt may take beyond the worker's own limit of memory.
const SUPERVISOR_BYTES: u64 = 256 << 20;

/// Options that are ours: an attempt is one job on one node, that is made once.
const OURS: [&str; 27] = [
    "account",
    "array",
    "constraint",
    "cpus-per-task",
    "error",
    "exclusive",
    "gres",
    "job-name",
    "mem",
    "no-requeue",
    "nodelist",
    "nodes",
    "ntasks",
    "open-mode",
    "output",
    "parsable",
    "partition",
    "qos",
    "quiet",
    "requeue",
    "signal",
    "test-only",
    "time",
    "time-min",
    "wait",
    "wait-all-nodes",
    "wrap",
];

/// What one attempt needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The longest that its job may take.
    pub(crate) time: Duration,
    /// CPUs for the worker's threads.
    pub(crate) cpus: u32,
    /// The worker's limit of memory, where it has one.
    pub(crate) memory_bytes: Option<u64>,
}

/// Why a further option cannot be passed on.
pub(crate) fn check_further(key: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if key.is_empty() || key.starts_with('-') || !key.chars().all(is_word) {
        return Err("write it as KEY=VALUE, with the long name of an option of sbatch".to_owned());
    }
    match OURS.contains(&key) {
        true => Err(format!(
            "`{key}` is decided by anechoic or has an option of its own"
        )),
        false => Ok(()),
    }
}

/// A name that only this attempt of this orchestrator has: it is found by it where its number is not known.
pub(crate) fn job_name(run: &str, case: &str, attempt: u32, orchestrator: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let plain = |text: &str| text.replace(|c: char| !is_plain(c), "_");
    let (run, case) = (plain(run), plain(case));
    format!("anechoic/{run}/{case}/{attempt}/{orchestrator}")
}

/// What a job needs, as arguments: these win over variables such as `SBATCH_PARTITION` and over lines of the script.
pub(super) fn needs(options: &SlurmOptions, need: &Need) -> Vec<String> {
    let mut arguments = vec![
        "--nodes=1".to_owned(),
        "--ntasks=1".to_owned(),
        // A second start would measure again what the first has begun to record.
        "--no-requeue".to_owned(),
        format!("--cpus-per-task={}", need.cpus),
        format!("--time={}", minutes(need.time)),
    ];
    let SlurmOptions {
        partition,
        gres,
        account,
        qos,
        constraint,
        nodelist,
        exclusive,
        further,
    } = options;
    let named = [
        ("partition", partition),
        ("gres", gres),
        ("account", account),
        ("qos", qos),
        ("constraint", constraint),
        ("nodelist", nodelist),
    ];
    let named = named
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)));
    arguments.extend(named.map(|(key, value)| format!("--{key}={value}")));
    arguments.extend(exclusive.then(|| "--exclusive".to_owned()));
    arguments.extend(memory(need.memory_bytes, *exclusive));
    let further = further.iter().map(|(key, value)| match value.is_empty() {
        true => format!("--{key}"),
        false => format!("--{key}={value}"),
    });
    arguments.extend(further);
    arguments
}

/// All of a node that nobody shares; what Slurm gives by default of another.
fn memory(limit: Option<u64>, exclusive: bool) -> Option<String> {
    match limit {
        Some(bytes) => Some(format!(
            "--mem={}M",
            (bytes + SUPERVISOR_BYTES).div_ceil(1 << 20)
        )),
        None => exclusive.then(|| "--mem=0".to_owned()),
    }
}

/// Slurm counts limits in minutes.
pub(super) fn minutes(time: Duration) -> u64 {
    time.as_millis()
        .div_ceil(60_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// The whole command line of `sbatch`.
pub(super) fn submission(
    options: &SlurmOptions,
    need: &Need,
    name: &str,
    output: &Path,
    script: &Path,
) -> Vec<String> {
    let mut arguments = needs(options, need);
    arguments.extend([
        "--parsable".to_owned(),
        format!("--job-name={name}"),
        format!("--output={}", pattern(output)),
        "--open-mode=append".to_owned(),
        script.display().to_string(),
    ]);
    arguments
}

/// A path in which Slurm fills in nothing.
fn pattern(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// The script of a job: this program once more, in place of the shell, so that a signal to the job's script is one to it.
pub(super) fn script(program: &Path, request: &Path) -> String {
    let word = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    format!(
        "#!/bin/sh\nexec {} attempt {}\n",
        word(program),
        word(request)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need {
        time: Duration::from_secs(61),
        cpus: 4,
        memory_bytes: None,
    };

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_needed_becomes_arguments() {
        let check = |options: SlurmOptions, need: Need, expected: &str| {
            let fixed = "--nodes=1 --ntasks=1 --no-requeue --cpus-per-task=4 --time=2";
            assert_eq!(
                needs(&options, &need).join(" "),
                format!("{fixed}{expected}")
            );
        };
        check(SlurmOptions::default(), NEED, "");
        let exclusive = || SlurmOptions {
            exclusive: true,
            ..SlurmOptions::default()
        };
        check(exclusive(), NEED, " --exclusive --mem=0");
        let limited = Need {
            memory_bytes: Some((1 << 30) + 1),
            ..NEED
        };
        check(exclusive(), limited, " --exclusive --mem=1281M");
        let all = SlurmOptions {
            partition: some("p"),
            gres: some("gpu:1"),
            account: some("a"),
            qos: some("q"),
            constraint: some("a100&nvlink"),
            nodelist: some("n[1-2]"),
            exclusive: false,
            further: [
                ("comment".to_owned(), "two words".to_owned()),
                ("spread-job".to_owned(), String::new()),
            ]
            .into(),
        };
        check(
            all,
            NEED,
            " --partition=p --gres=gpu:1 --account=a --qos=q --constraint=a100&nvlink --nodelist=n[1-2] \
             --comment=two words --spread-job",
        );
    }

    #[test]
    fn limits_are_whole_minutes_and_never_shorter() {
        let check = |millis, expected| assert_eq!(minutes(Duration::from_millis(millis)), expected);
        check(1, 1);
        check(60_000, 1);
        check(60_001, 2);
    }

    #[test]
    fn paths_reach_the_script_as_they_are() {
        let check = |program: &str, request: &str, expected: &str| {
            let script = script(Path::new(program), Path::new(request));
            assert_eq!(script, format!("#!/bin/sh\nexec {expected}\n"));
        };
        check("/a/b", "/r/x.json", "'/a/b' attempt '/r/x.json'");
        check(
            "/my $(rm) dir/b",
            "/it's/\"x\"",
            r#"'/my $(rm) dir/b' attempt '/it'\''s/"x"'"#,
        );
        assert_eq!(pattern(Path::new("/100%j/x")), "/100%%j/x");
    }

    #[test]
    fn options_of_ours_are_refused() {
        let check = |key: &str, expected: bool| {
            assert_eq!(check_further(key).is_ok(), expected, "{key}");
        };
        check("reservation", true);
        check("gpu-freq", true);
        for key in ["", "-x", "array", "requeue", "time", "Reservation", "a b"] {
            check(key, false);
        }
    }

    #[test]
    fn names_hold_nothing_that_slurm_reads_as_a_list() {
        let name = job_name("quick_2026-11-22T03-45-00Z", "kv.a,b c", 2, "7.8.9");
        assert_eq!(name, "anechoic/quick_2026-11-22T03-45-00Z/kv.a_b_c/2/7.8.9");
    }
}
