//! Where the binary is, built first if need be.

use anyhow::{Context as _, Result, anyhow, bail};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The binary under test: `POSTLEDGER_BIN`, or the one of this build's profile, brought up to date once per process.
///
/// # Errors
/// When it can not be built or is not where cargo puts it.
pub fn binary() -> Result<PathBuf> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = BINARY.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.clone().map_err(|error| anyhow!("no binary to test: {error}"))
}

fn find() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("POSTLEDGER_BIN") {
        return std::fs::canonicalize(&binary)
            .with_context(|| format!("POSTLEDGER_BIN={}", binary.display()));
    }
    // Test executables lie in target/PROFILE/deps, commands in target/PROFILE.
    let executable = std::env::current_exe()?;
    let mut directory = executable.parent().context("an executable has a directory")?;
    if directory.ends_with("deps") {
        directory = directory.parent().context("deps has a parent")?;
    }
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => bail!("{} is no target directory", directory.display()),
    };
    let target = directory.parent().context("a profile has a parent")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "postledger-cli",
            "--bin",
            "postledger",
            "--profile",
            profile,
        ])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .arg("--target-dir")
        .arg(target)
        .output()
        .context("cargo can not be run")?;
    if !built.status.success() {
        bail!("it does not build:\n{}", String::from_utf8_lossy(&built.stderr));
    }
    let binary = directory.join("postledger");
    if binary.is_file() { Ok(binary) } else { bail!("cargo built it, but not to {}", binary.display()) }
}
