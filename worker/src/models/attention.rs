//! Causal attention over cached keys and values, shared by the families.

use anechoic_protocol::AttentionPath;
use tch::{Device, Kind, Tensor};

use crate::cache::{Rows, Stored};
use crate::ops::{
    decode_attention, decode_attention_int8, dequantise, stock_decode_attention,
    stock_decode_attention_int8,
};

/// Which keys the queries of one forward call may see. The same for every layer, so it is made once
/// per call.
#[derive(Debug)]
pub(crate) enum Visible {
    /// One query: all that is cached lies before it.
    Everything,
    /// The queries are the first tokens: each sees itself and those before it.
    Square,
    /// The queries follow cached tokens: 0 where a query may look, −∞ where not, (t, past + t).
    /// libtorch's own causal flag cannot say this, it aligns the first query with the first key.
    Mask(Tensor),
}

impl Visible {
    /// For `t` queries behind `past` cached tokens.
    pub(crate) fn causal(t: i64, past: i64, kind: Kind, device: Device) -> Self {
        if t == 1 {
            Self::Everything
        } else if past == 0 {
            Self::Square
        } else {
            let mut hidden = Tensor::full([t, past + t], f64::NEG_INFINITY, (kind, device));
            Self::Mask(hidden.triu_(past + 1))
        }
    }
}

/// Attention of one query per head over all rows, (b, heads, 1, head_dim).
pub(crate) fn attention_of_one(
    q: &Tensor,  // (b, heads, 1, head_dim)
    rows: &Rows, // (b, kv_heads, len, head_dim)
) -> Tensor {
    let scale = (q.size()[3] as f64).sqrt().recip();
    match (&rows.stored, rows.attention) {
        (Stored::Full { keys, values }, AttentionPath::Best) => {
            decode_attention(q, keys, values, scale)
        }
        (Stored::Full { keys, values }, AttentionPath::Stock | AttentionPath::Dequantise) => {
            stock_decode_attention(q, keys, values, scale)
        }
        (Stored::Int8 { keys, values }, AttentionPath::Best) => {
            decode_attention_int8(q, keys, values, scale)
        }
        (Stored::Int8 { keys, values }, AttentionPath::Stock) => {
            stock_decode_attention_int8(q, keys, values, scale)
        }
        (Stored::Int8 { keys, values }, AttentionPath::Dequantise) => {
            let wide = |rows| dequantise(rows, q.kind());
            stock_decode_attention(q, &wide(keys), &wide(values), scale)
        }
    }
}

/// Softmax attention over the rows that a cache yields; query heads share key-value heads in groups.
pub(crate) fn attention(
    q: &Tensor,  // (b, heads, t, head_dim)
    rows: &Rows, // (b, kv_heads, past + t, head_dim)
    visible: &Visible,
) -> Tensor {
    let out = match (visible, &rows.stored) {
        (Visible::Everything, _) => attention_of_one(q, rows),
        (_, Stored::Full { keys, values }) => masked(q, keys, values, visible),
        (_, Stored::Int8 { keys, values }) => {
            let wide = |rows| dequantise(rows, q.kind());
            masked(q, &wide(keys), &wide(values), visible)
        }
    }; // (b, heads, t, head_dim)
    out.transpose(1, 2).flatten(2, 3) // (b, t, heads × head_dim)
}

/// Several queries. A prompt reads what was stored of it too, so that a prompt in pieces gives what a whole one does.
fn masked(q: &Tensor, k: &Tensor, v: &Tensor, visible: &Visible) -> Tensor {
    let grouped = q.size()[1] != k.size()[1];
    let (mask, is_causal) = match visible {
        Visible::Everything => (None, false),
        Visible::Square => (None, true),
        Visible::Mask(mask) => (Some(mask), false),
    };
    Tensor::scaled_dot_product_attention(q, k, v, mask, 0.0, is_causal, None, grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    /// Row by row with loops over plain softmax: nothing shared with the code above.
    fn oracle(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let (b, heads, t, head_dim) = q.size4().unwrap();
        let (_, kv_heads, keys, _) = k.size4().unwrap();
        let out = Tensor::zeros([b, t, heads * head_dim], CPU);
        for request in 0..b {
            for head in 0..heads {
                let group = head / (heads / kv_heads);
                for i in 0..t {
                    let seen = keys - t + i + 1;
                    let k = k.get(request).get(group).narrow(0, 0, seen);
                    let v = v.get(request).get(group).narrow(0, 0, seen);
                    let scores = k.mv(&q.get(request).get(head).get(i)) / (head_dim as f64).sqrt();
                    let row = v.tr().mv(&scores.softmax(0, Kind::Float));
                    out.get(request)
                        .get(i)
                        .narrow(0, head * head_dim, head_dim)
                        .copy_(&row);
                }
            }
        }
        out
    }

    #[test]
    fn every_alignment_of_queries_and_keys_matches_the_definition() {
        let check = |heads: i64, kv_heads: i64, t: i64, past: i64| {
            let q = Tensor::randn([2, heads, t, 8], CPU);
            let k = Tensor::randn([2, kv_heads, past + t, 8], CPU);
            let v = Tensor::randn([2, kv_heads, past + t, 8], CPU);
            let visible = Visible::causal(t, past, Kind::Float, Device::Cpu);
            let expected = oracle(&q, &k, &v);
            let stored = Stored::Full { keys: k, values: v };
            let rows = Rows {
                stored,
                attention: AttentionPath::Best,
            };
            let error = (attention(&q, &rows, &visible) - expected)
                .abs()
                .max()
                .double_value(&[]);
            assert!(
                error < 1e-5,
                "{heads} heads over {kv_heads}, {t} queries after {past}: {error}"
            );
        };
        for (heads, kv_heads) in [(4, 4), (6, 2), (3, 1)] {
            for (t, past) in [(1, 0), (1, 7), (5, 0), (4, 3), (2, 9)] {
                check(heads, kv_heads, t, past);
            }
        }
    }
}
