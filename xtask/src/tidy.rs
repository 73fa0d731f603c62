//! `cargo xtask tidy`: the layering and the house rules, checked rather than hoped for.

mod layers;
mod sources;

use anyhow::{Result, bail};

/// Checks everything; the error lists every finding.
pub fn run() -> Result<()> {
    let findings = [layers::findings()?, sources::findings()?].concat();
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("{} findings", findings.len())
}
