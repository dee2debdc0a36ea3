//! Records of KV-cache benchmarks in the formats of other programs.

use anechoic_report::hyperfine;
use serde_json::Value;

use crate::made::roofline;
use crate::support::record;

#[test]
fn hyperfine_names_what_has_no_decode() {
    let alone = roofline(&[1]);
    let among = roofline(&[1, 128]);
    let found = hyperfine(&record(vec![alone, among]));
    let expected = [
        "kv.v1.roofline.t1: no decode-time at T = 1",
        "kv.v1.roofline.t1,128: no decode-time at T = 1",
    ];
    assert_eq!(found.left_out, expected);
    let json: Value = serde_json::from_str(&found.json).unwrap();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["command"], "kv.v1.roofline.t1,128 T=128");
}
