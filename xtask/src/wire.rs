//! `cargo xtask wire`: from the request to the octets on the wire, read by others. See `tests/src/wire.rs`.

use crate::Missed;
use anyhow::Result;
use postledger_tests::service::Program;
use postledger_tests::wire::{self, Plan, Via};
use std::time::Duration;
use tokio::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    /// Letters, those that must be refused among them
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Reproduces the choices of an earlier run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Through a private Postfix that forbids bare newlines
    #[arg(long)]
    postfix: bool,
    /// Ends after so many minutes, with what there is until then
    #[arg(long)]
    minutes: Option<u64>,
}

/// Sends, reads, and prints the figures.
///
/// # Errors
/// Something was not as asked: [`Missed`].
pub fn run(args: &Args) -> Result<()> {
    let via = if args.postfix { Via::Postfix } else { Via::Sink };
    let plan = Plan { letters: args.messages, seed: args.seed, via, program: Program::Real };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let span = args.minutes.map_or(Duration::MAX, |minutes| Duration::from_secs(60 * minutes));
    let figures = runtime.block_on(wire::run_while(&plan, || began.elapsed() < span))?;
    println!("{figures}");
    match figures.missed() {
        None => Ok(()),
        Some(what) => Err(Missed(what).into()),
    }
}
