//! `cargo xtask sim`: the queue in virtual time, with relays, recipients, people and crashes that a seed decides.
//!
//! The simulation is a test of the dispatcher, where the planner is; this builds it optimised and hands it its seeds.

use crate::Missed;
use crate::process::root;
use anyhow::{Context, Result};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// So many seeds, each with every play and a walk
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps of each walk to the end of everything
    #[arg(long, default_value_t = 2000)]
    steps: u32,
}

/// Plays, and prints a line of figures. What broke a law is named with its seed.
///
/// # Errors
/// A law was broken: [`Missed`].
pub fn run(args: &Args) -> Result<()> {
    let test = ["test", "--quiet", "--release", "--package", "postledger-dispatcher", "--lib"];
    let status = Command::new("cargo")
        .args(test)
        .args(["planner::tests::sim::every_seed_keeps_the_laws", "--", "--nocapture"])
        .env("POSTLEDGER_SIM_SEED", args.seed.to_string())
        .env("POSTLEDGER_SIM_SEEDS", args.seeds.to_string())
        .env("POSTLEDGER_SIM_STEPS", args.steps.to_string())
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if status.success() { Ok(()) } else { Err(Missed("a law of the queue was broken".into()).into()) }
}
