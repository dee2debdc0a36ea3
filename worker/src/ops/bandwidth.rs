//! How fast memory can be read: the ceiling that decoding is held against.

use tch::{Device, Kind, Tensor};

use super::{DeviceTimer, OpsError, Simd, ffi};
use crate::clock::Mark;

const ACTION: &str = "measure how fast memory is read";

/// Streams per thread that are tried: which is fastest depends on the processor's prefetchers.
const STREAMS: [i32; 5] = [1, 2, 4, 8, 16];

/// Reads `bytes` of memory that was written before, with all threads, `rounds` times in each of several patterns, and
/// gives bytes per second of the fastest. On a GPU: a sum over it, timed on the device. It is a ceiling only where
/// `bytes` are several times what the caches hold.
pub fn read_bandwidth(device: Device, bytes: u64, rounds: u32) -> Result<f64, OpsError> {
    let elements = i64::try_from(bytes / 4).unwrap_or(i64::MAX);
    if elements == 0 || rounds == 0 {
        let message =
            format!("{bytes} bytes in {rounds} rounds; ask for at least 4 bytes and a round");
        return Err(refused(message));
    }
    let memory = Tensor::f_zeros([elements], (Kind::Float, device))
        .and_then(|mut memory| memory.f_fill_(1.0))
        .map_err(|e| refused(e.to_string()))?;
    let mut fastest = u64::MAX;
    for _ in 0..rounds {
        fastest = fastest.min(round(&memory)?);
    }
    Ok(4.0 * elements as f64 / (fastest as f64 * 1e-9))
}

fn refused(message: String) -> OpsError {
    OpsError::Torch {
        action: ACTION,
        message,
    }
}

/// The fastest of all patterns, in ns.
fn round(memory: &Tensor) -> Result<u64, OpsError> {
    let times = match (memory.device(), Simd::best()) {
        (Device::Cpu, Some(simd)) => STREAMS.map(|streams| read(memory, streams, simd)).to_vec(),
        (Device::Cpu, None) => vec![sum(memory)],
        (device, _) => vec![sum_on(device, memory)],
    };
    times
        .into_iter()
        .try_fold(u64::MAX, |fastest, ns| Ok(fastest.min(ns?.max(1))))
}

fn read(memory: &Tensor, streams: i32, simd: Simd) -> Result<u64, OpsError> {
    let start = Mark::now();
    // SAFETY: the pointer is a live tensor's.
    let bits = unsafe { ffi::anechoic_read_all(memory.as_ptr(), streams, simd.code()) };
    let ns = start.elapsed_ns();
    if bits < 0 {
        Err(ffi::failure(ACTION))
    } else {
        Ok(ns)
    }
}

fn sum(memory: &Tensor) -> Result<u64, OpsError> {
    let start = Mark::now();
    let sum = memory
        .f_sum(None::<Kind>)
        .map_err(|e| refused(e.to_string()))?;
    drop(sum);
    Ok(start.elapsed_ns())
}

fn sum_on(device: Device, memory: &Tensor) -> Result<u64, OpsError> {
    let timer = DeviceTimer::start(device)?;
    let sum = memory
        .f_sum(None::<Kind>)
        .map_err(|e| refused(e.to_string()))?;
    drop(sum);
    timer.stop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_reads_every_element() {
        for simd in Simd::ALL.into_iter().filter(|simd| simd.is_supported()) {
            for streams in STREAMS {
                for len in [1, 31, 1000, 300_000] {
                    let memory = Tensor::zeros([len], (Kind::Float, Device::Cpu));
                    let bits = |memory: &Tensor| {
                        // SAFETY: the pointer is a live tensor's.
                        unsafe { ffi::anechoic_read_all(memory.as_ptr(), streams, simd.code()) }
                    };
                    assert_eq!(bits(&memory), 0);
                    for at in [0, len / 2, len - 1] {
                        let _ = memory.narrow(0, at, 1).fill_(1.0);
                        assert!(
                            bits(&memory) > 0,
                            "{simd:?}, {streams} streams: {at} of {len}"
                        );
                        let _ = memory.narrow(0, at, 1).fill_(0.0);
                    }
                }
            }
        }
    }

    #[test]
    fn it_is_a_rate() {
        let rate = read_bandwidth(Device::Cpu, 1 << 16, 2).unwrap();
        assert!(rate.is_finite() && rate > 0.0, "{rate}");
    }

    #[test]
    fn nothing_to_read_and_no_gpu_are_errors() {
        for (bytes, rounds) in [(0, 1), (3, 1), (64, 0)] {
            let error = read_bandwidth(Device::Cpu, bytes, rounds)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(ACTION) && error.contains("at least"),
                "{error}"
            );
        }
        assert!(read_bandwidth(Device::Cuda(99), 64, 1).is_err());
        assert!(read_bandwidth(Device::Mps, 64, 1).is_err());
    }
}
