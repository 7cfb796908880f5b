//! What the tests of the binary share: runs of it, workloads, and looks at what a run left.

use audit_logger::log::{LogReader, segments};
use domain::trading::Entry;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long a test waits for what should come at once before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub const DAYTRADE: &str = env!("CARGO_BIN_EXE_daytrade");

/// A call of the binary.
pub fn daytrade(arguments: &[&str]) -> Command {
    let mut command = Command::new(DAYTRADE);
    // Runs sign with a key of their own, not with that of whoever tests.
    command.env("XDG_DATA_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/data"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a call came to.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Takes what a process left, which must not have panicked.
    pub fn of(output: Output) -> Ended {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("messages are UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(!stderr.contains("panicked"), "{stderr}");
        Ended { code: output.status.code(), stdout, stderr }
    }

    /// Asserts that it ended with `code`.
    #[track_caller]
    pub fn with(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Asserts that each of `parts` stands on standard error.
    #[track_caller]
    pub fn telling(self, parts: &[&str]) -> Ended {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {}", self.stderr);
        }
        self
    }
}

/// Runs `command` to its end; kills it where that takes too long.
pub fn end(command: &mut Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the process starts");
    let pid = child.id().to_string();
    let (ended, over) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    });
    let output = child.wait_with_output().expect("the process ends");
    drop(ended);
    watchdog.join().expect("a watchdog does not panic");
    assert!(output.status.code().is_some(), "ended by a signal: {output:?}");
    Ended::of(output)
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str]) -> Ended {
    end(&mut daytrade(arguments))
}

/// `ulimit -f` counts blocks of 512 bytes in a POSIX shell. With the signal ignored a write
/// beyond the limit fails as one on a full disk does: after a part of it.
pub fn limited(blocks: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$@\"");
    command.args(["-c", &script, "sh", DAYTRADE]).args(arguments);
    command
}

/// Ends a child that a failed test leaves behind.
pub struct Guarded(pub Child);

impl Guarded {
    /// Starts `command` with its standard error and output piped.
    pub fn start(command: &mut Command) -> Guarded {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Guarded(command.spawn().expect("the process starts"))
    }

    /// Waits for the end and takes what was written; fails where that takes too long. What is
    /// written must fit into a pipe.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        until("the process ends", || self.0.try_wait().expect("a child").is_some());
        let read = |pipe: Option<&mut dyn std::io::Read>| {
            let mut bytes = Vec::new();
            pipe.map(|pipe| pipe.read_to_end(&mut bytes));
            bytes
        };
        let stdout = read(self.0.stdout.as_mut().map(|pipe| pipe as _));
        let stderr = read(self.0.stderr.as_mut().map(|pipe| pipe as _));
        let status = self.0.wait().expect("a child");
        Ended::of(Output { status, stdout, stderr })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `done`, and fails where that takes too long.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// `path` as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// A generated workload.
pub fn generate(path: &Path, profile: &str, users: u32, commands: u32, stocks: u32) {
    let (users, commands) = (users.to_string(), commands.to_string());
    let stocks = stocks.to_string();
    let size = ["--users", &users, "--commands", &commands, "--stocks", &stocks];
    let mut arguments = vec!["workload", "generate", "--profile", profile, "--out", text(path)];
    arguments.extend(size);
    run(&arguments).with(0);
}

/// Writes `lines` as a workload file into `folder`; they get their numbers.
pub fn write_workload(folder: &Path, name: &str, lines: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let numbered = lines.iter().enumerate().map(|(at, line)| format!("[{}] {line}\n", at + 1));
    fs::write(&path, numbered.collect::<String>()).expect("a test can write");
    path
}

/// A course file, or a line that says what is left out where there is none.
pub fn course_file(name: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/workloads"));
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: the course's {name} is not there");
    None
}

/// A sample that is checked in.
pub fn sample(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../workload/samples")).join(name)
}

/// Asserts that the dump is right and tells of exactly what `workload` holds.
#[track_caller]
pub fn assert_good(dump: &Path, workload: &[&Path]) {
    let mut arguments = vec!["verify", text(dump)];
    for file in workload {
        arguments.extend(["--workload", text(file)]);
    }
    let verdict = run(&arguments);
    assert!(verdict.stdout.starts_with("GOOD"), "{}", verdict.stdout);
    verdict.with(0);
}

/// A file of JSON.
pub fn json(path: &Path) -> Value {
    let bytes = fs::read(path).expect("the file is there");
    serde_json::from_slice(&bytes).expect("the file is JSON")
}

/// The segments of the log of the run in `out`, by name.
pub fn segment_bytes(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let segments = segments::list(&out.join("log")).expect("the log can be listed");
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    segments
        .into_iter()
        .map(|(_, path)| (name(&path), fs::read(&path).expect("a segment can be read")))
        .collect()
}

/// Everything in `folder` and below: each file with its bytes and the time of its last change.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for item in fs::read_dir(folder).expect("the folder can be listed") {
        let path = item.expect("an entry").path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let changed = fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
            let bytes = fs::read(&path).expect("the file can be read");
            found.insert(path, (bytes, changed));
        }
    }
    found
}

/// Bytes in the log of the run in `out`; none where there is no log yet.
pub fn log_length(out: &Path) -> u64 {
    let Ok(segments) = segments::list(&out.join("log")) else { return 0 };
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    segments.iter().map(|(_, path)| length(path)).sum()
}

/// Runs a replay again and again and kills it each time that its log has grown by less than `most`
/// bytes, as `length` measures them; `arguments` end with `--resume` then.
pub fn kill_and_resume(
    arguments: &mut Vec<&str>,
    length: impl Fn() -> u64,
    times: u32,
    most: u64,
    chance: &mut Seeded,
) {
    for _ in 0..times {
        let enough = length() + chance.below(most);
        let mut child = Guarded::start(&mut daytrade(arguments));
        until("the log grows", || {
            length() > enough || child.0.try_wait().expect("a child").is_some()
        });
        drop(child);
        if arguments.last() != Some(&"--resume") {
            arguments.push("--resume");
        }
    }
}

/// The transactions in the log of the run in `out`, in their order, up to the first batch that is
/// not whole.
pub fn logged(out: &Path) -> Vec<u64> {
    let mut transactions = Vec::new();
    let mut reader = LogReader::open(&out.join("log")).expect("the log can be listed");
    // A torn tail ends the reading as the end does.
    let _ = reader.for_each(u64::MAX, |_, entry| {
        if let Entry::Command(decided) = entry {
            transactions.push(decided.command.transaction.0);
        }
        Ok::<(), audit_logger::LogError>(())
    });
    transactions
}

/// The numbers in a file of acknowledgements. A kill can cut the last one short: it is none yet.
pub fn acknowledged(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |at| &text[..at]);
    whole.lines().map(|line| line.parse().expect("a number")).collect()
}

/// The texts of the child `name` of every `element` in a dump.
pub fn children<'a>(dump: &'a str, element: &str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let each = dump.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    each.filter_map(|body| body.split(&begin).nth(1)?.split(&end).next()).collect()
}

/// The transactions of the commands in a dump, in its order.
pub fn dumped(dump: &Path) -> Vec<u64> {
    let text = fs::read_to_string(dump).expect("the dump is there");
    let numbers = children(&text, "userCommand", "transactionNum");
    numbers.iter().map(|number| number.parse().expect("a number")).collect()
}

/// Cents of an amount such as `12.34`.
pub fn cents(amount: &str) -> i64 {
    let (whole, fraction) = amount.split_once('.').expect("two decimals");
    assert_eq!(fraction.len(), 2, "{amount}");
    whole.parse::<i64>().expect("dollars") * 100 + fraction.parse::<i64>().expect("cents")
}

/// Chance that repeats itself: xorshift64*.
pub struct Seeded(pub u64);

impl Seeded {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }
}
