//! The screen as people meet it: a real browser drives the real binary, see
//! `frontend/web/e2e/journey.mjs`; before it, the tests of the client's parts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tests are told by it of a Node.js that is not on the path.
const NODE: &str = "DAYTRADE_NODE";

/// Where pictures of every screen go; none are kept where it is not set (`make screenshots`).
const SHOTS: &str = "DAYTRADE_SHOTS";

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontend/web")
}

/// Runs a script in the client's folder, and says what it says.
#[track_caller]
fn passes(script: &str, arguments: &[&str]) {
    assert!(
        web().join(script).exists(),
        "{script} is not installed: the build does that where npm is there (`make test` and \
         `scripts/services install node` install it) and DAYTRADE_WEB is not off"
    );
    let program = std::env::var(NODE).unwrap_or_else(|_| "node".to_string());
    let mut command = Command::new(&program);
    command.arg(script).args(arguments).current_dir(web());
    let mut running =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
            panic!(
                "{program} cannot be started ({error}): this test wants Node.js. `make test` and \
                 `scripts/services install node` install it; or set {NODE} to its path"
            )
        });
    for line in BufReader::new(running.stdout.take().unwrap()).lines() {
        println!("{}", line.unwrap());
    }
    let ended = running.wait().unwrap();
    assert!(ended.success(), "{script} ends with {ended}; what did not happen stands above");
}

/// One test, so that nothing else keeps the browser from its work.
#[test]
fn a_newcomer_finds_their_way_with_a_browser() {
    passes("node_modules/vitest/vitest.mjs", &["run"]);
    let binary = ["--daytrade", env!("CARGO_BIN_EXE_daytrade")];
    match std::env::var(SHOTS) {
        Ok(folder) => passes("e2e/journey.mjs", &[&binary[..], &["--shots", &folder]].concat()),
        Err(_) => passes("e2e/journey.mjs", &binary),
    }
}
