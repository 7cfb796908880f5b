//! The lists of `deny.toml`, read as cargo-deny reads them.

use crate::graph::{Graph, Package};
use serde::Deserialize;
use spdx::expression::ExpressionReq;
use spdx::{Expression, Licensee, ParseMode};
use std::collections::{BTreeMap, BTreeSet};

/// The index of crates.io.
pub(crate) const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
pub(crate) struct Policy {
    graph: Targets,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Targets {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    skip: Vec<Skip>,
}

/// A version that may stand beside another one.
#[derive(Deserialize)]
struct Skip {
    /// `NAME@VERSION`.
    #[serde(rename = "crate")]
    spec: String,
    /// Whoever reads the file wants to know; cargo-deny does not insist.
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

impl Policy {
    pub(crate) fn parse(text: &str) -> Result<Policy, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.graph.targets.iter().map(String::as_str)
    }

    /// What the policy does not allow, a line each.
    pub(crate) fn check(&self, graph: &Graph) -> Vec<String> {
        assert_eq!(self.bans.multiple_versions, "deny", "the check below is for this setting");
        let mut findings = Vec::new();
        let allowed: Vec<Licensee> = self
            .licenses
            .allow
            .iter()
            .map(|name| Licensee::parse(name).unwrap_or_else(|error| panic!("{name}: {error}")))
            .collect();
        for package in &graph.packages {
            let named = format!("{} {}", package.name, package.version);
            if let Some(finding) = refused_license(package, &allowed) {
                findings.push(format!("{named}: {finding}"));
            }
            if let Some(source) = package.source.as_deref().filter(|source| !self.knows(source)) {
                findings.push(format!("{named}: comes from {source}"));
            }
            if package.source.is_none() {
                let wildcards = package.wildcards.iter();
                findings.extend(wildcards.map(|name| format!("{named}: takes any {name}")));
            }
        }
        self.check_versions(graph, &mut findings);
        findings
    }

    fn knows(&self, source: &str) -> bool {
        let registry = source.strip_prefix("registry+");
        registry.is_some_and(|index| self.sources.allow_registry.iter().any(|one| one == index))
    }

    fn check_versions(&self, graph: &Graph, findings: &mut Vec<String>) {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in &graph.packages {
            versions.entry(&package.name).or_default().insert(&package.version);
        }
        let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
        for Skip { spec, .. } in &self.bans.skip {
            let found = spec.split_once('@').and_then(|(name, version)| {
                versions.get_key_value(name).filter(|(_, all)| all.contains(version))
            });
            match found {
                Some((name, all)) if all.len() > 1 => *skipped.entry(name).or_default() += 1,
                Some(_) => findings.push(format!("skip {spec}: it is the only version")),
                None => findings.push(format!("skip {spec}: no such crate is used")),
            }
        }
        for (name, all) in versions {
            if all.len() - skipped.get(name).copied().unwrap_or(0) > 1 {
                let all: Vec<&str> = all.into_iter().collect();
                findings.push(format!("{name} {}: more than one version", all.join(", ")));
            }
        }
    }
}

/// Why the license of `package` is not allowed.
fn refused_license(package: &Package, allowed: &[Licensee]) -> Option<String> {
    let Some(license) = &package.license else {
        return Some("names no license".to_string());
    };
    // As crates.io: `MIT/Apache-2.0` is an old way to write a choice.
    match Expression::parse_mode(license, ParseMode::LAX) {
        Err(error) => Some(format!("license {license}: {}", error.reason)),
        Ok(expression) => {
            let accepts = |need: &ExpressionReq| allowed.iter().any(|one| one.satisfies(&need.req));
            let satisfied =
                expression.evaluate(|need| allowed.iter().any(|one| one.satisfies(need)));
            let missing: Vec<String> = expression
                .requirements()
                .filter(|need| !accepts(need))
                .map(|need| need.req.to_string())
                .collect();
            (!satisfied).then(|| format!("license {license}: {} not allowed", missing.join(", ")))
        }
    }
}
