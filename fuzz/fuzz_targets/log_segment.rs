#![no_main]

#[path = "../targets/log_segment.rs"]
mod log_segment;

libfuzzer_sys::fuzz_target!(|data: &[u8]| log_segment::target(data));
