//! Training: the same every time, understood by the model that benchmarks run, and written for others to read.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;
use std::path::Path;

use anechoic_protocol::{Dtype, Gpt2Config, ModelConfig, ModelSource, Sharing};
use anechoic_worker::cache::{CacheSpec, KvCache};
use anechoic_worker::models::{Model, Unobserved};
use anechoic_worker::text::{Source, VOCAB, tokenizer_json};
use anechoic_worker::train::{Recipe, Trainee, shipped_config, to_folder, train};
use anechoic_worker::weights::{Weights, read_config};
use tch::{Device, Kind, Tensor};

fn tiny(sharing: Sharing, seed: u64, steps: u32) -> Recipe {
    Recipe {
        config: Gpt2Config {
            vocab_size: VOCAB as u32,
            n_positions: 32,
            ..Gpt2Config::sized(16, 2, 2)
        },
        sharing,
        steps,
        tokens_per_step: 128,
        peak_rate: 1e-2,
        seed,
    }
}

/// Every file of the folder that a recipe gives.
fn files(recipe: &Recipe) -> Vec<(String, Vec<u8>)> {
    tch::set_num_threads(1);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("model");
    to_folder(recipe, &folder, &mut |_| {}).unwrap();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_recipe_always_gives_the_same_bytes() {
    let recipe = tiny(Sharing::Pairs, 3, 3);
    let first = files(&recipe);
    let names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "README.md",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "training.json"
        ]
    );
    assert!(first == files(&recipe));
    let weights = |recipe: &Recipe| files(recipe).swap_remove(2).1;
    assert!(
        first[2].1 != weights(&tiny(Sharing::Pairs, 4, 3)),
        "another seed"
    );
    assert!(
        first[2].1 != weights(&tiny(Sharing::None, 3, 3)),
        "nothing shared"
    );
}

#[test]
fn training_makes_the_loss_fall() {
    let mut lines = Vec::new();
    let recipe = tiny(Sharing::Pairs, 1, 60);
    drop(train(&recipe, &mut |line| lines.push(line.to_owned())).unwrap());
    let losses = |line: &String| -> Vec<f64> {
        let words: Vec<&str> = line.split([' ', ',']).collect();
        words
            .iter()
            .filter(|word| word.contains('.'))
            .map(|word| word.parse().unwrap())
            .collect()
    };
    assert_eq!(lines.len(), 3, "{lines:?}");
    let (first, last) = (losses(&lines[0]), losses(&lines[2]));
    assert!(
        last[0] < first[0] - 0.1 && last[1] < first[1] - 0.1,
        "{lines:?}"
    );
}

fn folder(path: &Path) -> ModelSource {
    ModelSource::Folder {
        name: "a model".to_owned(),
        path: path.display().to_string(),
    }
}

/// Scores by the model that benchmarks run, in f32.
fn scores(path: &Path, tokens: &Tensor, sharing: Sharing) -> Tensor {
    let source = folder(path);
    let config = read_config(&source).unwrap();
    let mut weights = Weights::open(&source, &config, Dtype::F32, Device::Cpu, 0).unwrap();
    let model = Model::load(&config, &mut weights, config.window(), sharing).unwrap();
    let (batch, positions) = tokens.size2().unwrap();
    let version = match sharing {
        Sharing::None => anechoic_protocol::Version::V1,
        Sharing::Pairs => anechoic_protocol::Version::V3,
    };
    let spec = CacheSpec {
        version,
        batch: batch as u32,
        positions: positions as u32,
        dtype: Dtype::F32,
        attention: anechoic_protocol::AttentionPath::Best,
    };
    let mut cache = KvCache::new(&spec, &config, Device::Cpu).unwrap();
    model.logits(&model.forward(tokens, &mut cache, &mut Unobserved))
}

/// Scores by the model that is trained, from the same file.
fn trained_scores(path: &Path, tokens: &Tensor, sharing: Sharing) -> Tensor {
    let source = folder(path);
    let ModelConfig::Gpt2(config) = read_config(&source).unwrap() else {
        panic!("what is trained is a GPT-2");
    };
    let whole = ModelConfig::Gpt2(config.clone());
    let mut weights = Weights::open(&source, &whole, Dtype::F32, Device::Cpu, 0).unwrap();
    let model = Trainee::from_weights(&config, &mut weights, "transformer.").unwrap();
    model.logits(tokens, sharing).detach()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn check_agreement(path: &Path, window: usize) {
    let mut source = Source::new(77);
    let windows: Vec<Vec<i64>> = (0..2).map(|_| source.window(window)).collect();
    let tokens = Tensor::from_slice2(&windows);
    let both = [Sharing::None, Sharing::Pairs].map(|sharing| {
        let found = scores(path, &tokens, sharing);
        let expected = trained_scores(path, &tokens, sharing);
        let difference = largest_difference(&found, &expected);
        assert!(difference < 2e-4, "{sharing:?}: {difference}");
        found
    });
    assert!(
        largest_difference(&both[0], &both[1]) > 1e-3,
        "sharing makes a difference"
    );
}

#[test]
fn both_models_compute_the_same() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("model");
    to_folder(&tiny(Sharing::Pairs, 3, 20), &path, &mut |_| {}).unwrap();
    check_agreement(&path, 32);
}

#[test]
fn stored_weights_are_the_trained_ones_in_half_precision() {
    let recipe = tiny(Sharing::None, 3, 2);
    tch::set_num_threads(1);
    let model = train(&recipe, &mut |_| {}).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("model");
    to_folder(&recipe, &path, &mut |_| {}).unwrap();
    let stored = Tensor::read_safetensors(path.join("model.safetensors")).unwrap();
    let parameters = model.parameters();
    assert_eq!(stored.len(), parameters.len());
    for (name, value) in parameters {
        let name = format!("transformer.{name}");
        let (_, stored) = stored.iter().find(|(found, _)| *found == name).unwrap();
        assert_eq!(stored.kind(), Kind::Half);
        assert!(stored.equal(&value.detach().to_kind(Kind::Half)), "{name}");
    }
}

#[test]
fn a_folder_with_something_in_it_is_refused_before_training() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("notes"), "mine").unwrap();
    let refused = |path: &Path| {
        let recipe = tiny(Sharing::None, 1, u32::MAX);
        to_folder(&recipe, path, &mut |_| {})
            .unwrap_err()
            .to_string()
    };
    let error = refused(parent.path());
    assert!(
        error.ends_with("it is not empty; name a folder that is new or empty"),
        "{error}"
    );
    let error = refused(&parent.path().join("notes"));
    assert!(error.starts_with("write `"), "{error}");
}

#[test]
fn shipped_models_are_what_their_folders_say() {
    for name in ["markov", "markov-shared"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../models")
            .join(name);
        assert_eq!(
            read_config(&folder(&path)).unwrap(),
            ModelConfig::Gpt2(shipped_config())
        );
        assert_eq!(
            fs::read_to_string(path.join("tokenizer.json")).unwrap(),
            tokenizer_json()
        );
        assert!(fs::metadata(path.join("model.safetensors")).unwrap().len() <= 2 << 20);
        check_agreement(&path, 40);
    }
}
