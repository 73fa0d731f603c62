//! Who may depend on whom.

use crate::process::root;
use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Command;

/// What a crate of the workspace may use of the workspace, outside of its own tests.
const MAY_USE: &[(&str, &[&str])] = &[
    ("postledger-core", &[]),
    ("postledger-store", &["postledger-core"]),
    ("postledger-dispatcher", &["postledger-core"]),
    ("postledger-api", &["postledger-core"]),
    ("postledger-cli", &["postledger-core", "postledger-store", "postledger-dispatcher", "postledger-api"]),
    ("postledger-tests", &[]),
    (
        "postledger-targets",
        &["postledger-core", "postledger-store", "postledger-dispatcher", "postledger-api", "postledger-cli"],
    ),
    ("xtask", &["postledger-core", "postledger-tests"]),
];

/// Where a library may be used, tests included: the one crate that knows its subject.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["postledger-store"]),
    ("libsqlite3-sys", &["postledger-store"]),
    ("object_store", &["postledger-store"]),
    ("lettre", &["postledger-dispatcher"]),
    ("axum", &["postledger-api"]),
    ("clap", &["postledger-cli", "xtask"]),
    ("anyhow", &["postledger-cli", "xtask", "postledger-tests"]),
];

/// What core must not know: IO, runtime, clock, chance.
const NOT_IN_CORE: &[&str] = &["tokio", "serde", "serde_json", "getrandom", "rand", "tracing", "metrics"];

/// Dependencies that cross a layer.
pub fn findings() -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has packages")?;
    Ok(packages.iter().flat_map(of_package).collect())
}

fn of_package(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, may_use)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: not in the layering; say in xtask/src/tidy/layers.rs what it may use")];
    };
    let is_ours = |dependency: &str| MAY_USE.iter().any(|(known, _)| *known == dependency);
    let mut findings = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let used = dependency["name"].as_str().unwrap_or_default();
        let is_for_tests = dependency["kind"] == "dev";
        if is_ours(used) && !may_use.contains(&used) && !is_for_tests {
            findings.push(format!("{name} must not use {used}"));
        }
        if HOMES.iter().any(|(library, homes)| *library == used && !homes.contains(&name)) {
            findings.push(format!("{name} must not use {used}"));
        }
        if name == "postledger-core" && !is_for_tests && NOT_IN_CORE.contains(&used) {
            findings.push(format!("core must not know {used}"));
        }
    }
    findings
}
