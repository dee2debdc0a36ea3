//! Settings of the kernel, and its swap.

use super::super::facts::{KernelFacts, MemoryFacts};
use crate::probe::{Root, meminfo_bytes};

pub(super) fn read(root: &Root) -> KernelFacts {
    let balancing = root.number::<u32>("proc/sys/kernel/numa_balancing");
    KernelFacts {
        randomisation: root.number("proc/sys/kernel/randomize_va_space"),
        clock_source: root.text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
        huge_pages: root
            .text("sys/kernel/mm/transparent_hugepage/enabled")
            .and_then(|text| chosen(&text)),
        numa_balancing: balancing.map(|value| value != 0),
        numa_nodes: root.numbered("sys/devices/system/node", "node").len(),
    }
}

pub(super) fn memory(root: &Root) -> MemoryFacts {
    let meminfo = root.text("proc/meminfo").unwrap_or_default();
    MemoryFacts {
        swap_bytes: meminfo_bytes(&meminfo, "SwapTotal:"),
        swap_free_bytes: meminfo_bytes(&meminfo, "SwapFree:"),
        swappiness: root.number("proc/sys/vm/swappiness"),
    }
}

/// The word in brackets of `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
    }
}
