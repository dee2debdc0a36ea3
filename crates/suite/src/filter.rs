//! `--only`, `--skip` and a choice of benchmarks: which cases are left.

use globset::{Glob, GlobMatcher};

use crate::PlanOptions;
use crate::draft::Draft;
use crate::problem::{Origin, Problem, shown};

/// Case ids that a message lists at most.
const LISTED: usize = 20;

/// The cases that the options leave, in the suite's order.
pub(crate) fn select<'a>(
    drafts: &'a [Draft],
    options: &PlanOptions,
) -> Result<Vec<&'a Draft>, Problem> {
    let only = matchers("--only", &options.only, drafts)?;
    let skip = matchers("--skip", &options.skip, drafts)?;
    let any = |matchers: &[GlobMatcher], draft: &Draft| {
        matchers.iter().any(|glob| glob.is_match(&draft.id.value))
    };
    let left = |draft: &&Draft| {
        is_asked(draft, options) && (only.is_empty() || any(&only, draft)) && !any(&skip, draft)
    };
    Ok(drafts.iter().filter(left).collect())
}

/// Whether a case is of a benchmark that the options ask for.
pub(crate) fn is_asked(draft: &Draft, options: &PlanOptions) -> bool {
    options.benchmarks.is_empty() || options.benchmarks.contains(&draft.benchmark())
}

fn matchers(
    option: &str,
    patterns: &[String],
    drafts: &[Draft],
) -> Result<Vec<GlobMatcher>, Problem> {
    patterns
        .iter()
        .map(|pattern| matcher(option, pattern, drafts))
        .collect()
}

/// A pattern that matches nothing is a slip: it would silently run too much or too little.
fn matcher(option: &str, pattern: &str, drafts: &[Draft]) -> Result<GlobMatcher, Problem> {
    let origin = Origin::Option(format!("{option} {}", shown(pattern)));
    let glob = Glob::new(pattern).map_err(|error| {
        let message = format!("not a pattern: {}", error.kind());
        Problem::at(&origin, message).accepted("case ids with `*`, `?`, `[ab]` or `{a,b}` in them")
    })?;
    let matcher = glob.compile_matcher();
    if finds(&matcher, drafts) {
        return Ok(matcher);
    }
    let wider = format!("*{pattern}*");
    let near = Glob::new(&wider).is_ok_and(|glob| finds(&glob.compile_matcher(), drafts));
    let hint = if near {
        format!("; did you mean `{}`?", shown(&wider))
    } else {
        String::new()
    };
    let message = format!("no case id matches the pattern{hint}");
    Err(Problem::at(&origin, message).accepted(listed(drafts)))
}

fn finds(glob: &GlobMatcher, drafts: &[Draft]) -> bool {
    drafts.iter().any(|draft| glob.is_match(&draft.id.value))
}

fn listed(drafts: &[Draft]) -> String {
    let ids: Vec<_> = drafts
        .iter()
        .take(LISTED)
        .map(|draft| draft.id.value.as_str())
        .collect();
    let more = drafts.len().saturating_sub(LISTED);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("patterns for {}{rest}", ids.join(", "))
}
