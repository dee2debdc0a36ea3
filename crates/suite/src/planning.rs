//! From a suite to a plan: options over it, models looked up, every case checked against its model.

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, ModelConfig, ModelSource, Preset, TextSource};

use crate::benchmark;
use crate::draft::{self, Draft};
use crate::error::SuiteError;
use crate::filter::{is_asked, select};
use crate::options::Overrides;
use crate::perplexity;
use crate::problem::{Placed, Problem};
use crate::settings::Settings;
use crate::suite::Suite;
use crate::surroundings::Surroundings;
use crate::until::Until;
use crate::{Case, Plan, PlanOptions};

/// What a model's name stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownModel {
    /// Where its shape and weights come from.
    pub source: ModelSource,
    /// Its shape.
    pub config: ModelConfig,
    /// Whether its folder holds a `tokenizer.json`, which a `text` needs; a preset has none.
    pub tokenizer: bool,
}

/// A text file that a suite names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundText {
    /// Its absolute path.
    pub path: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

impl From<Preset> for KnownModel {
    fn from(name: Preset) -> Self {
        Self {
            source: ModelSource::Preset { name },
            config: name.config(),
            tokenizer: false,
        }
    }
}

/// Models and texts found so far, so that each name is looked up once.
struct Finds<'a, S> {
    surroundings: &'a mut S,
    models: BTreeMap<String, KnownModel>,
    texts: BTreeMap<String, FoundText>,
}

impl Suite {
    /// The plan under `options`.
    ///
    /// Each model and each text that the remaining cases use is looked up once.
    pub fn plan(
        &self,
        options: &PlanOptions,
        surroundings: &mut impl Surroundings,
    ) -> Result<Plan, SuiteError> {
        let explain = |problem| self.source.explain(problem);
        let overrides = Overrides::new(options, &self.pace).map_err(explain)?;
        let drafts = draft::read(&self.file, &overrides.changes).map_err(explain)?;
        let left = select(&drafts, options).map_err(explain)?;
        if left.is_empty() {
            return Err(self.nothing(&drafts, options));
        }
        overrides.check_used(&left).map_err(explain)?;
        overrides.check_until(&left).map_err(explain)?;
        let mut finds = Finds {
            surroundings,
            models: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        let cases = left.into_iter().map(|draft| finds.case(draft, &overrides));
        let cases = cases.collect::<Result<_, _>>().map_err(explain)?;
        Ok(self.planned(&overrides, cases))
    }

    fn nothing(&self, drafts: &[Draft], options: &PlanOptions) -> SuiteError {
        let asked = drafts.iter().filter(|draft| is_asked(draft, options));
        SuiteError::NothingToRun {
            suite: self.name.clone(),
            cases: asked.count(),
            benchmarks: options.benchmarks.clone(),
        }
    }

    fn planned(&self, overrides: &Overrides, cases: Vec<Case>) -> Plan {
        let pace = &overrides.pace;
        Plan {
            name: self.name.clone(),
            question: self.question.clone(),
            cooldown: pace.pause(),
            settle: pace.settle(),
            when_restless: pace.when_restless,
            retries: pace.retries.clone(),
            order: pace.order,
            attempts: pace.attempts(),
            until: pace.until.as_ref().map(Until::rule),
            slots: pace.order.slots(cases.len(), pace.attempts()),
            cases,
        }
    }
}

impl<S: Surroundings> Finds<'_, S> {
    fn case(&mut self, draft: &Draft, overrides: &Overrides) -> Result<Case, Problem> {
        let settings = overrides.over(draft)?;
        let case = self.settled(&draft.id, &settings);
        case.map_err(|problem| problem.in_case(&draft.id))
    }

    fn settled(&mut self, id: &Placed<String>, settings: &Settings) -> Result<Case, Problem> {
        let work = self.work(settings)?;
        let isolated = settings
            .isolating
            .resolve(&settings.threads, self.surroundings)?;
        Ok(Case {
            id: id.value.clone(),
            seed: settings.seed.value,
            threads: isolated.threads,
            timeout: settings.timeout.value,
            isolation: isolated.isolation,
            worker: isolated.worker,
            work,
        })
    }

    fn work(&mut self, settings: &Settings) -> Result<Benchmark, Problem> {
        benchmark::check(settings)?;
        if let Some(work) = benchmark::work_without_model(settings) {
            return Ok(work);
        }
        let model = self.model(&settings.model)?;
        let text = self.text(settings, &model)?;
        benchmark::work(settings, &model, text)
    }

    fn model(&mut self, name: &Placed<String>) -> Result<KnownModel, Problem> {
        if let Some(known) = self.models.get(&name.value) {
            return Ok(known.clone());
        }
        let found = self.surroundings.model(&name.value);
        let model = found.map_err(|message| Problem::at(&name.origin, message))?;
        self.models.insert(name.value.clone(), model.clone());
        Ok(model)
    }

    fn text(&mut self, settings: &Settings, model: &KnownModel) -> Result<TextSource, Problem> {
        let Some(name) = settings.text.value.as_deref() else {
            return Ok(TextSource::Synthetic);
        };
        perplexity::check_tokenizer(settings, model)?;
        let name = settings.text.with(name);
        let found = match self.texts.get(name.value) {
            Some(known) => known.clone(),
            None => self.find_text_once(&name)?,
        };
        perplexity::file(settings, &name, &found)
    }

    fn find_text_once(&mut self, name: &Placed<&str>) -> Result<FoundText, Problem> {
        let found = self.surroundings.text(name.value);
        let found = found.map_err(|message| Problem::at(&name.origin, message))?;
        self.texts.insert(name.value.to_owned(), found.clone());
        Ok(found)
    }
}
