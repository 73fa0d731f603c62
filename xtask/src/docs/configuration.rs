//! docs/configuration.md: what the program says of its own keys.

use crate::process::root;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Asks the program, so that what is read is what it checks by.
pub fn document() -> Result<String> {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--package", "postledger-cli", "--", "config", "schema"])
        .current_dir(root());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTLEDGER_"))
    {
        command.env_remove(name);
    }
    let output = command.output().context("cannot run the program")?;
    ensure!(output.status.success(), "config schema: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
