//! A case in the table of `anechoic plan`.

use anechoic_protocol::{
    AttentionPath, Benchmark, CapacityWork, CaptureWork, CustomWork, Dtype, GenerationWork,
    ModelSource, PerplexityWork, TextSource, VersionedModel,
};
use anechoic_suite::Case;

use crate::reporter::duration;

/// Its columns: id, model, what is done, how long it may take.
pub(super) fn case_row(case: &Case) -> Vec<String> {
    let mut row = vec![case.id.clone()];
    row.extend(match &case.work {
        Benchmark::Capture(work) => capture(work),
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => generation(work),
        Benchmark::Perplexity(work) => perplexity(work),
        Benchmark::Capacity(work) => capacity(work),
        Benchmark::Custom(work) => custom(work),
    });
    row.push(format!("timeout {}", duration(case.timeout)));
    row
}

fn model(source: &ModelSource, dtype: Dtype) -> Vec<String> {
    vec![source.name().to_owned(), dtype.as_str().to_owned()]
}

fn capture(work: &CaptureWork) -> Vec<String> {
    let w = &work.workload;
    let mut row = model(&work.model, work.dtype);
    row.extend([
        format!("batch {}", w.batch_size),
        format!("{}+{} tokens", w.prefill_tokens, w.decode_tokens),
        format!("{} layers", work.layers.len()),
        format!("{}+{} iterations", w.warmup_iterations, w.iterations),
    ]);
    row
}

fn versioned(work: &VersionedModel) -> Vec<String> {
    let mut row = model(&work.model, work.dtype);
    row.push(match work.attention {
        AttentionPath::Best => work.version.as_str().to_owned(),
        AttentionPath::Stock | AttentionPath::Dequantise => {
            format!("{} {}", work.version.as_str(), work.attention.as_str())
        }
    });
    row
}

fn generation(work: &GenerationWork) -> Vec<String> {
    let mut row = versioned(&work.model);
    row.extend([
        format!("batch {}", work.batch_size),
        prompt_and_tokens(work.prompt_length, &work.tokens),
        format!("{}+{} runs", work.warmup_runs, work.measured_runs),
    ]);
    row
}

fn prompt_and_tokens(prompt: u32, tokens: &[u32]) -> String {
    let tokens: Vec<_> = tokens.iter().map(u32::to_string).collect();
    format!("{prompt}+{} tokens", tokens.join(","))
}

fn capacity(work: &CapacityWork) -> Vec<String> {
    let mut row = versioned(&work.model);
    row.extend([
        format!("within {} MiB", work.budget_bytes >> 20),
        prompt_and_tokens(work.prompt_length, &work.tokens),
        format!("{} searches", work.measured_runs),
    ]);
    row
}

fn perplexity(work: &PerplexityWork) -> Vec<String> {
    let text = match &work.text {
        TextSource::Synthetic => "synthetic text",
        TextSource::File { name, .. } => name.as_str(),
    };
    let mut row = versioned(&work.model);
    row.extend([
        format!("batch {}, chunk {}", work.batch_size, work.chunk),
        format!("{} windows of {} tokens", work.windows, work.window),
        text.to_owned(),
    ]);
    row
}

/// No model and no type; the parameters tell what is done.
fn custom(work: &CustomWork) -> Vec<String> {
    let parameters = work.parameters.iter();
    let parameters: Vec<_> = parameters
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    vec![
        "custom".to_owned(),
        String::new(),
        parameters.join(" "),
        format!("{}+{} iterations", work.warmup_iterations, work.iterations),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use anechoic_protocol::{Preset, Version};
    use std::time::Duration;

    fn row(work: Benchmark) -> String {
        let case = Case {
            id: "id".to_owned(),
            seed: 0,
            threads: None,
            timeout: Duration::from_secs(60),
            isolation: Default::default(),
            worker: None,
            work,
        };
        case_row(&case).join(" | ")
    }

    fn versioned(attention: AttentionPath) -> VersionedModel {
        VersionedModel {
            model: ModelSource::Preset { name: Preset::Gpt2 },
            dtype: Dtype::Bf16,
            version: Version::V2,
            attention,
        }
    }

    #[test]
    fn a_row_tells_what_a_kv_case_does() {
        let generation = |attention| GenerationWork {
            model: versioned(attention),
            batch_size: 1,
            prompt_length: 32,
            tokens: vec![64, 128],
            warmup_runs: 3,
            measured_runs: 5,
        };
        assert_eq!(
            row(Benchmark::Phase(generation(AttentionPath::Best))),
            "id | gpt2 | bf16 | v2 | batch 1 | 32+64,128 tokens | 3+5 runs | timeout 1 min 00 s"
        );
        let stock = row(Benchmark::Latency(generation(AttentionPath::Stock)));
        assert!(stock.contains("| v2 stock |"), "{stock}");
        let capacity = CapacityWork {
            model: versioned(AttentionPath::Best),
            prompt_length: 32,
            tokens: vec![64],
            budget_bytes: 2 << 30,
            measured_runs: 1,
        };
        assert_eq!(
            row(Benchmark::Capacity(capacity)),
            "id | gpt2 | bf16 | v2 | within 2048 MiB | 32+64 tokens | 1 searches | timeout 1 min 00 s"
        );
        let perplexity = PerplexityWork {
            model: versioned(AttentionPath::Best),
            text: TextSource::Synthetic,
            window: 256,
            windows: 32,
            batch_size: 8,
            chunk: 1,
            greedy_tokens: 64,
        };
        assert_eq!(
            row(Benchmark::Perplexity(perplexity)),
            "id | gpt2 | bf16 | v2 | batch 8, chunk 1 | 32 windows of 256 tokens | synthetic text | timeout 1 min 00 s"
        );
    }
}
