//! Where the binary is, built first if need be.

use anyhow::{Context as _, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which binary is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Program {
    /// The one that is shipped.
    #[default]
    Real,
    /// A build that can make the named mistake, and makes it: a negative control, which the suite must catch.
    Sabotaged(&'static str),
}

impl Program {
    /// Where it is; built at most once per process.
    ///
    /// # Errors
    /// When it can not be built or is not where cargo puts it.
    pub fn path(self) -> Result<PathBuf> {
        static REAL: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        static SABOTAGED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let found = match self {
            Self::Real => REAL.get_or_init(|| find("POSTLEDGER_BIN", "postledger", &[])),
            Self::Sabotaged(_) => SABOTAGED.get_or_init(|| {
                let options = ["--features", "sabotage"];
                find("POSTLEDGER_SABOTAGED_BIN", "postledger-sabotaged", &options)
            }),
        };
        found.clone().map_err(|error| anyhow!("no binary to test: {error}"))
    }

    /// A command of it that is free of the tester's own settings.
    pub(super) fn command(self) -> Result<Command> {
        let mut command = Command::new(self.path()?);
        super::setup::cleared(&mut command);
        if let Self::Sabotaged(mistake) = self {
            command.env("POSTLEDGER_SABOTAGE", mistake);
        }
        Ok(command)
    }
}

/// The binary under test: `POSTLEDGER_BIN`, or the one of this build's profile, brought up to date once per process.
///
/// # Errors
/// When it can not be built or is not where cargo puts it.
pub fn binary() -> Result<PathBuf> {
    Program::Real.path()
}

/// Given by a variable, or built.
fn find(variable: &str, name: &str, options: &[&str]) -> Result<PathBuf, String> {
    let found = match std::env::var_os(variable) {
        Some(binary) => {
            std::fs::canonicalize(&binary).with_context(|| format!("{variable}={}", binary.display()))
        }
        None => build(name, options),
    };
    found.map_err(|error| format!("{error:#}"))
}

/// Builds a binary of the command line's crate by this executable's own profile.
fn build(name: &str, options: &[&str]) -> Result<PathBuf> {
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
        .args(["build", "--quiet", "--package", "postledger-cli", "--bin", name, "--profile", profile])
        .args(options)
        .arg("--manifest-path")
        .arg(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")))
        .arg("--target-dir")
        .arg(target)
        .output()
        .context("cargo can not be run")?;
    if !built.status.success() {
        bail!("it does not build:\n{}", String::from_utf8_lossy(&built.stderr));
    }
    let binary = directory.join(name);
    if binary.is_file() { Ok(binary) } else { bail!("cargo built it, but not to {}", binary.display()) }
}
