//! `cargo xtask test`: all tests. What they need and is missing is named, or installed.

use crate::process::{self, root};
use anyhow::{Context, Result, bail};
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Install what is missing, with apt-get and pip
    #[arg(long)]
    pub install: bool,
}

/// A program that tests start, with the Debian package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("smtp-sink", "postfix"),
    ("postfix", "postfix"),
    ("sqlite3", "sqlite3"),
    ("script", "bsdutils"),
    ("curl", "curl"),
    ("python3", "python3-venv"),
];

/// Where Python packages go that tests need: `tests/src/python.rs` knows the same place.
const PYTHON: &str = "target/python";
/// The packages.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Runs all tests.
pub fn run(args: &Args) -> Result<()> {
    provide(args.install)?;
    provide_python(args.install)?;
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
        NEEDED.iter().filter(|(program, _)| !is_there(program)).copied().unzip();
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

/// Debian's Python comes without what makes a private place for packages.
fn is_there(program: &str) -> bool {
    let makes_places = || process::run("python3", &["-c", "import ensurepip, venv"]).is_ok();
    process::exists(program) && (program != "python3" || makes_places())
}

/// A private place for the Python packages. A copy of the list beside them tells what is there.
fn provide_python(install: bool) -> Result<()> {
    let (place, list) = (root().join(PYTHON), root().join(REQUIREMENTS));
    let wanted = std::fs::read(&list).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let installed = place.join("requirements.txt");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if !install {
        bail!("missing: the Python packages of {REQUIREMENTS} (--install puts them into {PYTHON})");
    }
    let path = |path: &Path| path.display().to_string();
    process::run("python3", &["-m", "venv", "--clear", &path(&place)])?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", &path(&list)];
    process::run(&path(&place.join("bin/python")), &pip)?;
    std::fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}
