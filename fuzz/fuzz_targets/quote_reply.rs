#![no_main]

#[path = "../targets/quote_reply.rs"]
mod quote_reply;

libfuzzer_sys::fuzz_target!(|data: &[u8]| quote_reply::target(data));
