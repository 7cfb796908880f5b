//! The dependency graph that `cargo metadata` reports.

use serde_json::Value;
use std::collections::HashSet;

/// A crate that is built for some target, feature or test.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression of its manifest.
    pub(crate) license: Option<String>,
    /// Where it comes from; none for a crate of the workspace.
    pub(crate) source: Option<String>,
    /// Dependencies that it takes in any version.
    pub(crate) wildcards: Vec<String>,
}

pub(crate) struct Graph {
    pub(crate) packages: Vec<Package>,
}

impl Graph {
    /// The packages of the resolved graph.
    pub(crate) fn of(metadata: &Value) -> Graph {
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        let used: HashSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
        let packages = metadata["packages"].as_array().unwrap().iter();
        let packages = packages.filter(|package| used.contains(package["id"].as_str().unwrap()));
        Graph { packages: packages.map(Package::of).collect() }
    }
}

impl Package {
    fn of(package: &Value) -> Package {
        let text = |name: &str| package[name].as_str().map(str::to_string);
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let wildcards = dependencies
            .filter(|dependency| dependency["req"] == "*" && dependency["path"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap().to_string());
        Package {
            name: text("name").unwrap(),
            version: text("version").unwrap(),
            license: text("license"),
            source: text("source"),
            wildcards: wildcards.collect(),
        }
    }
}
