#![no_main]

#[path = "../targets/xml_log.rs"]
mod xml_log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| xml_log::target(data));
