//! `cargo xtask docs`: the documents that come from code.

mod configuration;
mod events;
mod outcomes;
mod states;

use crate::process::root;
use anyhow::{Context, Result, bail};

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail if a document is not what the code says
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks every generated document.
pub fn run(args: &Args) -> Result<()> {
    let documents = [
        ("docs/configuration.md", configuration::document()?),
        ("docs/events.md", events::document()?),
        ("docs/outcomes.md", outcomes::document()),
        ("docs/state-diagram.md", states::document()),
    ];
    for (file, text) in documents {
        let path = root().join(file);
        let present = std::fs::read_to_string(&path).unwrap_or_default();
        if present == text {
            continue;
        }
        if args.check {
            bail!("{file} is not what the code says: run `cargo xtask docs`");
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(())
}
