//! Running other programs.

use crate::Missed;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Runs a program in the root, shows what it prints, and fails as it fails.
pub fn run(program: &str, args: &[&str]) -> Result<()> {
    let shown = format!("{program} {}", args.join(" "));
    let status = Command::new(program).args(args).current_dir(root()).status();
    let status = status.with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Whether the program is on the path.
pub fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|dir| dir.join(program).is_file())
}

/// Runs the real binary, optimised, in the caller's directory.
pub fn postledger(verb: &[&str], options: &[String]) -> Result<()> {
    let manifest = root().join("Cargo.toml");
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", "postledger-cli", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(verb)
        .args(options)
        .status()
        .context("cannot run cargo")?;
    match status.code() {
        Some(0) => Ok(()),
        Some(5) => Err(Missed("what was verified does not hold".into()).into()),
        _ => bail!("postledger {}: {status}", verb.join(" ")),
    }
}
