//! A suite file, read and checked as far as it can be without knowing the models.

use crate::capture;
use crate::error::SuiteError;
use crate::id::{Template, check_name};
use crate::keys::{Place, TOP_SETTINGS};
use crate::matrix::{Matrix, placeholder_text};
use crate::pace::{MOST, Pace, PaceSetting};
use crate::problem::{Origin, Placed, Problem, shown};
use crate::setting::Setting;
use crate::settings::{Entry, Settings};
use crate::source::Source;
use crate::text::OneCase;
use crate::value::{Table, Value};

/// The suite schema that this build reads.
pub const SUITE_SCHEMA_VERSION: u32 = 1;

/// A suite whose values are right by themselves. What depends on a model is checked by [`Suite::plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    pub(crate) source: Source,
    pub(crate) name: String,
    pub(crate) question: Option<String>,
    pub(crate) pace: Pace,
    pub(crate) cases: Vec<Draft>,
}

/// A case before its model is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) id: Placed<String>,
    pub(crate) settings: Settings,
    /// Settings that tell it from the other cases of its matrix.
    pub(crate) matrix: Vec<Setting>,
}

impl Suite {
    /// Reads a suite's text. `file_name` is for messages only.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, SuiteError> {
        Self::read(&Source::file(file_name, text))
    }

    /// A suite with one case, for a configuration that comes from the command line alone.
    ///
    /// `settings` are keys of a case with their values as typed: `("layers", "0,5,10")`. Messages name
    /// them as options: `--layers "0,5,10"`. [`Suite::text`] reads like any other suite.
    pub fn one_case(name: &str, id: &str, settings: &[(&str, &str)]) -> Result<Self, SuiteError> {
        let OneCase { text, options } = OneCase::write(name, id, settings);
        Self::read(&Source::options(options, &text))
    }

    fn read(source: &Source) -> Result<Self, SuiteError> {
        read(source).map_err(|problem| source.explain(problem))
    }

    /// The suite's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The question it answers, where the file tells.
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    /// The ids of its cases, in the file's order.
    pub fn case_ids(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| case.id.value.as_str())
    }

    /// The file's text, byte for byte.
    pub fn text(&self) -> &str {
        self.source.text()
    }
}

fn read(source: &Source) -> Result<Suite, Problem> {
    let file = Table::parse(source.text())?;
    check_version(&file)?;
    check_keys(&file)?;
    let name = required_text(&file, "name", &Origin::Default)?;
    check_name("name", &name)?;
    let question = file
        .get("question")
        .map(|value| value.text("question", "a sentence"))
        .transpose()?;
    Ok(Suite {
        source: source.clone(),
        name: name.value,
        question: question.map(|text| text.value.to_owned()),
        pace: read_pace(&file)?,
        cases: read_cases(&file)?,
    })
}

/// Comes first: a newer file's keys are not ours to judge.
fn check_version(file: &Table) -> Result<(), Problem> {
    let key = "schema-version";
    let supported = SUITE_SCHEMA_VERSION;
    let Some(value) = file.get(key) else {
        let problem = Problem::at(&Origin::Default, format!("the suite has no `{key}`"));
        return Err(problem.accepted(format!("`{key} = {supported}` at the top")));
    };
    let accepted = format!("`{key} = {supported}`");
    let version = value.whole(key, 1..=i64::MAX as u64);
    let version = version
        .map_err(|problem| problem.accepted(&accepted))?
        .value;
    if version == u64::from(supported) {
        return Ok(());
    }
    let message = format!(
        "schema version {version} is newer than this build reads; a newer `anechoic` may read it"
    );
    Err(Problem::at(&value.origin, message).accepted(accepted))
}

fn check_keys(file: &Table) -> Result<(), Problem> {
    let known = Place::Top.keys();
    let unknown = file
        .entries
        .iter()
        .find(|(key, _)| !known.contains(&key.value.as_str()));
    unknown.map_or(Ok(()), |(key, _)| Err(Place::Top.unknown(key)))
}

fn read_pace(file: &Table) -> Result<Pace, Problem> {
    let mut pace = Pace::default();
    for (key, value) in &file.entries {
        if let Some(setting) = PaceSetting::from_name(&key.value) {
            pace.put(setting, value)?;
        }
    }
    Ok(pace)
}

/// Settings under every case: those at the file's top, then `[defaults]` over them.
fn read_base(file: &Table) -> Result<Settings, Problem> {
    let top = |(key, value): &(Placed<String>, Placed<Value>)| {
        let setting = TOP_SETTINGS
            .into_iter()
            .find(|setting| setting.name() == key.value);
        setting.map(|setting| (setting, value.clone()))
    };
    let mut entries: Vec<Entry> = file.entries.iter().filter_map(top).collect();
    if let Some(defaults) = file.get("defaults") {
        let table = defaults.table("defaults", "a `[defaults]` table")?;
        entries.extend(settings_of(table, Place::Defaults)?);
    }
    Settings::default().under(&entries)
}

/// A table's settings; its other keys are read elsewhere.
fn settings_of(table: &Table, place: Place) -> Result<Vec<Entry>, Problem> {
    let known = place.keys();
    let mut entries = Vec::new();
    for (key, value) in &table.entries {
        match Setting::from_name(&key.value) {
            Some(setting) => entries.push((setting, value.clone())),
            None if known.contains(&key.value.as_str()) => {}
            None => return Err(place.unknown(key)),
        }
    }
    Ok(entries)
}

fn read_cases(file: &Table) -> Result<Vec<Draft>, Problem> {
    let accepted = "at least one `[[case]]` table";
    let base = read_base(file)?;
    let list = match file.get("case") {
        Some(cases) => cases.list("case", "`[[case]]` tables")?,
        None => &[],
    };
    let mut drafts = Vec::new();
    for case in list {
        drafts.extend(read_case(case, &base)?);
    }
    if drafts.is_empty() {
        return Err(Problem::at(&Origin::Default, "the suite has no case").accepted(accepted));
    }
    if drafts.len() > MOST as usize {
        let message = format!("the suite has {} cases", drafts.len());
        return Err(Problem::at(&Origin::Default, message).accepted(format!("up to {MOST}")));
    }
    check_distinct(&drafts)?;
    Ok(drafts)
}

/// One `[[case]]`: as many cases as its matrix has combinations.
fn read_case(case: &Placed<Value>, base: &Settings) -> Result<Vec<Draft>, Problem> {
    let table = case.table("case", "a `[[case]]` table")?;
    // Before the id, which a command makes of its settings.
    let settings = base.under(&settings_of(table, Place::Case)?)?;
    let id = required_text(table, "id", &case.origin)?;
    let template = Template::parse(&id.with(&id.value))?;
    let matrix = table
        .get("matrix")
        .map(Matrix::parse)
        .transpose()?
        .unwrap_or_default();
    matrix.check_against(table)?;
    matrix.check_id(&template)?;
    let combinations = matrix.combinations();
    let draft = |combination: &Vec<Entry>| {
        let filled = template.fill(|key| placeholder_text(combination, key));
        Draft::new(
            id.with(filled),
            settings.under(combination)?,
            matrix.settings(),
        )
    };
    combinations.iter().map(draft).collect()
}

fn required_text(table: &Table, key: &str, missing: &Origin) -> Result<Placed<String>, Problem> {
    let accepted = format!("`{key} = \"…\"`");
    let Some(value) = table.get(key) else {
        return Err(Problem::at(missing, format!("`{key}` is missing")).accepted(accepted));
    };
    Ok(value
        .text(key, &accepted)?
        .with(value.text(key, &accepted)?.value.to_owned()))
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

impl Draft {
    fn new(id: Placed<String>, settings: Settings, matrix: Vec<Setting>) -> Result<Self, Problem> {
        let id = full_id(&id, &settings)?;
        capture::check(&settings).map_err(|problem| problem.in_case(&id))?;
        Ok(Self {
            id,
            settings,
            matrix,
        })
    }
}

/// The id with its benchmark in front.
fn full_id(id: &Placed<String>, settings: &Settings) -> Result<Placed<String>, Problem> {
    let benchmark = settings.benchmark.value.ok_or_else(|| {
        let accepted = "`benchmark = \"capture\"` in the case or in `[defaults]`";
        Problem::at(&Origin::Default, "the case has no `benchmark`")
            .accepted(accepted)
            .in_case(id)
    })?;
    check_name("id", id)?;
    let prefix = format!("{}.", benchmark.as_str());
    let full = if id.value.starts_with(&prefix) {
        id.value.clone()
    } else {
        prefix + &id.value
    };
    let full = id.with(full);
    check_name("id", &full)?;
    Ok(full)
}
