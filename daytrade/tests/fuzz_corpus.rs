//! Replays what the fuzz targets were fed and what was found with them, without a fuzzer: every
//! input that ever made a parser fail stays one that does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../fuzz/targets/log_segment.rs"]
mod log_segment;
#[path = "../../fuzz/targets/quote_reply.rs"]
mod quote_reply;
#[path = "../../fuzz/targets/workload_line.rs"]
mod workload_line;
#[path = "../../fuzz/targets/xml_log.rs"]
mod xml_log;

use std::fs;
use std::path::{Path, PathBuf};

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{}: the corpus is gone", folder.display());
    for input in inputs {
        // Shown where the target fails.
        println!("{}", input.display());
        let bytes = fs::read(&input).unwrap();
        target(&bytes);
        // A cut input is one more, and cuts are what files and connections suffer.
        target(&bytes[..bytes.len() / 2]);
    }
}

#[test]
fn no_line_of_a_workload_does_harm() {
    replay("workload_line", workload_line::target);
}

#[test]
fn no_reply_of_a_quote_server_does_harm() {
    replay("quote_reply", quote_reply::target);
}

#[test]
fn no_segment_of_a_log_does_harm() {
    replay("log_segment", log_segment::target);
}

#[test]
fn no_audit_log_does_harm() {
    replay("xml_log", xml_log::target);
}
