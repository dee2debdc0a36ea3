//! How long one layer's attention of a decode step takes, on every path that can compute it, for
//! `docs/decisions/decode-attention.md`.
//!
//! `attention_rate THREADS ROUNDS [CASE]` prints a Markdown table per case: medians over rounds in which the paths take
//! turns, each over so many layers' caches that none of them is still in the processor's cache from the round before.

use std::error::Error;

use anechoic_worker::clock::Mark;
use anechoic_worker::ops::{
    InferenceMode, Int8Rows, decode_attention, decode_attention_int8, decode_attention_path,
    dequantise, gelu_new, quantise_rows, read_bandwidth, stock_decode_attention,
    stock_decode_attention_int8,
};
use tch::{Device, Kind, Tensor};

/// Bytes of full-precision caches that the layers of a case hold together, at least.
const WORKING_SET: i64 = 192 << 20;

struct Case {
    batch: i64,
    heads: i64,
    kv_heads: i64,
    len: i64,
    dim: i64,
}

const fn case([batch, heads, kv_heads, len, dim]: [i64; 5]) -> Case {
    Case {
        batch,
        heads,
        kv_heads,
        len,
        dim,
    }
}

const CASES: [Case; 6] = [
    case([1, 12, 12, 128, 64]),
    case([1, 12, 12, 1024, 64]),
    case([8, 12, 12, 128, 64]),
    case([8, 12, 12, 1024, 64]),
    case([1, 14, 2, 1024, 64]),
    case([8, 14, 2, 1024, 64]),
];

/// One layer's cache, in both forms.
struct Layer {
    keys: Tensor,
    values: Tensor,
    quantised: [Int8Rows; 2],
}

impl Layer {
    fn random(case: &Case, kind: Kind) -> Self {
        let sizes = [case.batch, case.kv_heads, case.len, case.dim];
        let [keys, values] =
            [0, 1].map(|_| Tensor::randn(sizes, (Kind::Float, Device::Cpu)).to_kind(kind));
        let quantised = [&keys, &values].map(|rows| {
            let into = Int8Rows {
                codes: Tensor::zeros(sizes, (Kind::Int8, Device::Cpu)),
                scales: Tensor::zeros(&sizes[..3], (Kind::Float, Device::Cpu)),
            };
            quantise_rows(rows, &into);
            into
        });
        Self {
            keys,
            values,
            quantised,
        }
    }
}

type Path = (&'static str, fn(&Tensor, &Layer, f64));

const PATHS: [Path; 6] = [
    ("libtorch's attention", |q, layer, scale| {
        let _ = stock_decode_attention(q, &layer.keys, &layer.values, scale);
    }),
    ("kernel", |q, layer, scale| {
        let _ = decode_attention(q, &layer.keys, &layer.values, scale);
    }),
    ("INT8: turned back, then libtorch's", |q, layer, scale| {
        let [k, v] = layer
            .quantised
            .each_ref()
            .map(|rows| dequantise(rows, q.kind()));
        let _ = stock_decode_attention(q, &k, &v, scale);
    }),
    ("INT8: fold with libtorch's operators", |q, layer, scale| {
        let [k, v] = &layer.quantised;
        let _ = stock_decode_attention_int8(q, k, v, scale);
    }),
    ("INT8: kernel", |q, layer, scale| {
        let [k, v] = &layer.quantised;
        let _ = decode_attention_int8(q, k, v, scale);
    }),
    ("INT8: quantising one new row per head", |_, layer, _| {
        for (rows, into) in [&layer.keys, &layer.values]
            .into_iter()
            .zip(&layer.quantised)
        {
            let last = rows.size()[2] - 1;
            let into = Int8Rows {
                codes: into.codes.narrow(2, last, 1),
                scales: into.scales.narrow(2, last, 1),
            };
            quantise_rows(&rows.narrow(2, last, 1), &into);
        }
    }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [threads, rounds, only @ ..] = args.as_slice() else {
        return Err("usage: attention_rate THREADS ROUNDS [CASE]".into());
    };
    tch::set_num_threads(threads.parse()?);
    let rounds: usize = rounds.parse()?;
    let only: Option<usize> = only.first().map(|case| case.parse()).transpose()?;
    let _inference = InferenceMode::enter();
    let rate = read_bandwidth(Device::Cpu, 1 << 29, 5)?;
    println!("reading alone: {:.1} GB/s", rate / 1e9);
    for (index, case) in CASES.iter().enumerate() {
        for kind in [Kind::Float, Kind::BFloat16] {
            if only.is_none_or(|only| only == index) {
                measure(case, kind, rounds);
            }
        }
    }
    activation(rounds);
    Ok(())
}

fn measure(case: &Case, kind: Kind, rounds: usize) {
    let bytes =
        2 * case.batch * case.kv_heads * case.len * case.dim * kind.elt_size_in_bytes() as i64;
    let layers: Vec<Layer> = (0..(WORKING_SET / bytes).clamp(2, 48))
        .map(|_| Layer::random(case, kind))
        .collect();
    let q = Tensor::randn(
        [case.batch, case.heads, 1, case.dim],
        (Kind::Float, Device::Cpu),
    )
    .to_kind(kind);
    let scale = (case.dim as f64).sqrt().recip();
    let mut times = vec![Vec::new(); PATHS.len()];
    for _ in 0..rounds {
        for ((_, path), times) in PATHS.iter().zip(&mut times) {
            let start = Mark::now();
            layers.iter().for_each(|layer| path(&q, layer, scale));
            times.push(start.elapsed_ns() as f64 / layers.len() as f64 / 1e3);
        }
    }
    print(case, kind, bytes, times);
}

fn print(case: &Case, kind: Kind, bytes: i64, times: Vec<Vec<f64>>) {
    let Case {
        batch,
        heads,
        kv_heads,
        len,
        dim,
    } = case;
    let path = decode_attention_path(kind, Device::Cpu);
    println!(
        "\n{kind:?}, batch {batch}, {heads} heads over {kv_heads}, {len} keys of {dim} ({bytes} bytes), {path}\n"
    );
    println!("| path | µs, median | fastest | of the kernel's |\n|---|---|---|---|");
    let times: Vec<[f64; 2]> = times.into_iter().map(median_and_least).collect();
    for ((name, _), [median, least]) in PATHS.iter().zip(&times) {
        println!(
            "| {name} | {median:.1} | {least:.1} | {:.2} |",
            median / times[1][0]
        );
    }
}

fn median_and_least(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0]]
}

/// GPT-2's activation of one token, in bf16.
fn activation(rounds: usize) {
    let x = Tensor::randn([1, 1, 3072], (Kind::Float, Device::Cpu)).to_kind(Kind::BFloat16);
    let times = (0..rounds * 20).map(|_| {
        let start = Mark::now();
        let _ = gelu_new(&x);
        start.elapsed_ns() as f64 / 1e3
    });
    let [median, least] = median_and_least(times.collect());
    println!("\ngelu_new of 3072 bf16 values: {median:.1} µs, fastest {least:.1}");
}
