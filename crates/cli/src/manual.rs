//! What is made of the command line itself: completions for shells, and manual pages.

use crate::args::Args;
use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io;
use std::path::{Path, PathBuf};

/// The script that makes `shell` complete the command line.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "postledger", &mut script);
    script
}

/// Writes a manual page for the program and one for each verb into `dir`, which is made; gives their paths.
///
/// # Errors
/// A page cannot be written.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut command = without_help(Args::command());
    command.build();
    let mut written = Vec::new();
    pages(&command, dir, &mut written).with_context(|| format!("cannot write into {}", dir.display()))?;
    Ok(written)
}

/// `help` needs no page: each page is one.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

fn pages(command: &Command, dir: &Path, written: &mut Vec<PathBuf>) -> io::Result<()> {
    written.push(page(command).generate_to(dir)?);
    let mut verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    verbs.try_for_each(|verb| pages(verb, dir, written))
}

fn page(command: &Command) -> Man {
    let source = concat!("postledger ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).manual("Postledger").source(source)
}
