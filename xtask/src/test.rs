//! `cargo xtask test`: all tests. What they need and is missing is named, or installed.

use crate::process;
use anyhow::{Result, bail};

#[derive(clap::Args)]
pub struct Args {
    /// Install what is missing, with apt-get
    #[arg(long)]
    pub install: bool,
}

/// A program that tests start, with the Debian package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("smtp-sink", "postfix"),
    ("sqlite3", "sqlite3"),
    ("script", "bsdutils"),
    ("curl", "curl"),
];

/// Runs all tests.
pub fn run(args: &Args) -> Result<()> {
    provide(args.install)?;
    // The black-box tests drive the real binary, built by the same profile into the same target directory.
    process::run("cargo", &["build", "--quiet", "--package", "postledger-cli"])?;
    let sabotaged = ["--features", "sabotage", "--bin", "postledger-sabotaged"];
    let build = ["build", "--quiet", "--package", "postledger-cli"];
    process::run("cargo", &[&build[..], &sabotaged[..]].concat())?;
    // Not all features: `sabotage` is for the negative controls, which build it for themselves.
    process::run("cargo", &["test", "--workspace", "--features", "postledger-core/memory"])
}

fn provide(install: bool) -> Result<()> {
    let (programs, packages): (Vec<&str>, Vec<&str>) =
        NEEDED.iter().filter(|(program, _)| !process::exists(program)).copied().unzip();
    if programs.is_empty() {
        return Ok(());
    }
    if !install {
        bail!(
            "missing: {} (Debian: apt-get install {}; or --install)",
            programs.join(", "),
            packages.join(" ")
        );
    }
    process::run("apt-get", &["update", "-qq"])?;
    let install =
        ["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"];
    process::run("env", &[&install[..], &packages[..]].concat())
}
