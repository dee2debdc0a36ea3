//! Settings of `perplexity` as a whole: which of them fit together, the model and the text.

use anechoic_protocol::{PerplexityWork, TextSource};

use crate::problem::{Placed, Problem, shown};
use crate::settings::Settings;
use crate::{FoundText, KnownModel, kv};

/// Checks that need no model.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    kv::check(settings)?;
    let (chunk, window) = (settings.chunk.value, settings.window.value);
    if chunk <= window {
        return Ok(());
    }
    let message = format!("a chunk of {chunk} tokens is longer than the window, {window} tokens");
    let origins = [&settings.chunk.origin, &settings.window.origin];
    Err(Problem::between(&origins, message).accepted(format!("`chunk` from 1 to {window}")))
}

/// The work, checked against the model.
pub(crate) fn work(
    settings: &Settings,
    model: &KnownModel,
    text: TextSource,
) -> Result<PerplexityWork, Problem> {
    check_window(settings, model)?;
    check_greedy(settings, model)?;
    Ok(PerplexityWork {
        model: kv::versioned(settings, model)?,
        text,
        window: settings.window.value,
        windows: settings.windows.value,
        batch_size: settings.batch_size.value,
        chunk: settings.chunk.value,
        greedy_tokens: settings.greedy_tokens.value,
    })
}

fn check_window(settings: &Settings, model: &KnownModel) -> Result<(), Problem> {
    let (window, most) = (settings.window.value, model.config.window());
    if window <= most {
        return Ok(());
    }
    let name = &settings.model.value;
    let message =
        format!("a window of {window} tokens takes more than the {most} positions of `{name}`");
    let origins = [&settings.window.origin, &settings.model.origin];
    Err(Problem::between(&origins, message).accepted(format!("`window` from 2 to {most}")))
}

/// Greedy output goes on from the first half of a window.
fn check_greedy(settings: &Settings, model: &KnownModel) -> Result<(), Problem> {
    let (half, most) = (settings.window.value / 2, model.config.window());
    let greedy = settings.greedy_tokens.value;
    let positions = u64::from(half) + u64::from(greedy);
    if positions <= u64::from(most) {
        return Ok(());
    }
    let message = format!(
        "half a window of {half} tokens and {greedy} greedy ones take {positions} positions, and `{}` has {most}",
        settings.model.value
    );
    let origins = [
        &settings.greedy_tokens.origin,
        &settings.window.origin,
        &settings.model.origin,
    ];
    let accepted = format!("`greedy-tokens` up to {}", most - half);
    Err(Problem::between(&origins, message).accepted(accepted))
}

/// Refuses a text for a model that has no tokens for it.
pub(crate) fn check_tokenizer(settings: &Settings, model: &KnownModel) -> Result<(), Problem> {
    if model.tokenizer {
        return Ok(());
    }
    let origins = [&settings.text.origin, &settings.model.origin];
    let message = format!(
        "`text` needs a checkpoint folder with a `tokenizer.json`, and the model `{}` has none",
        shown(&settings.model.value)
    );
    let accepted =
        "a `model` with a tokenizer, or no `text`: then the text comes from the synthetic source";
    Err(Problem::between(&origins, message).accepted(accepted))
}

/// The text that was found, unless it is too short: a token takes a byte at least.
pub(crate) fn file(
    settings: &Settings,
    name: &Placed<&str>,
    found: &FoundText,
) -> Result<TextSource, Problem> {
    let (bytes, window) = (found.bytes, settings.window.value);
    if bytes >= u64::from(window) {
        return Ok(TextSource::File {
            name: name.value.to_owned(),
            path: found.path.clone(),
        });
    }
    let message = format!(
        "the text `{}` has {bytes} bytes, too few for one window of {window} tokens",
        shown(name.value)
    );
    let origins = [&name.origin, &settings.window.origin];
    Err(Problem::between(&origins, message).accepted("a longer text, or a smaller `window`"))
}
