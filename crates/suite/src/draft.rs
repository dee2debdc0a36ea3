//! Cases before their models are known: `[[case]]` tables with defaults under them, matrices spread out, and what the
//! command line changes of matrices.

use anechoic_protocol::BenchmarkName;

use crate::benchmark;
use crate::entry::{Entry, Name, nearest, settings_of};
use crate::id::{Template, check_name};
use crate::keys::{Place, TOP_SETTINGS};
use crate::matrix::{Matrix, placeholder_text};
use crate::pace::MOST;
use crate::problem::{Origin, Placed, Problem, quoted, shown};
use crate::readers::named;
use crate::setting::Setting;
use crate::settings::Settings;
use crate::suite::required_text;
use crate::usage::{check_own, check_shared, distinct};
use crate::value::{Table, Value};

/// A case before its model is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) id: Placed<String>,
    pub(crate) settings: Settings,
    /// Settings that tell it from the other cases of its matrix.
    pub(crate) matrix: Vec<Name>,
}

/// What the command line changes of a suite's cases before they are counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Values of `--set`, the later one wins. They take the place of a matrix's values.
    pub(crate) set: Vec<Entry>,
    /// Whether the token counts of a matrix become one case.
    pub(crate) group_tokens: bool,
}

/// Entries of one `[[case]]` and of what lies under it.
struct Written<'a> {
    base: &'a [Entry],
    own: &'a [Entry],
}

/// The cases as the file has them, with every check that needs no model.
pub(crate) fn read_checked(file: &Table) -> Result<Vec<Draft>, Problem> {
    let drafts = read(file, &Changes::default())?;
    let benchmarks = distinct(drafts.iter().map(Draft::benchmark));
    check_shared(&defaults(file)?, &benchmarks, "no case")?;
    for draft in &drafts {
        benchmark::check(&draft.settings).map_err(|problem| problem.in_case(&draft.id))?;
    }
    Ok(drafts)
}

/// The cases with the command line's changes, not checked as wholes: options go over the settings yet.
pub(crate) fn read(file: &Table, changes: &Changes) -> Result<Vec<Draft>, Problem> {
    let base = [top(file), defaults(file)?].concat();
    Settings::check_values(&base)?;
    let list = match file.get("case") {
        Some(cases) => cases.list("case", "`[[case]]` tables")?,
        None => &[],
    };
    let mut drafts = Vec::new();
    for case in list {
        drafts.extend(read_case(case, &base, changes)?);
    }
    check_count(&drafts)?;
    check_distinct(&drafts)?;
    Ok(drafts)
}

/// Settings that the file gives at its top.
fn top(file: &Table) -> Vec<Entry> {
    let entry = |(key, value): &(Placed<String>, Placed<Value>)| {
        let setting = TOP_SETTINGS
            .into_iter()
            .find(|setting| setting.name() == key.value);
        setting.map(|setting| Entry::new(setting, key, value))
    };
    file.entries.iter().filter_map(entry).collect()
}

fn defaults(file: &Table) -> Result<Vec<Entry>, Problem> {
    let Some(defaults) = file.get("defaults") else {
        return Ok(Vec::new());
    };
    let table = defaults.table("defaults", "a `[defaults]` table")?;
    settings_of(table, Place::Defaults)
}

fn check_count(drafts: &[Draft]) -> Result<(), Problem> {
    if drafts.is_empty() {
        let problem = Problem::at(&Origin::Default, "the suite has no case");
        return Err(problem.accepted("at least one `[[case]]` table"));
    }
    if drafts.len() > MOST as usize {
        let message = format!("the suite has {} cases", drafts.len());
        return Err(Problem::at(&Origin::Default, message).accepted(format!("up to {MOST}")));
    }
    Ok(())
}

fn check_distinct(drafts: &[Draft]) -> Result<(), Problem> {
    let mut seen = std::collections::BTreeSet::new();
    let twice = drafts
        .iter()
        .find(|draft| !seen.insert(draft.id.value.as_str()));
    twice.map_or(Ok(()), |draft| {
        let message = format!("two cases have the id `{}`", shown(&draft.id.value));
        Err(Problem::at(&draft.id.origin, message).accepted("every id once"))
    })
}

/// One `[[case]]`: as many cases as its matrix has combinations.
fn read_case(
    case: &Placed<Value>,
    base: &[Entry],
    changes: &Changes,
) -> Result<Vec<Draft>, Problem> {
    let table = case.table("case", "a `[[case]]` table")?;
    let own = settings_of(table, Place::Case)?;
    // Before the id, which a command makes of its settings.
    Settings::check_values(&own)?;
    let id = required_text(table, "id", &case.origin)?;
    let template = Template::parse(&id.with(&id.value))?;
    let matrix = Matrix::read(table.get("matrix"), changes)?;
    matrix.check_against(&own)?;
    matrix.check_id(&template)?;
    let written = Written { base, own: &own };
    let draft = |combination: Vec<Entry>| {
        let filled = template.fill(|key| placeholder_text(&combination, key));
        Draft::new(&id.with(filled), &written, &combination)
    };
    matrix.combinations().into_iter().map(draft).collect()
}

impl Draft {
    fn new(
        id: &Placed<String>,
        written: &Written<'_>,
        combination: &[Entry],
    ) -> Result<Self, Problem> {
        Settings::check_values(combination)?;
        let benchmark = benchmark_of(id, &[written.base, written.own, combination])?;
        let id = full_id(id, benchmark.value)?;
        let own = || written.own.iter().chain(combination);
        check_own(own(), benchmark.value).map_err(|problem| problem.in_case(&id))?;
        check_one_t(own()).map_err(|problem| problem.in_case(&id))?;
        let settings = Settings::of(&benchmark).under(written.base)?.under(own())?;
        let matrix = combination.iter().map(Entry::name).collect();
        Ok(Self {
            id,
            settings,
            matrix,
        })
    }

    pub(crate) fn benchmark(&self) -> BenchmarkName {
        self.settings.benchmark.value
    }

    pub(crate) fn is_phase(&self) -> bool {
        self.benchmark() == BenchmarkName::Phase
    }
}

fn benchmark_of(
    id: &Placed<String>,
    layers: &[&[Entry]],
) -> Result<Placed<BenchmarkName>, Problem> {
    let all = BenchmarkName::ALL.map(BenchmarkName::as_str);
    match nearest(layers, Setting::Benchmark) {
        Some(entry) => named(&entry.key.value, &entry.value, &all),
        None => {
            let all = quoted(all);
            let accepted =
                format!("`benchmark = \"…\"` in the case or in `[defaults]`, with one of {all}");
            let problem = Problem::at(&Origin::Default, "the case has no `benchmark`");
            Err(problem.accepted(accepted).in_case(id))
        }
    }
}

/// `phase` takes T from either key, and one case has one.
fn check_one_t<'a>(own: impl Iterator<Item = &'a Entry>) -> Result<(), Problem> {
    let is_t = |entry: &&Entry| matches!(entry.setting, Setting::Tokens | Setting::PhaseTokens);
    let given: Vec<_> = own.filter(is_t).collect();
    let [first, second] = given[..] else {
        return Ok(());
    };
    let (first, second) = (&first.key.value, &second.key);
    let message = format!(
        "`{first}` and `{}` are both given by the case",
        second.value
    );
    Err(Problem::at(&second.origin, message).accepted("one of the two"))
}

/// The id with its benchmark's family in front.
fn full_id(id: &Placed<String>, benchmark: BenchmarkName) -> Result<Placed<String>, Problem> {
    check_name("id", id)?;
    let prefix = format!("{}.", benchmark.family().as_str());
    let full = if id.value.starts_with(&prefix) {
        id.value.clone()
    } else {
        prefix + &id.value
    };
    let full = id.with(full);
    check_name("id", &full)?;
    Ok(full)
}
