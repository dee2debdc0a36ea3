//! How long each decode step takes, for the comparison with another implementation in `benches/`.
//!
//! `decode_rate MODEL DTYPE THREADS` loads a checkpoint folder, prints the line `{"ready": …}`, and then answers every
//! line `{"prompt": [[1, 2], …], "steps": 64}` on standard input with one line
//! `{"prefill_ns": …, "step_ns": […], "tokens": [[…], …]}` on standard output: greedy tokens, the first from the prompt.

use std::error::Error;
use std::io::{BufRead, Write};

use anechoic_protocol::{Dtype, ModelConfig, ModelSource, Sharing};
use anechoic_worker::cache::KvCache;
use anechoic_worker::clock::Mark;
use anechoic_worker::generate;
use anechoic_worker::models::{Model, Unobserved};
use anechoic_worker::ops::{InferenceMode, LinearPath};
use anechoic_worker::weights::{Weights, kind, read_config};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

#[derive(Serialize)]
struct Ready {
    ready: bool,
    linear_path: String,
}

#[derive(Deserialize)]
struct Round {
    prompt: Vec<Vec<i64>>,
    steps: u32,
}

#[derive(Serialize)]
struct Timing {
    prefill_ns: u64,
    step_ns: Vec<u64>,
    tokens: Vec<Vec<i64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, dtype, threads] = args.as_slice() else {
        return Err("usage: decode_rate MODEL f32|bf16 THREADS".into());
    };
    let dtype: Dtype = serde_json::from_value(serde_json::Value::String(dtype.clone()))?;
    tch::set_num_threads(threads.parse()?);
    let _inference = InferenceMode::enter();
    let source = ModelSource::Folder {
        name: folder.clone(),
        path: folder.clone(),
    };
    let config = read_config(&source)?;
    let model = Model::load(
        &config,
        &mut Weights::open(&source, &config, dtype, Device::Cpu, 0)?,
        config.window(),
        Sharing::None,
    )?;
    let linear_path = LinearPath::choose(kind(dtype), Device::Cpu).to_string();
    reply(&Ready {
        ready: true,
        linear_path,
    })?;
    for line in std::io::stdin().lock().lines() {
        let round: Round = serde_json::from_str(&line?)?;
        reply(&run(&model, &config, dtype, &round)?)?;
    }
    Ok(())
}

fn reply(message: &impl Serialize) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, message)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn run(
    model: &Model,
    config: &ModelConfig,
    dtype: Dtype,
    round: &Round,
) -> Result<Timing, Box<dyn Error>> {
    let prompt = Tensor::from_slice2(&round.prompt); // (batch, prompt)
    let (batch, length) = prompt.size2()?;
    let positions = u32::try_from(length)? + round.steps;
    let mut cache = KvCache::full(config, u32::try_from(batch)?, positions, dtype, Device::Cpu)?;
    let start = Mark::now();
    let mut tokens = vec![generate::prefill(
        model,
        &prompt,
        length,
        &mut cache,
        &mut Unobserved,
    )];
    let prefill_ns = start.elapsed_ns();
    let mut step_ns = Vec::with_capacity(round.steps as usize);
    for step in 0..round.steps as usize {
        let start = Mark::now();
        tokens.push(generate::decode_one(
            model,
            &tokens[step],
            &mut cache,
            &mut Unobserved,
        ));
        step_ns.push(start.elapsed_ns());
    }
    let tokens = Vec::try_from(Tensor::cat(&tokens, 1))?;
    Ok(Timing {
        prefill_ns,
        step_ns,
        tokens,
    })
}
