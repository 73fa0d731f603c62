//! `cargo xtask dist`: the Debian package, with manual pages and completions.

use crate::process::{self, root};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Builds the optimised binary, lets it write its own pages and scripts, and packs all of it into `target/dist`.
pub fn run() -> Result<()> {
    // Without the second the package would not say which libraries it needs, and still be made.
    for (program, by) in [
        ("cargo-deb", "cargo install --locked cargo-deb"),
        ("dpkg-shlibdeps", "Debian: apt-get install dpkg-dev"),
    ] {
        if !process::exists(program) {
            bail!("missing: {program} ({by})");
        }
    }
    process::run(
        "cargo",
        &["build", "--locked", "--release", "--package", "postledger-cli", "--bin", "postledger"],
    )?;
    let dist = root().join("target/dist");
    // What an earlier build left would be packed too.
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    let completions = dist.join("completions");
    std::fs::create_dir_all(&completions)?;
    let pages = dist.join("man").display().to_string();
    written_by(&["manual", "--to", &pages])?;
    for (shell, file) in [("bash", "postledger.bash"), ("zsh", "_postledger"), ("fish", "postledger.fish")] {
        let path = completions.join(file);
        std::fs::write(&path, written_by(&["completions", shell])?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let package = ["deb", "--no-build", "--package", "postledger-cli", "--output", "target/dist/"];
    process::run("cargo", &package)
}

/// What the binary that was just built prints.
fn written_by(arguments: &[&str]) -> Result<Vec<u8>> {
    let binary = root().join(Path::new("target/release/postledger"));
    let output = Command::new(&binary).args(arguments).output();
    let output = output.with_context(|| format!("cannot run {}", binary.display()))?;
    if !output.status.success() {
        bail!("postledger {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}
