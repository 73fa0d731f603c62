//! `cargo xtask ci`: what must pass before a change lands.

use crate::process;
use crate::{docs, test, tidy};
use anyhow::Result;

/// Runs every check in the order in which they fail fastest.
fn checks() -> Result<()> {
    process::run("cargo", &["fmt", "--all", "--check"])?;
    process::run(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"],
    )?;
    process::run("cargo", &["deny", "check", "bans", "licenses", "sources"])?;
    tidy::run()?;
    docs::run(&docs::Args { check: true })
}

/// The checks, then all tests.
pub fn run() -> Result<()> {
    checks()?;
    test::run(&test::Args { install: true })
}
