//! From a suite to a plan: options over it, models looked up, every case checked against its model.

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, BenchmarkName, ModelConfig, ModelSource, Preset};

use crate::capture;
use crate::error::SuiteError;
use crate::filter::select;
use crate::options::Overrides;
use crate::problem::{Origin, Placed, Problem};
use crate::settings::Settings;
use crate::suite::{Draft, Suite};
use crate::{Case, Plan, PlanOptions};

/// What a model's name stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownModel {
    /// Where its shape and weights come from.
    pub source: ModelSource,
    /// Its shape.
    pub config: ModelConfig,
}

impl From<Preset> for KnownModel {
    fn from(name: Preset) -> Self {
        Self {
            source: ModelSource::Preset { name },
            config: name.config(),
        }
    }
}

/// Models looked up so far, so that each name is looked up once.
struct Models<F> {
    look_up: F,
    known: BTreeMap<String, KnownModel>,
}

impl Suite {
    /// The plan under `options`.
    ///
    /// `look_up` is called once for each model name that the remaining cases use; the text of its
    /// error becomes the message at the place where the name is written.
    pub fn plan(
        &self,
        options: &PlanOptions,
        look_up: impl FnMut(&str) -> Result<KnownModel, String>,
    ) -> Result<Plan, SuiteError> {
        let explain = |problem| self.source.explain(problem);
        let overrides = Overrides::new(options, &self.pace).map_err(explain)?;
        let drafts = select(&self.cases, options).map_err(explain)?;
        if drafts.is_empty() {
            return Err(SuiteError::NothingToRun {
                suite: self.name.clone(),
                cases: self.cases.len(),
            });
        }
        let mut models = Models {
            look_up,
            known: BTreeMap::new(),
        };
        let cases = drafts.iter().map(|draft| models.case(draft, &overrides));
        let cases = cases.collect::<Result<_, _>>().map_err(explain)?;
        Ok(self.planned(&overrides, cases))
    }

    fn planned(&self, overrides: &Overrides, cases: Vec<Case>) -> Plan {
        let pace = &overrides.pace;
        Plan {
            name: self.name.clone(),
            question: self.question.clone(),
            cooldown: pace.cooldown,
            order: pace.order,
            attempts: pace.attempts,
            slots: pace.order.slots(cases.len(), pace.attempts),
            cases,
        }
    }
}

impl<F: FnMut(&str) -> Result<KnownModel, String>> Models<F> {
    fn case(&mut self, draft: &Draft, overrides: &Overrides) -> Result<Case, Problem> {
        overrides.check_against(draft)?;
        let mut settings = draft.settings.under(&overrides.entries)?;
        if let Some(timeout) = &overrides.timeout {
            settings.put_timeout(timeout)?;
        }
        let work = self
            .work(&settings)
            .map_err(|problem| problem.in_case(&draft.id))?;
        Ok(Case {
            id: draft.id.value.clone(),
            seed: settings.seed.value,
            threads: settings.threads.value,
            timeout: settings.timeout.value,
            work,
        })
    }

    fn work(&mut self, settings: &Settings) -> Result<Benchmark, Problem> {
        match settings.benchmark.value {
            Some(BenchmarkName::Capture) => capture::work(settings, self.get(&settings.model)?),
            Some(
                BenchmarkName::Latency
                | BenchmarkName::Vram
                | BenchmarkName::Phase
                | BenchmarkName::Perplexity
                | BenchmarkName::Capacity
                | BenchmarkName::Roofline,
            ) => Err(Problem::at(
                &Origin::Default,
                "no settings for this benchmark yet",
            )),
            None => Err(Problem::at(&Origin::Default, "the case has no `benchmark`")),
        }
    }

    fn get(&mut self, name: &Placed<String>) -> Result<&KnownModel, Problem> {
        if !self.known.contains_key(&name.value) {
            let model = (self.look_up)(&name.value)
                .map_err(|message| Problem::at(&name.origin, message))?;
            self.known.insert(name.value.clone(), model);
        }
        Ok(&self.known[&name.value])
    }
}
