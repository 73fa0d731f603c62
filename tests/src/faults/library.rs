//! The C side, compiled when it is first needed.

use anyhow::{Context as _, Result, anyhow, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library to preload, built at most once for each version of its sources.
///
/// # Errors
/// When there is no C compiler, or the sources do not compile.
pub fn library() -> Result<PathBuf> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let flags = ["-shared", "-fPIC"];
    let sources = ["settings.c", "clock.c", "disk.c", "mirror.c"];
    let built =
        LIBRARY.get_or_init(|| compile("faults.so", &flags, &sources).map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!("no fault library: {error}"))
}

/// Compiles sources of `tests/faults` to a file beside this executable, named by what is in them.
pub(super) fn compile(name: &str, flags: &[&str], sources: &[&str]) -> Result<PathBuf> {
    let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/faults"));
    let mut hasher = blake3::Hasher::new();
    for source in sources.iter().chain(["faults.h"].iter()) {
        hasher.update(&std::fs::read(from.join(source)).with_context(|| (*source).to_owned())?);
    }
    let executable = std::env::current_exe()?;
    let directory = executable.parent().context("an executable has a directory")?;
    let built = directory.join(format!("postledger-{}-{name}", &hasher.finalize().to_hex()[..16]));
    if built.is_file() {
        return Ok(built);
    }
    // Others may be at it too: each builds its own, and the last rename wins with the same content.
    let scratch = tempfile::tempdir_in(directory)?;
    let mine = scratch.path().join(name);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(&compiler)
        .args(["-O2", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .args(sources.iter().map(|source| from.join(source)))
        .args([OsStr::new("-o"), mine.as_os_str(), OsStr::new("-ldl"), OsStr::new("-lpthread")])
        .output()
        .with_context(|| format!("a C compiler is needed, and {} can not be run", compiler.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(&mine, &built)?;
    Ok(built)
}
