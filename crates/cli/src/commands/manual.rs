//! `postledger completions` and `postledger manual`.

use crate::args::Place;
use crate::exit::Exit;
use crate::{manual, output};
use anyhow::Result;
use clap_complete::Shell;
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Prints a shell's script.
///
/// # Errors
/// stdout cannot be written.
pub fn completions(shell: Shell) -> Result<Exit> {
    output::unless_closed(std::io::stdout().lock().write_all(&manual::completions(shell)))?;
    Ok(Exit::Ok)
}

/// Writes the manual pages.
///
/// # Errors
/// One of them cannot be written.
pub fn write(place: &Place, dir: &Path) -> Result<Exit> {
    let pages = manual::write(dir)?;
    output::write(place.output, &json!({ "pages": pages }), |_| {
        format!("{} pages in {}", pages.len(), dir.display())
    })?;
    Ok(Exit::Ok)
}
