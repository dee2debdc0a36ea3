//! What memory this process holds, read from the kernel: never from a parent's `rusage`, which on Linux
//! starts at the parent's own size.

use std::sync::atomic::{AtomicU64, Ordering};

/// Resident set of this process, in bytes; 0 where the kernel does not tell.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Peak resident set of this process since [`reset_peak_resident`], in bytes; 0 where the kernel does not tell.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// The highest peak that was forgotten.
static FORGOTTEN: AtomicU64 = AtomicU64::new(0);

/// Lets the kernel count the peak anew, from what is resident now.
pub fn reset_peak_resident() -> std::io::Result<()> {
    FORGOTTEN.fetch_max(peak_resident_bytes(), Ordering::Relaxed);
    std::fs::write("/proc/self/clear_refs", "5")
}

/// Counts the peak of the job anew. Where the kernel does not let it, the peak stays that of the process so far.
pub fn begin_job() -> std::io::Result<()> {
    reset_peak_resident()?;
    FORGOTTEN.store(0, Ordering::Relaxed);
    Ok(())
}

/// Peak resident set of this process since [`begin_job`], whatever was forgotten in between, in bytes.
pub fn job_peak_resident_bytes() -> u64 {
    peak_resident_bytes().max(FORGOTTEN.load(Ordering::Relaxed))
}

fn status_bytes(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_kib(&text, key).map_or(0, |kib| kib * 1024)
}

fn parse_kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        let text = "Name:\tx\nVmHWM:\t  116000 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(parse_kib(text, "VmRSS:"), Some(2048));
        assert_eq!(parse_kib(text, "VmHWM:"), Some(116_000));
        assert_eq!(parse_kib(text, "VmSwap:"), None);
        assert!(resident_bytes() > 0);
        assert!(peak_resident_bytes() >= resident_bytes() / 2);
    }
}
