//! The models against transformers' stored results and against themselves. `fixtures/generate.py`
//! writes what is read here.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anechoic_protocol::{Dtype, ModelConfig, ModelSource, Preset, Sharing};
use anechoic_worker::cache::KvCache;
use anechoic_worker::models::{Model, Unobserved};
use anechoic_worker::weights::{Weights, read_config};
use anechoic_worker::{forward, generate};
use tch::{Device, Kind, Tensor};

const FIXTURES: [&str; 4] = ["gpt2", "qwen2-sharded", "qwen2-untied", "qwen2-bf16"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn folder(path: &Path) -> ModelSource {
    ModelSource::Folder {
        name: "fixture".to_owned(),
        path: path.display().to_string(),
    }
}

fn preset(name: Preset) -> ModelSource {
    ModelSource::Preset { name }
}

struct Loaded {
    model: Model,
    config: ModelConfig,
    dtype: Dtype,
}

fn load(source: &ModelSource, dtype: Dtype, seed: u64) -> Loaded {
    let config = read_config(source).unwrap();
    let mut weights = Weights::open(source, &config, dtype, Device::Cpu, seed).unwrap();
    let model = Model::load(&config, &mut weights, config.window(), Sharing::None).unwrap();
    Loaded {
        model,
        config,
        dtype,
    }
}

/// What one or more forward calls over a batch of tokens yield.
struct Pass {
    logits: Tensor,      // (b, t, vocab)
    hidden: Vec<Tensor>, // per layer (b, t, hidden)
}

impl Loaded {
    fn fixture(name: &str) -> Self {
        load(&folder(&fixture(name)), Dtype::F32, 0)
    }

    fn tiny(name: Preset) -> Self {
        load(&preset(name), Dtype::F32, 7)
    }

    fn cache(&self, batch: i64, positions: i64) -> KvCache {
        KvCache::full(
            &self.config,
            batch as u32,
            positions as u32,
            self.dtype,
            Device::Cpu,
        )
        .unwrap()
    }

    fn prompt(&self, batch: u32, tokens: u32) -> Tensor {
        generate::prompt(&self.config, batch, tokens, 3)
    }

    /// Feeds the tokens in pieces of these sizes through one cache.
    fn pass(&self, tokens: &Tensor, pieces: &[i64]) -> Pass {
        let (batch, t) = tokens.size2().unwrap();
        assert_eq!(
            pieces.iter().sum::<i64>(),
            t,
            "the pieces make up the prompt"
        );
        let mut cache = self.cache(batch, t);
        let mut hidden: Vec<Vec<Tensor>> = (0..self.config.layers()).map(|_| vec![]).collect();
        let mut logits = vec![];
        for &piece in pieces {
            let tokens = tokens.narrow(1, cache.position(), piece);
            let states =
                self.model
                    .forward(&tokens, &mut cache, &mut |layer: u32, states: &Tensor| {
                        hidden[layer as usize].push(states.copy());
                    });
            logits.push(self.model.logits(&states));
        }
        assert_eq!(cache.position(), t);
        let join = |parts: Vec<Tensor>| Tensor::cat(&parts, 1);
        Pass {
            logits: join(logits),
            hidden: hidden.into_iter().map(join).collect(),
        }
    }

    fn full(&self, tokens: &Tensor) -> Pass {
        self.pass(tokens, &[tokens.size()[1]])
    }

    /// Greedy tokens, (b, count), with the prompt fed in pieces of `chunk`.
    fn greedy(&self, prompt: &Tensor, count: i64, chunk: i64) -> Tensor {
        let (batch, t) = prompt.size2().unwrap();
        let mut cache = self.cache(batch, t + count - 1);
        let ignore = &mut Unobserved;
        let mut tokens = vec![generate::prefill(
            &self.model,
            prompt,
            chunk,
            &mut cache,
            ignore,
        )];
        let rest = generate::decode(
            &self.model,
            &tokens[0],
            count as u32 - 1,
            &mut cache,
            ignore,
        );
        tokens.extend(rest);
        Tensor::cat(&tokens, 1)
    }
}

fn expected(name: &str) -> BTreeMap<String, Tensor> {
    read(&fixture(name).join("expected.safetensors"))
}

fn read(path: &Path) -> BTreeMap<String, Tensor> {
    Tensor::read_safetensors(path)
        .unwrap()
        .into_iter()
        .collect()
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().max().to_kind(Kind::Double).double_value(&[])
}

fn root_mean_square(tensor: &Tensor) -> f64 {
    tensor.square().mean(Kind::Double).sqrt().double_value(&[])
}

#[track_caller]
fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let error = largest(&(found.to_kind(Kind::Float) - expected.to_kind(Kind::Float)));
    println!(
        "{what}: largest difference {error:.2e} of values up to {:.2}",
        largest(expected)
    );
    // Written so that a NaN fails.
    assert!(
        error <= tolerance,
        "{what}: largest difference {error:e}, accepted {tolerance:e}"
    );
}

#[track_caller]
fn assert_same(found: &Tensor, expected: &Tensor, what: &str) {
    assert!(
        found.equal(expected),
        "{what}: found\n{found}\nexpected\n{expected}"
    );
}

#[test]
fn logits_and_residual_stream_equal_transformers() {
    for name in FIXTURES {
        let expected = expected(name);
        let pass = Loaded::fixture(name).full(&expected["tokens"]);
        assert_close(
            &pass.logits,
            &expected["logits"],
            1e-4,
            &format!("{name} logits"),
        );
        for (layer, hidden) in pass.hidden.iter().enumerate() {
            let stored = &expected[&format!("hidden.{layer}")];
            assert_close(hidden, stored, 1e-4, &format!("{name} hidden.{layer}"));
        }
        assert!(
            !expected.contains_key(&format!("hidden.{}", pass.hidden.len())),
            "{name} has more layers"
        );
    }
}

#[test]
fn greedy_tokens_equal_transformers() {
    for name in FIXTURES {
        let expected = expected(name);
        let loaded = Loaded::fixture(name);
        for chunk in [5, 12] {
            let tokens = loaded.greedy(&expected["tokens"], expected["greedy"].size()[1], chunk);
            assert_same(
                &tokens,
                &expected["greedy"],
                &format!("{name} fed by {chunk}"),
            );
        }
        let distinct = expected["greedy"]
            .unique_dim(0, false, false, false)
            .0
            .size()[0];
        assert_eq!(
            distinct, 3,
            "{name}: requests that generate the same would hide a mixed-up batch"
        );
    }
}

#[test]
fn half_precision_stays_near_single_precision() {
    for name in FIXTURES {
        for (dtype, share) in [(Dtype::Bf16, 0.05), (Dtype::F16, 0.01)] {
            let expected = expected(name);
            let loaded = load(&folder(&fixture(name)), dtype, 0);
            let logits = loaded.full(&expected["tokens"]).logits;
            let error = root_mean_square(&(logits.to_kind(Kind::Float) - &expected["logits"]));
            let error = error / root_mean_square(&expected["logits"]);
            println!("{name} in {}: relative error {error:.4}", dtype.as_str());
            assert!(
                error < share,
                "{name} in {}: relative error {error}",
                dtype.as_str()
            );
            assert_eq!(logits.kind(), anechoic_worker::weights::kind(dtype));
        }
    }
}

#[test]
fn cached_passes_equal_the_full_pass() {
    for name in [Preset::Gpt2Tiny, Preset::Qwen2Tiny] {
        let loaded = Loaded::tiny(name);
        let tokens = loaded.prompt(3, 17);
        let full = loaded.full(&tokens);
        for pieces in [
            [1; 17].as_slice(),
            &[16, 1],
            &[5, 5, 5, 2],
            &[1, 16],
            &[3, 1, 9, 1, 1, 2],
        ] {
            let pieced = loaded.pass(&tokens, pieces);
            let what = format!("{} in pieces {pieces:?}", name.as_str());
            assert_close(&pieced.logits, &full.logits, 1e-5, &what);
            for (pieced, full) in pieced.hidden.iter().zip(&full.hidden) {
                assert_close(pieced, full, 1e-5, &what);
            }
        }
    }
}

#[test]
fn a_later_token_never_changes_an_earlier_logit() {
    for name in FIXTURES {
        let loaded = Loaded::fixture(name);
        let tokens = loaded.prompt(2, 12);
        for changed in [1, 6, 11] {
            let other = tokens.copy();
            let _ = other.narrow(1, changed, 1).g_add_scalar_(1).remainder_(97);
            for pieces in [[12].as_slice(), &[7, 5]] {
                let before = loaded.pass(&tokens, pieces).logits;
                let after = loaded.pass(&other, pieces).logits;
                let (earlier, changed_row) =
                    (before.narrow(1, 0, changed), before.narrow(1, changed, 1));
                assert_close(
                    &after.narrow(1, 0, changed),
                    &earlier,
                    1e-5,
                    &format!("{name} before {changed}"),
                );
                let difference = largest(&(after.narrow(1, changed, 1) - changed_row));
                assert!(difference > 1e-2, "{name}: token {changed} has no effect");
            }
        }
    }
}

#[test]
fn a_request_does_not_depend_on_its_batch() {
    for name in FIXTURES {
        let loaded = Loaded::fixture(name);
        let tokens = loaded.prompt(3, 11);
        let together = loaded.pass(&tokens, &[6, 4, 1]);
        for row in 0..3 {
            let alone = loaded.pass(&tokens.narrow(0, row, 1), &[6, 4, 1]);
            assert_close(
                &together.logits.narrow(0, row, 1),
                &alone.logits,
                1e-5,
                &format!("{name} row {row}"),
            );
        }
    }
}

#[test]
fn a_cache_can_be_rewound_and_used_again() {
    let loaded = Loaded::tiny(Preset::Qwen2Tiny);
    let prompt = loaded.prompt(2, 9);
    let ignore = &mut Unobserved;
    let mut cache = loaded.cache(2, 12);
    let first = generate::prefill(&loaded.model, &prompt, 4, &mut cache, ignore);
    let once = generate::decode(&loaded.model, &first, 3, &mut cache, ignore);
    cache.rewind(3);
    let again = generate::decode(&loaded.model, &first, 3, &mut cache, ignore);
    cache.clear();
    let anew = generate::prefill(&loaded.model, &prompt, 9, &mut cache, ignore);
    assert_same(&anew, &first, "after clearing");
    assert_same(
        &Tensor::cat(&again, 1),
        &Tensor::cat(&once, 1),
        "after rewinding",
    );
}

#[test]
fn random_weights_follow_from_the_seed_alone() {
    for name in [Preset::Gpt2Tiny, Preset::Qwen2Tiny] {
        let logits = |dtype, seed| {
            let loaded = load(&preset(name), dtype, seed);
            loaded.full(&loaded.prompt(1, 6)).logits
        };
        let one = logits(Dtype::F32, 1);
        assert_same(&logits(Dtype::F32, 1), &one, "the same seed");
        assert!(
            largest(&(logits(Dtype::F32, 2) - &one)) > 1e-2,
            "another seed gives another model"
        );
        assert_close(
            &logits(Dtype::Bf16, 1),
            &one,
            0.05 * largest(&one),
            "the same weights in bf16",
        );
    }
}

/// A copy of a fixture that a test may damage.
struct Damaged {
    folder: tempfile::TempDir,
}

impl Damaged {
    fn copy(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(fixture(name)).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "expected.safetensors" {
                fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> &Self {
        let mut bytes = fs::read(self.path(file)).unwrap();
        change(&mut bytes);
        fs::write(self.path(file), bytes).unwrap();
        self
    }

    fn edit_text(&self, file: &str, from: &str, to: &str) -> &Self {
        self.edit(file, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from), "{file} holds {from}");
            *bytes = text.replace(from, to).into_bytes();
        })
    }

    fn edit_tensors(&self, change: impl FnOnce(&mut BTreeMap<String, Tensor>)) -> &Self {
        let mut tensors = read(&self.path("model.safetensors"));
        change(&mut tensors);
        let tensors: Vec<_> = tensors.into_iter().collect();
        Tensor::write_safetensors(&tensors, self.path("model.safetensors")).unwrap();
        self
    }

    /// The whole chain of causes, with this folder's path taken out.
    fn load_error(&self) -> String {
        let source = folder(self.folder.path());
        let error = read_config(&source)
            .and_then(|config| {
                let mut weights = Weights::open(&source, &config, Dtype::F32, Device::Cpu, 0)?;
                Model::load(&config, &mut weights, config.window(), Sharing::None)
            })
            .unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        text.replace(&self.folder.path().display().to_string(), "DIR")
    }

    #[track_caller]
    fn fails(&self, expected: &str) {
        let found = self.load_error();
        assert!(
            found.contains(expected),
            "found    {found}\nexpected {expected}"
        );
    }
}

#[test]
fn both_spellings_of_gpt2_paths_and_old_buffers_load() {
    let expected = expected("gpt2");
    let bare = Damaged::copy("gpt2");
    bare.edit_tensors(|tensors| {
        let renamed = std::mem::take(tensors).into_iter();
        tensors.extend(renamed.map(|(name, value)| (name.replace("transformer.", ""), value)));
        let mask = Tensor::ones([1, 1, 48, 48], (Kind::Uint8, Device::Cpu)).tril(0);
        tensors.insert("h.0.attn.bias".to_owned(), mask);
        tensors.insert("h.0.attn.masked_bias".to_owned(), Tensor::from(-1e4f32));
    });
    let loaded = load(&folder(bare.folder.path()), Dtype::F32, 0);
    assert_close(
        &loaded.full(&expected["tokens"]).logits,
        &expected["logits"],
        1e-4,
        "bare paths",
    );
}

#[test]
fn bad_configs_are_named() {
    let gpt2 = || Damaged::copy("gpt2");
    let without = gpt2();
    fs::remove_file(without.path("config.json")).unwrap();
    without.fails("read `DIR/config.json`: No such file");
    gpt2().edit_text("config.json", r#""gpt2""#, r#""llama""#).fails(
        "use `DIR/config.json`: model_type `llama` is not supported; accepted are `gpt2` and `qwen2`",
    );
    gpt2()
        .edit("config.json", |bytes| bytes.truncate(40))
        .fails("use `DIR/config.json`: not a usable config.json");
}

#[test]
fn missing_and_surplus_files_are_named() {
    let none = Damaged::copy("gpt2");
    fs::remove_file(none.path("model.safetensors")).unwrap();
    none.fails("find weights in `DIR`: it has neither `model.safetensors` nor `model.safetensors.index.json`");

    const INDEX: &str = "model.safetensors.index.json";
    const SHARD: &str = "model-00002-of-00004.safetensors";
    let sharded = || Damaged::copy("qwen2-sharded");
    let missing = sharded();
    fs::remove_file(missing.path(SHARD)).unwrap();
    missing.fails("find shard `model-00002-of-00004.safetensors`, which `DIR/model.safetensors.index.json` names");
    let surplus = sharded();
    fs::copy(
        surplus.path(SHARD),
        surplus.path("model-00001-of-00002.safetensors"),
    )
    .unwrap();
    surplus.fails("use shard `model-00001-of-00002.safetensors`: `DIR/model.safetensors.index.json` does not name it");
    let swapped = sharded();
    fs::copy(
        swapped.path(SHARD),
        swapped.path("model-00003-of-00004.safetensors"),
    )
    .unwrap();
    swapped.fails("in `DIR/model-00003-of-00004.safetensors`, where the shard index places it");
    sharded()
        .edit(INDEX, |bytes| bytes.truncate(100))
        .fails("read the shard index `DIR/model.safetensors.index.json`: EOF");
    sharded()
        .edit_text(INDEX, r#""model.norm.weight""#, r#""model.norm.gone""#)
        .fails("find tensor `model.norm.gone` in `DIR/model-00004-of-00004.safetensors`");
}

#[test]
fn damaged_weight_files_are_named() {
    const FILE: &str = "model.safetensors";
    let gpt2 = || Damaged::copy("gpt2");
    gpt2()
        .edit(FILE, |bytes| bytes.truncate(bytes.len() - 1))
        .fails("read `DIR/model.safetensors`: it has 131");
    gpt2()
        .edit(FILE, |bytes| bytes.push(0))
        .fails("and its header speaks of 131");
    gpt2()
        .edit(FILE, |bytes| bytes.truncate(100))
        .fails("it has 100 bytes, and its header speaks of");
    gpt2()
        .edit(FILE, |bytes| bytes.truncate(5))
        .fails("as safetensors: it has only 5 bytes");
    gpt2()
        .edit(FILE, |bytes| bytes[7] = 0x7f)
        .fails("as safetensors: a header of 9");
    gpt2()
        .edit(FILE, |bytes| bytes[8] = b'#')
        .fails("as safetensors: its header is not JSON");
    gpt2()
        .edit(FILE, |bytes| bytes.clear())
        .fails("as safetensors: it has only 0 bytes");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    const NORM: &str = "transformer.h.1.ln_2.weight";
    let gpt2 = || Damaged::copy("gpt2");
    let replace = |value: Tensor| {
        let damaged = gpt2();
        damaged.edit_tensors(|tensors| drop(tensors.insert(NORM.to_owned(), value)));
        damaged
    };
    gpt2()
        .edit_tensors(|tensors| drop(tensors.remove(NORM)))
        .fails("find tensor `transformer.h.1.ln_2.weight` in the weights of `DIR`");
    replace(Tensor::ones([31], (Kind::Float, Device::Cpu))).fails(
        "use tensor `transformer.h.1.ln_2.weight` of `DIR/model.safetensors`: its shape is [31], and config.json implies [32]",
    );
    replace(Tensor::ones([32], (Kind::Double, Device::Cpu))).fails(
        "use tensor `transformer.h.1.ln_2.weight` of `DIR/model.safetensors`: its type is F64; accepted are F32, BF16 and F16",
    );
    gpt2()
        .edit_tensors(|tensors| drop(tensors.insert("transformer.h.0.attn.q_norm.weight".to_owned(), Tensor::from(1f32))))
        .fails("use tensor `transformer.h.0.attn.q_norm.weight` of `DIR/model.safetensors`: a model with this");
}

#[test]
fn a_tied_head_may_be_stored_but_not_differ() {
    let with_head = |change: f64| {
        let damaged = Damaged::copy("qwen2-bf16");
        damaged.edit_tensors(|tensors| {
            let head = &tensors["model.embed_tokens.weight"] + change;
            tensors.insert("lm_head.weight".to_owned(), head);
        });
        damaged
    };
    let expected = expected("qwen2-bf16");
    let loaded = load(&folder(with_head(0.0).folder.path()), Dtype::F32, 0);
    assert_close(
        &loaded.full(&expected["tokens"]).logits,
        &expected["logits"],
        1e-4,
        "a stored tied head",
    );
    with_head(0.5)
        .fails("use `lm_head.weight`: config.json ties it to `model.embed_tokens.weight`");
    // A head of its own that is not there.
    Damaged::copy("qwen2-bf16")
        .edit_text(
            "config.json",
            r#""tie_word_embeddings": true"#,
            r#""tie_word_embeddings": false"#,
        )
        .fails("find tensor `lm_head.weight`");
}

fn forward_args(model: &Path, tokens: &str, output: &Path) -> forward::ForwardArgs {
    forward::ForwardArgs {
        model: model.to_owned(),
        tokens: tokens.to_owned(),
        output: output.to_owned(),
        dtype: Dtype::F32,
        device: Device::Cpu,
    }
}

/// A fixture's prompt as the command line writes it.
fn written(tokens: &Tensor) -> String {
    let requests = Vec::<Vec<i64>>::try_from(tokens).unwrap();
    let request = |ids: &Vec<i64>| ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    requests.iter().map(request).collect::<Vec<_>>().join(";")
}

#[test]
fn forward_writes_what_transformers_computes() {
    for name in FIXTURES {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.safetensors");
        let expected = expected(name);
        forward::run(&forward_args(
            &fixture(name),
            &written(&expected["tokens"]),
            &output,
        ))
        .unwrap();
        let found = read(&output);
        for (tensor, stored) in expected
            .iter()
            .filter(|(tensor, _)| !["tokens", "greedy"].contains(&tensor.as_str()))
        {
            assert_close(&found[tensor], stored, 1e-4, &format!("{name} {tensor}"));
        }
        assert_eq!(
            found.len(),
            expected.len() - 2,
            "{name}: {:?}",
            found.keys()
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing unfinished is left"
        );
    }
}

#[test]
fn forward_is_a_command_of_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let expected = expected("qwen2-sharded");
    let forward = |tokens: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anechoic-worker"));
        command
            .args(["forward", "--tokens", tokens, "--model"])
            .arg(fixture("qwen2-sharded"));
        command.arg("--output").arg(&output).output().unwrap()
    };
    let done = forward(&written(&expected["tokens"]));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_close(
        &read(&output)["logits"],
        &expected["logits"],
        1e-4,
        "through the command",
    );
    let refused = forward("1,2;3");
    assert!(!refused.status.success());
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("requests of 2 and of 1 tokens cannot run as one batch"),
        "{text}"
    );
}

#[test]
fn forward_refuses_before_it_loads() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("gone/out.safetensors");
    let output = folder.path().join("out.safetensors");
    let fails = |args: &forward::ForwardArgs, expected: &str| {
        let error = forward::run(args).unwrap_err().to_string();
        assert!(
            error.contains(expected),
            "found {error}, expected {expected}"
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left behind"
        );
    };
    let no_model = folder.path().join("no-model");
    fails(
        &forward_args(&no_model, "1", &nowhere),
        "gone/out.safetensors`",
    );
    fails(&forward_args(&no_model, "1", folder.path()), "write `");
    fails(&forward_args(&no_model, "1", &output), "load the model");
    fails(
        &forward_args(&fixture("gpt2"), "1,97", &output),
        "token 97 is outside the model's vocabulary of 97",
    );
}
