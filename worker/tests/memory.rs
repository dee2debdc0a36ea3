//! The peak of resident memory belongs to a whole process, so this test has one of its own.

use anechoic_worker::memory::{
    job_peak_resident_bytes, peak_resident_bytes, reset_peak_resident, resident_bytes,
};

#[test]
fn a_peak_can_be_forgotten() {
    const HELD: usize = 256 << 20;
    let held = vec![1_u8; HELD];
    assert!(held.iter().all(|&byte| byte == 1));
    drop(held);
    assert!(peak_resident_bytes() >= HELD as u64);
    reset_peak_resident().unwrap();
    assert!(peak_resident_bytes() < HELD as u64);
    assert!(job_peak_resident_bytes() >= HELD as u64);
    assert!(peak_resident_bytes() >= resident_bytes() / 2);
}
