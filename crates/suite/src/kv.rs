//! Settings of the KV-cache benchmarks as a whole: which of them fit the model.

use anechoic_protocol::{CapacityWork, GenerationWork, Version, VersionedModel};

use crate::KnownModel;
use crate::problem::{Origin, Placed, Problem, quoted};
use crate::settings::Settings;

/// Checks that need no model.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    version(settings).map(|_| ())
}

/// The work of the benchmarks that generate, checked against the model.
pub(crate) fn generation(
    settings: &Settings,
    model: &KnownModel,
) -> Result<GenerationWork, Problem> {
    Ok(GenerationWork {
        model: versioned(settings, model)?,
        batch_size: settings.batch_size.value,
        prompt_length: settings.prefill_tokens.value,
        tokens: tokens(settings, model)?,
        warmup_runs: settings.warmup_iterations.value,
        measured_runs: settings.iterations.value,
    })
}

/// The work of `capacity`, checked against the model.
pub(crate) fn capacity(settings: &Settings, model: &KnownModel) -> Result<CapacityWork, Problem> {
    Ok(CapacityWork {
        model: versioned(settings, model)?,
        prompt_length: settings.prefill_tokens.value,
        tokens: tokens(settings, model)?,
        budget_bytes: settings.memory_budget.value,
        measured_runs: settings.iterations.value,
    })
}

/// The model under the case's version, which has to be able to run it.
pub(crate) fn versioned(
    settings: &Settings,
    model: &KnownModel,
) -> Result<VersionedModel, Problem> {
    let version = version(settings)?;
    if let Some(refusal) = version.refusal(&model.config) {
        let able = |version: &Version| version.refusal(&model.config).is_none();
        let origins = [&settings.version.origin, &settings.model.origin];
        let accepted = quoted(Version::ALL.iter().filter(|v| able(v)).map(|v| v.as_str()));
        return Err(Problem::between(&origins, refusal).accepted(accepted));
    }
    Ok(VersionedModel {
        model: model.source.clone(),
        dtype: settings.dtype.value,
        version,
        attention: settings.attention.value,
    })
}

fn version(settings: &Settings) -> Result<Version, Problem> {
    settings.version.value.ok_or_else(|| {
        let accepted = quoted(Version::ALL.map(Version::as_str));
        Problem::at(&Origin::Default, "the case has no `version`").accepted(accepted)
    })
}

fn tokens(settings: &Settings, model: &KnownModel) -> Result<Vec<u32>, Problem> {
    let fits = |tokens: &Placed<u32>| check_window(settings, tokens, model).map(|()| tokens.value);
    settings.tokens.iter().map(fits).collect()
}

/// The cache has room for the prompt and every generated token, the last one included.
fn check_window(
    settings: &Settings,
    tokens: &Placed<u32>,
    model: &KnownModel,
) -> Result<(), Problem> {
    let (prompt, window) = (settings.prefill_tokens.value, model.config.window());
    let positions = u64::from(prompt) + u64::from(tokens.value);
    if positions <= u64::from(window) {
        return Ok(());
    }
    let message = format!(
        "a prompt of {prompt} tokens and {} generated ones take {positions} positions, and `{}` has {window}",
        tokens.value, settings.model.value
    );
    let origins = [
        &tokens.origin,
        &settings.prefill_tokens.origin,
        &settings.model.origin,
    ];
    let accepted = format!("`prompt-length` and `tokens` up to {window} together");
    Err(Problem::between(&origins, message).accepted(accepted))
}
