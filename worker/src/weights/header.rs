//! The header of a safetensors file: which tensor lies where. Everything in it is checked against
//! the file's real length before a value is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::LoadError;

/// The format's own limit; a larger number means that this is not a safetensors file.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dtype: String,
    pub(super) shape: Vec<i64>,
    /// First byte, counted from the start of the file.
    pub(super) start: u64,
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<i64>,
    data_offsets: (u64, u64),
}

/// Reads and checks the header of an open safetensors file.
pub(super) fn read(file: &mut File, path: &Path) -> Result<BTreeMap<String, Entry>, LoadError> {
    let corrupt = |reason: String| LoadError::Corrupt {
        file: path.to_owned(),
        reason,
    };
    let read_error = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let length = file.metadata().map_err(read_error)?.len();
    if length < 8 {
        return Err(corrupt(format!("it has only {length} bytes")));
    }
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(read_error)?;
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(corrupt(format!(
            "a header of {header_bytes} bytes is not plausible"
        )));
    }
    if 8 + header_bytes > length {
        return Err(LoadError::Length {
            file: path.to_owned(),
            expected: 8 + header_bytes,
            found: length,
        });
    }
    let mut text = vec![0; header_bytes as usize];
    file.read_exact(&mut text).map_err(read_error)?;
    let entries = parse(&text, 8 + header_bytes).map_err(corrupt)?;
    let end = entries
        .values()
        .map(|entry| entry.start + entry.bytes)
        .max();
    let expected = end.unwrap_or(8 + header_bytes);
    if expected != length {
        return Err(LoadError::Length {
            file: path.to_owned(),
            expected,
            found: length,
        });
    }
    Ok(entries)
}

/// The entries of a header whose data starts at byte `data_start`.
fn parse(text: &[u8], data_start: u64) -> Result<BTreeMap<String, Entry>, String> {
    let mut raw: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|error| format!("its header is not JSON: {error}"))?;
    raw.remove("__metadata__");
    let mut entries = BTreeMap::new();
    for (name, value) in raw {
        let raw: RawEntry = serde_json::from_value(value)
            .map_err(|error| format!("its header describes `{name}` wrongly: {error}"))?;
        let entry = check(&name, raw, data_start)?;
        entries.insert(name, entry);
    }
    check_tiling(&entries, data_start)?;
    Ok(entries)
}

fn check(name: &str, raw: RawEntry, data_start: u64) -> Result<Entry, String> {
    let (start, end) = raw.data_offsets;
    let bytes = end
        .checked_sub(start)
        .ok_or_else(|| format!("`{name}` ends before it starts"))?;
    // Types of other widths are refused where a parameter is read; here they have no size to check.
    if let Some(width) = width(&raw.dtype) {
        let expected = raw.shape.iter().try_fold(width, |product, &size| {
            product.checked_mul(u64::try_from(size).ok()?)
        });
        if expected != Some(bytes) {
            let (dtype, shape) = (&raw.dtype, &raw.shape);
            return Err(format!(
                "`{name}` of type {dtype} and shape {shape:?} cannot have {bytes} bytes"
            ));
        }
    }
    let start = data_start
        .checked_add(start)
        .ok_or_else(|| format!("`{name}` starts nowhere"))?;
    start
        .checked_add(bytes)
        .ok_or_else(|| format!("`{name}` ends nowhere"))?;
    Ok(Entry {
        dtype: raw.dtype,
        shape: raw.shape,
        start,
        bytes,
    })
}

/// The tensors must cover the data without gap or overlap.
fn check_tiling(entries: &BTreeMap<String, Entry>, data_start: u64) -> Result<(), String> {
    let mut in_file_order: Vec<_> = entries.iter().collect();
    in_file_order.sort_by_key(|(_, entry)| (entry.start, entry.bytes));
    let mut expected = data_start;
    for (name, entry) in in_file_order {
        if entry.start != expected {
            let found = entry.start;
            return Err(format!(
                "`{name}` starts at byte {found}, and the tensor before ends at {expected}"
            ));
        }
        expected += entry.bytes;
    }
    Ok(())
}

/// Bytes of one value of a stored type that can be loaded.
fn width(dtype: &str) -> Option<u64> {
    match dtype {
        "F32" => Some(4),
        "BF16" | "F16" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_lie_are_refused() {
        let refused = |text: &str, expected: &str| {
            let reason = parse(text.as_bytes(), 100).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        };
        let tensor = |dtype: &str, shape: &str, start: u64, end: u64| {
            format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
        };
        refused("[1]", "its header is not JSON");
        refused(
            r#"{"a":{"dtype":"F32"}}"#,
            "its header describes `a` wrongly: missing field `shape`",
        );
        refused(
            &format!(r#"{{"a":{}}}"#, tensor("F32", "[2]", 8, 0)),
            "`a` ends before it starts",
        );
        refused(
            &format!(r#"{{"a":{}}}"#, tensor("F32", "[3]", 0, 8)),
            "shape [3] cannot have 8 bytes",
        );
        refused(
            &format!(r#"{{"a":{}}}"#, tensor("F32", "[-2]", 0, 8)),
            "cannot have 8 bytes",
        );
        let overflow = tensor("BF16", "[4611686018427387904,4]", 0, 8);
        refused(&format!(r#"{{"a":{overflow}}}"#), "cannot have 8 bytes");
        let gap = format!(
            r#"{{"a":{},"b":{}}}"#,
            tensor("F16", "[2]", 0, 4),
            tensor("F16", "[2]", 6, 10)
        );
        refused(
            &gap,
            "`b` starts at byte 106, and the tensor before ends at 104",
        );
        let overlap = format!(
            r#"{{"a":{},"b":{}}}"#,
            tensor("F16", "[2]", 0, 4),
            tensor("F16", "[2]", 2, 6)
        );
        refused(&overlap, "`b` starts at byte 102");
        refused(
            &format!(r#"{{"a":{}}}"#, tensor("X", "[1]", u64::MAX - 1, u64::MAX)),
            "starts nowhere",
        );
    }

    #[test]
    fn a_header_places_its_tensors() {
        let text = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},
            "empty":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
        let entries = parse(text.as_bytes(), 64).unwrap();
        let a = Entry {
            dtype: "BF16".to_owned(),
            shape: vec![2, 3],
            start: 64,
            bytes: 12,
        };
        assert_eq!(entries["a"], a);
        assert_eq!(entries.len(), 2);
    }
}
