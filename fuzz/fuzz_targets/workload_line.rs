#![no_main]

#[path = "../targets/workload_line.rs"]
mod workload_line;

libfuzzer_sys::fuzz_target!(|data: &[u8]| workload_line::target(data));
