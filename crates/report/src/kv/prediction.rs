//! What counted bytes and operations and the measured ceilings say about v0 against v1, beside what was measured.

use anechoic_protocol::{Counted, RooflineSample, Version};
use anechoic_record::Ceilings;
use anechoic_stats::{Ratio, median, ratio};
use serde::{Deserialize, Serialize};

use super::latency::{Latency, totals};
use super::points::{Measured, Setting};

/// Measured and predicted ratio of v0 to v1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Of which setting.
    pub setting: Setting,
    /// T.
    pub tokens: u32,
    /// `v0's total / v1's total − 1`, as measured.
    pub measured: Ratio,
    /// The same of the predicted times.
    pub predicted: f64,
    /// The least time under the ceilings, v0, in seconds.
    pub predicted_v0_s: f64,
    /// The least time under the ceilings, v1, in seconds.
    pub predicted_v1_s: f64,
    /// The ceilings: medians over all samples of the model, its type and number of threads.
    pub ceilings: Ceilings,
}

/// The least time of a generation: each forward call takes as long as its bytes or its operations, whichever is longer.
fn least_time_s(counted: &Counted<'_>, prompt: u32, tokens: u32, ceilings: &Ceilings) -> f64 {
    let steps = (1..tokens).map(|step| counted.decode_step(prompt + step - 1));
    let decode: f64 = steps.map(|cost| ceilings.time_s(cost)).sum();
    ceilings.time_s(counted.prefill(prompt)) + decode
}

pub(super) fn lines(
    latency: &[Latency<'_>],
    roofline: &[Measured<'_, RooflineSample>],
) -> Vec<Prediction> {
    let without = latency.iter().filter(|p| p.point.version == Version::V0);
    without
        .filter_map(|v0| line(v0, latency, roofline))
        .collect()
}

fn line(
    v0: &Latency<'_>,
    all: &[Latency<'_>],
    roofline: &[Measured<'_, RooflineSample>],
) -> Option<Prediction> {
    let v1 = v0.counterpart(all, Version::V1)?;
    let setting = &v0.point.setting;
    let (batch, prompt, tokens) = (setting.batch_size?, setting.prompt_length?, v0.point.tokens);
    let ceilings = ceilings(setting, roofline)?;
    let config = v0.config()?;
    let time_of = |version| {
        let counted = Counted {
            config: &config,
            dtype: setting.dtype,
            version,
            batch,
        };
        least_time_s(&counted, prompt, tokens, &ceilings)
    };
    let [predicted_v0_s, predicted_v1_s] = [Version::V0, Version::V1].map(time_of);
    Some(Prediction {
        setting: setting.clone(),
        tokens,
        measured: ratio(&totals(v0), &totals(v1))?,
        predicted: predicted_v0_s / predicted_v1_s - 1.0,
        predicted_v0_s,
        predicted_v1_s,
        ceilings,
    })
}

fn ceilings(setting: &Setting, roofline: &[Measured<'_, RooflineSample>]) -> Option<Ceilings> {
    let alike = |other: &Setting| {
        other.model == setting.model
            && other.dtype == setting.dtype
            && other.threads == setting.threads
    };
    let of_model = roofline.iter().filter(|p| alike(&p.point.setting));
    let (bytes, flops): (Vec<f64>, Vec<f64>) = of_model
        .flat_map(Measured::samples)
        .map(|sample| {
            let ceilings = Ceilings::of(sample);
            (ceilings.bytes_per_s, ceilings.flops_per_s)
        })
        .unzip();
    Some(Ceilings {
        bytes_per_s: median(&bytes)?,
        flops_per_s: median(&flops)?,
    })
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::{Dtype, Preset};

    use super::*;

    fn counted(config: &anechoic_protocol::ModelConfig, version: Version) -> Counted<'_> {
        Counted {
            config,
            dtype: Dtype::F32,
            version,
            batch: 1,
        }
    }

    #[test]
    fn bytes_or_operations_whichever_takes_longer() {
        let config = Preset::Gpt2Tiny.config();
        let v1 = counted(&config, Version::V1);
        let memory = Ceilings {
            bytes_per_s: 1.0,
            flops_per_s: f64::INFINITY,
        };
        let compute = Ceilings {
            bytes_per_s: f64::INFINITY,
            flops_per_s: 1.0,
        };
        let whole = v1.prefill(8) + v1.decode(8, 5);
        assert_eq!(least_time_s(&v1, 8, 5, &memory), whole.bytes as f64);
        assert_eq!(least_time_s(&v1, 8, 5, &compute), whole.flops as f64);
    }

    #[test]
    fn a_single_token_is_prefill_alone_and_costs_both_the_same() {
        let config = Preset::Gpt2Tiny.config();
        let ceilings = Ceilings {
            bytes_per_s: f64::INFINITY,
            flops_per_s: 1e9,
        };
        let time = |version| least_time_s(&counted(&config, version), 8, 1, &ceilings);
        assert_eq!(time(Version::V0), time(Version::V1));
        let more = |version| least_time_s(&counted(&config, version), 8, 9, &ceilings);
        assert!(more(Version::V0) > 2.0 * more(Version::V1));
    }
}
