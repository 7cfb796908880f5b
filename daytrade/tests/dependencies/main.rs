//! Every dependency has an allowed license, one version and a known source, as `deny.toml` says.
//!
//! `cargo-deny` checks the same file where it is installed. Building it takes minutes, so this test
//! reads the lists itself and checks them against `cargo metadata`, on every run of the tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod graph;
mod policy;

use graph::{Graph, Package};
use policy::{CRATES_IO, Policy};
use serde_json::json;
use std::path::Path;
use std::process::Command;

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn policy() -> Policy {
    Policy::parse(&std::fs::read_to_string(workspace().join("deny.toml")).unwrap()).unwrap()
}

/// The dependencies of the workspace on the platforms of the policy.
fn graph(policy: &Policy) -> Graph {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--locked", "--format-version", "1"]).current_dir(workspace());
    for target in policy.targets() {
        command.args(["--filter-platform", target]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Graph::of(&serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn every_dependency_satisfies_the_policy() {
    let policy = policy();
    let graph = graph(&policy);
    assert!(graph.packages.len() > 100, "{} packages are not all", graph.packages.len());
    let findings = policy.check(&graph);
    assert!(findings.is_empty(), "deny.toml does not allow:\n  {}", findings.join("\n  "));
}

fn package(name: &str, version: &str, license: Option<&str>) -> Package {
    Package {
        name: name.to_string(),
        version: version.to_string(),
        license: license.map(str::to_string),
        source: Some(format!("registry+{CRATES_IO}")),
        wildcards: Vec::new(),
    }
}

fn findings(skip: &str, packages: Vec<Package>) -> Vec<String> {
    let policy = format!(
        "[graph]\ntargets = []\n[licenses]\nallow = [\"MIT\", \"ISC\", \"Apache-2.0 WITH \
         LLVM-exception\"]\n[bans]\nmultiple-versions = \"deny\"\nskip = [{skip}]\n[sources]\n\
         allow-registry = [\"{CRATES_IO}\"]\n"
    );
    Policy::parse(&policy).unwrap().check(&Graph { packages })
}

#[test]
fn license_expressions_are_evaluated_not_searched() {
    let allowed = ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "MIT AND (ISC OR GPL-2.0-only)"];
    for license in allowed {
        assert_eq!(findings("", vec![package("a", "1.0.0", Some(license))]), [""; 0], "{license}");
    }
    let with = "Apache-2.0 WITH LLVM-exception";
    assert_eq!(findings("", vec![package("a", "1.0.0", Some(with))]), [""; 0]);
    let refused =
        ["GPL-3.0-only", "MIT AND GPL-3.0-only", "Apache-2.0", "MIT WITH LLVM-exception", "mine"];
    for license in refused {
        let found = findings("", vec![package("a", "1.0.0", Some(license))]);
        assert_eq!(found.len(), 1, "{license}");
        assert!(found[0].contains("a 1.0.0") && found[0].contains(license), "{found:?}");
    }
    assert!(findings("", vec![package("a", "1.0.0", None)])[0].contains("names no license"));
}

#[test]
fn second_version_needs_an_entry() {
    let two = || vec![package("a", "1.0.0", Some("MIT")), package("a", "2.1.0", Some("MIT"))];
    let found = findings("", two());
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("a 1.0.0, 2.1.0"), "{found:?}");
    let entry = |spec: &str| format!("{{ crate = \"{spec}\", reason = \"old\" }}");
    assert_eq!(findings(&entry("a@1.0.0"), two()), [""; 0]);
    assert_eq!(findings(&entry("a@1.3.0"), two()).len(), 2, "another version is skipped");
}

#[test]
fn entry_without_a_second_version_is_reported() {
    let one = || vec![package("a", "2.1.0", Some("MIT"))];
    let entry = |spec: &str| format!("{{ crate = \"{spec}\", reason = \"old\" }}");
    for spec in ["a@2.1.0", "a@1.0.0", "b@1.0.0"] {
        let found = findings(&entry(spec), one());
        assert_eq!(found.len(), 1, "{spec}");
        assert!(found[0].contains(spec), "{found:?}");
    }
    let unexplained = "[graph]\ntargets=[]\n[licenses]\nallow=[]\n[bans]\n\
         multiple-versions=\"deny\"\nskip=[{ crate = \"a@1.0.0\" }]\n[sources]\nallow-registry=[]";
    assert!(Policy::parse(unexplained).is_err(), "an entry needs its reason");
}

#[test]
fn foreign_source_is_refused() {
    for source in ["git+https://example.org/a?rev=1#1", "registry+https://example.org/index"] {
        let foreign =
            Package { source: Some(source.to_string()), ..package("a", "1.0.0", Some("MIT")) };
        let found = findings("", vec![foreign]);
        assert!(found.len() == 1 && found[0].contains(source), "{found:?}");
    }
    let of_the_workspace = Package { source: None, ..package("a", "1.0.0", Some("MIT")) };
    assert_eq!(findings("", vec![of_the_workspace]), [""; 0]);
}

#[test]
fn requirement_without_a_version_is_refused() {
    let metadata = json!({
        "resolve": { "nodes": [{ "id": "one" }] },
        "packages": [{
            "id": "one", "name": "a", "version": "1.0.0", "license": "MIT", "source": null,
            "dependencies": [
                { "name": "any", "req": "*", "source": "registry+x" },
                { "name": "beside", "req": "*", "path": "/beside", "source": null },
                { "name": "good", "req": "^1", "source": "registry+x" },
            ],
        }, {
            "id": "unused", "name": "b", "version": "1.0.0", "license": "GPL-3.0-only",
            "source": null, "dependencies": [],
        }],
    });
    let found = findings("", Graph::of(&metadata).packages);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("a 1.0.0") && found[0].contains("any"), "{found:?}");
}
