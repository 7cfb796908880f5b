//! The whole of a replay, as a process of its own: 1,000 users, 1,000,000 commands and 1,000
//! stocks of the course's mix, quotes from the built-in server over TCP, the log on disk.
//!
//! Criterion times the process from start to exit, the XML dump included; the rates that the runs
//! report themselves, from opening the file to the last durable reply, are printed behind it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(missing_docs, reason = "criterion's macros document nothing")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const COMMANDS: u64 = 1_000_000;

fn daytrade(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daytrade"));
    let status = command.args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}

/// What a run says of itself.
struct Figures {
    commands_per_s: f64,
    wall_s: f64,
    peak_memory_bytes: f64,
    dump_bytes_per_s: f64,
}

/// Replays `workload` into a fresh folder inside `folder`; the time that the process took, and
/// what it says.
fn replay(folder: &Path, workload: &str, more: &[&str]) -> (Duration, Figures) {
    let out = tempfile::tempdir_in(folder).unwrap();
    let to = ["--out", out.path().to_str().unwrap()];
    let started = Instant::now();
    daytrade(&[&["replay", workload], &to[..], more].concat());
    let took = started.elapsed();
    let report = std::fs::read(out.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["commands"], COMMANDS);
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let dump = &report["dumps"][0];
    let figures = Figures {
        commands_per_s: number(&report["commands_per_s"]),
        wall_s: number(&report["wall_s"]),
        peak_memory_bytes: number(&report["peak_memory_bytes"]),
        dump_bytes_per_s: number(&dump["bytes"]) / number(&dump["wall_s"]),
    };
    (took, figures)
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut all: Vec<f64> = figures.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn whole_runs(criterion: &mut Criterion) {
    // Not in memory: where `/tmp` is, flushes cost nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let workload = folder.path().join("workload");
    let workload = workload.to_str().unwrap();
    let commands = COMMANDS.to_string();
    let size = ["--users", "1000", "--commands", &commands, "--stocks", "1000"];
    let generate = ["workload", "generate", "--profile", "course", "--out", workload];
    daytrade(&[&generate[..], &size].concat());

    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).throughput(Throughput::Elements(COMMANDS));
    for (name, more) in
        [("quotes at once", &[][..]), ("quotes as measured", &["--quote-delay", "measured"])]
    {
        let mut figures = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|runs| {
                (0..runs)
                    .map(|_| {
                        let (took, said) = replay(folder.path(), workload, more);
                        figures.push(said);
                        took
                    })
                    .sum()
            });
        });
        if figures.is_empty() {
            // The command line asked for another one.
            continue;
        }
        println!(
            "{name}: median of {} runs, as they say themselves: {:.0} commands/s in {:.3} s, \
             dump {:.0} MB/s, memory {:.0} MB",
            figures.len(),
            median(&figures, |run| run.commands_per_s),
            median(&figures, |run| run.wall_s),
            median(&figures, |run| run.dump_bytes_per_s / 1e6),
            median(&figures, |run| run.peak_memory_bytes / 1e6),
        );
    }
    group.finish();
}

criterion_group!(benches, whole_runs);
criterion_main!(benches);
