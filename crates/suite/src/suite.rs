//! A suite file, read and checked as far as it can be without knowing the models.

use crate::draft::{self, Draft};
use crate::error::SuiteError;
use crate::id::check_name;
use crate::keys::Place;
use crate::pace::{Pace, PaceSetting};
use crate::problem::{Origin, Placed, Problem};
use crate::requires::Requirements;
use crate::source::Source;
use crate::text::OneCase;
use crate::value::Table;

/// The suite schema that this build reads.
pub const SUITE_SCHEMA_VERSION: u32 = 1;

/// A suite whose values are right by themselves. What depends on a model is checked by [`Suite::plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    pub(crate) source: Source,
    /// The source as it was read; options go over it before it becomes cases.
    pub(crate) file: Table,
    pub(crate) name: String,
    pub(crate) question: Option<String>,
    pub(crate) requirements: Requirements,
    pub(crate) pace: Pace,
    pub(crate) cases: Vec<Draft>,
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

    /// What it requires of the machine.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
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
        requirements: Requirements::read(&file)?,
        pace: read_pace(&file)?,
        cases: draft::read_checked(&file)?,
        file,
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

/// The text that a table must have under a key; `missing` is the place to show where it does not.
pub(crate) fn required_text(
    table: &Table,
    key: &str,
    missing: &Origin,
) -> Result<Placed<String>, Problem> {
    let accepted = format!("`{key} = \"…\"`");
    let Some(value) = table.get(key) else {
        return Err(Problem::at(missing, format!("`{key}` is missing")).accepted(accepted));
    };
    Ok(value
        .text(key, &accepted)?
        .with(value.text(key, &accepted)?.value.to_owned()))
}
