//! Replays what the fuzz targets were fed and what was found with them, without a fuzzer: every
//! input that ever made a parser fail stays one that does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../fuzz/targets/checkpoint.rs"]
mod checkpoint;
#[path = "../../fuzz/targets/frame_table.rs"]
mod frame_table;
#[path = "../../fuzz/targets/log_segment.rs"]
mod log_segment;
#[path = "../../fuzz/targets/proof.rs"]
mod proof;
#[path = "../../fuzz/targets/quote_reply.rs"]
mod quote_reply;
#[path = "../../fuzz/targets/workload_line.rs"]
mod workload_line;
#[path = "../../fuzz/targets/xml_log.rs"]
mod xml_log;

use std::fs;
use std::path::{Path, PathBuf};

/// What is put into lines: what the grammar is about, and what looks like it.
const INSERTED: &[u8] = b"  \t\r\n,[]0.\0\xa0\x0c";

/// How often each input is changed.
const CHANGED: usize = 60;

fn inputs(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{}: the corpus is gone", folder.display());
    inputs
}

fn replay(name: &str, target: fn(&[u8])) {
    for input in inputs(name) {
        // Shown where the target fails.
        println!("{}", input.display());
        let bytes = fs::read(&input).unwrap();
        target(&bytes);
        // A cut input is one more, and cuts are what files and connections suffer.
        target(&bytes[..bytes.len() / 2]);
    }
}

/// As [`replay`], and each input with bytes changed, put in and left out, the same each time.
fn replay_and_change(name: &str, target: fn(&[u8])) {
    replay(name, target);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % bound.max(1)
    };
    for input in inputs(name) {
        let good = fs::read(&input).unwrap();
        for _ in 0..CHANGED {
            let mut bytes = good.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                match below(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, below(256) as u8),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << below(8)),
                }
            }
            println!("{} as {bytes:x?}", input.display());
            target(&bytes);
        }
    }
}

#[test]
fn no_line_of_a_workload_does_harm() {
    replay("workload_line", workload_line::target);
}

/// The cases of the grammar, changed at random: whatever the player makes of a line or a file, the
/// checker makes the same of it.
#[test]
fn both_readers_agree_on_changed_lines() {
    let cases = include_str!("../../workload/tests/corpus/lines.txt");
    let cases = cases.lines().filter_map(|line| line.strip_prefix('"')?.rsplit_once("\" = "));
    let cases: Vec<String> =
        cases.map(|(line, _)| line.replace("\\t", "\t").replace("\\r", "\r")).collect();
    assert!(cases.len() > 40);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % bound.max(1)
    };
    for _ in 0..200 {
        let mut file = Vec::new();
        for _ in 0..40 {
            let mut line = cases[below(cases.len())].clone().into_bytes();
            for _ in 0..below(4) {
                let at = below(line.len() + 1);
                match below(3) {
                    0 => line.insert(at, INSERTED[below(INSERTED.len())]),
                    1 if at < line.len() => drop(line.remove(at)),
                    _ => line.truncate(at),
                }
            }
            println!("{:?}", line.escape_ascii().to_string());
            workload_line::target(&line);
            file.extend(line);
            file.extend([&b"\n"[..], b"\r\n", b" \n"][below(3)]);
        }
        assert_eq!(
            workload_line::counted_by_player(&file),
            workload_line::counted_by_checker(&file)
        );
    }
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

#[test]
fn no_checkpoint_does_harm() {
    replay_and_change("checkpoint", checkpoint::target);
}

#[test]
fn no_proof_of_an_export_does_harm() {
    replay_and_change("proof", proof::target);
}

#[test]
fn no_table_of_frames_does_harm() {
    replay_and_change("frame_table", frame_table::target);
}
