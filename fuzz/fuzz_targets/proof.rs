#![no_main]

#[path = "../targets/proof.rs"]
mod proof;

libfuzzer_sys::fuzz_target!(|data: &[u8]| proof::target(data));
