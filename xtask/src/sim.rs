//! `cargo xtask sim`: the queue in virtual time, with people, relays and crashes that a seed decides.
//!
//! The walk is a test of the dispatcher, where the planner is; this builds it optimised and hands it its seeds.

use crate::Missed;
use crate::process::root;
use anyhow::{Context, Result};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// So many walks of 100,000 steps
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Walks, a line of figures for each seed. One that fails is repeated by its seed.
///
/// # Errors
/// A delivery did not end in time, or ended as what it is not: [`Missed`].
pub fn run(args: &Args) -> Result<()> {
    let test = ["test", "--quiet", "--release", "--package", "postledger-dispatcher", "--lib"];
    let status = Command::new("cargo")
        .args(test)
        .args(["planner::tests::termination", "--", "--nocapture"])
        .env("POSTLEDGER_SIM_SEED", args.seed.to_string())
        .env("POSTLEDGER_SIM_SEEDS", args.seeds.to_string())
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if status.success() {
        Ok(())
    } else {
        Err(Missed("a walk failed; its seed is the next one".into()).into())
    }
}
