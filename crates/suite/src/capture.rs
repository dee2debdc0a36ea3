//! A capture case's settings as a whole: which of them fit together, and which fit the model.

use anechoic_protocol::{Attribution, CaptureMode, CaptureWork, LayerSelection, Probe, Workload};

use crate::KnownModel;
use crate::problem::{Origin, Problem, quoted};
use crate::settings::Settings;

/// The layers that a case captures, before the model's layer count is known.
enum Selected<'a> {
    None,
    All,
    These(&'a LayerSelection),
}

/// Checks that need no model.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    let mode = mode(settings)?;
    selected(settings, mode)?;
    check_chunk(settings)?;
    check_attribution(settings, mode)?;
    check_probe(settings, mode)
}

/// The work of settings that were checked, checked against the model.
pub(crate) fn work(settings: &Settings, model: &KnownModel) -> Result<CaptureWork, Problem> {
    check_window(settings, model)?;
    let mode = mode(settings)?;
    Ok(CaptureWork {
        model: model.source.clone(),
        dtype: settings.dtype.value,
        workload: workload(settings),
        mode,
        layers: layers(settings, mode, model)?,
        strategy: settings.strategy.value,
        probe: settings.probe.value,
        attribution: settings.attribution.value,
        fetch_dtype: settings.fetch_dtype.value.unwrap_or(settings.dtype.value),
        fetch_breakdown: settings.fetch_breakdown.value,
    })
}

fn workload(settings: &Settings) -> Workload {
    Workload {
        batch_size: settings.batch_size.value,
        prefill_tokens: settings.prefill_tokens.value,
        decode_tokens: settings.decode_tokens.value,
        prefill_chunk: settings
            .prefill_chunk
            .value
            .unwrap_or(settings.prefill_tokens.value),
        warmup_iterations: settings.warmup_iterations.value,
        iterations: settings.iterations.value,
    }
}

fn mode(settings: &Settings) -> Result<CaptureMode, Problem> {
    settings.mode.value.ok_or_else(|| {
        let accepted = quoted(CaptureMode::ALL.map(CaptureMode::as_str));
        Problem::at(&Origin::Default, "the case has no `mode`").accepted(accepted)
    })
}

fn selected(settings: &Settings, mode: CaptureMode) -> Result<Selected<'_>, Problem> {
    let given = settings.layers.value.as_ref();
    match (mode, given) {
        (CaptureMode::Custom, Some(layers)) => Ok(Selected::These(layers)),
        (CaptureMode::Custom, None) => {
            let problem = Problem::at(&settings.mode.origin, "mode `custom` needs `layers`");
            Err(problem.accepted("`layers` such as `0,5,10`, `9-26` or `every:4`"))
        }
        (CaptureMode::AllLayers, None) => Ok(Selected::All),
        (CaptureMode::Baseline | CaptureMode::ZeroLayer, None) => Ok(Selected::None),
        (CaptureMode::Baseline | CaptureMode::ZeroLayer | CaptureMode::AllLayers, Some(_)) => {
            let message = format!("mode `{}` takes no `layers`", mode.as_str());
            let problem =
                Problem::between(&[&settings.layers.origin, &settings.mode.origin], message);
            Err(problem.accepted("mode `custom` with `layers`, or no `layers`"))
        }
    }
}

fn layers(settings: &Settings, mode: CaptureMode, model: &KnownModel) -> Result<Vec<u32>, Problem> {
    let total = model.config.layers();
    match selected(settings, mode)? {
        Selected::None => Ok(Vec::new()),
        Selected::All => Ok((0..total).collect()),
        Selected::These(layers) => layers.resolve(total).map_err(|error| {
            let origins = [&settings.layers.origin, &settings.model.origin];
            let accepted = format!("layers 0 to {}", total.saturating_sub(1));
            Problem::between(&origins, error.to_string()).accepted(accepted)
        }),
    }
}

fn check_chunk(settings: &Settings) -> Result<(), Problem> {
    let prefill = settings.prefill_tokens.value;
    match settings.prefill_chunk.value {
        Some(chunk) if chunk > prefill => {
            let message =
                format!("a prefill chunk of {chunk} is longer than the prompt, {prefill} tokens");
            let origins = [
                &settings.prefill_chunk.origin,
                &settings.prefill_tokens.origin,
            ];
            let accepted = format!("`prefill-chunk` from 1 to {prefill}");
            Err(Problem::between(&origins, message).accepted(accepted))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_attribution(settings: &Settings, mode: CaptureMode) -> Result<(), Problem> {
    let attribution = settings.attribution.value;
    let accepted = match (attribution, mode) {
        (Attribution::Inside, CaptureMode::Baseline | CaptureMode::ZeroLayer) => {
            "mode `all-layers` or `custom`, or attribution `off`"
        }
        (Attribution::Paired, CaptureMode::Baseline) => {
            "mode `zero-layer`, `all-layers` or `custom`, or attribution `off`"
        }
        (Attribution::Off | Attribution::Inside | Attribution::Paired, _) => return Ok(()),
    };
    let (attribution, mode) = (attribution.as_str(), mode.as_str());
    let message = format!("attribution `{attribution}` has nothing to time in mode `{mode}`");
    let origins = [&settings.attribution.origin, &settings.mode.origin];
    Err(Problem::between(&origins, message).accepted(accepted))
}

fn check_probe(settings: &Settings, mode: CaptureMode) -> Result<(), Problem> {
    let probe = settings.probe.value;
    if mode != CaptureMode::Baseline || probe == Probe::Full {
        return Ok(());
    }
    let message = format!(
        "probe `{}` has no machinery to stop in mode `baseline`",
        probe.as_str()
    );
    let origins = [&settings.probe.origin, &settings.mode.origin];
    Err(Problem::between(&origins, message).accepted("another mode, or probe `full`"))
}

/// The last generated token is never fed back, so it takes no position: what `Workload::positions`
/// counts, in a type that holds it for any two settings.
fn check_window(settings: &Settings, model: &KnownModel) -> Result<(), Problem> {
    let (prefill, decode) = (settings.prefill_tokens.value, settings.decode_tokens.value);
    let window = u64::from(model.config.window());
    let positions = u64::from(prefill) + u64::from(decode) - 1;
    if positions <= window {
        return Ok(());
    }
    let name = &settings.model.value;
    let message = format!(
        "a prompt of {prefill} tokens and {decode} generated ones take {positions} positions, \
         and `{name}` has {window}"
    );
    let sizes = [
        &settings.prefill_tokens.origin,
        &settings.decode_tokens.origin,
        &settings.model.origin,
    ];
    let accepted = format!(
        "`prefill-tokens` and `decode-tokens` up to {} together",
        window + 1
    );
    Err(Problem::between(&sizes, message).accepted(accepted))
}
