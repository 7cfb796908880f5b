#![no_main]

#[path = "../targets/frame_table.rs"]
mod frame_table;

libfuzzer_sys::fuzz_target!(|data: &[u8]| frame_table::target(data));
