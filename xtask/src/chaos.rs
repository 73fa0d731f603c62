//! `cargo xtask chaos`: the real binary under load while the world around it fails. See `tests/src/chaos`.

use crate::Missed;
use anyhow::Result;
use postledger_tests::chaos::{self, Plan};

#[derive(clap::Args)]
pub struct Args {
    /// What fails
    scenario: Scenario,
    /// Faults to be made [default: 20; the whole matrix once]
    #[arg(long)]
    rounds: Option<u64>,
    /// Reproduces the choices of an earlier run
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Scenario {
    /// SIGKILL at any moment
    Kill,
    /// SIGKILL at any moment, and only what was synced is left
    PowerCut,
    /// The n-th sync or write of the ledger fails, for n from 1 to the rounds
    SyncFailure,
    /// No file can grow for a while
    DiskFull,
    /// A relay goes wrong at every stage in every way, all of them in each round
    SmtpMatrix,
    /// SIGKILL while twenty clients each submit with the same key, five keys a round
    Idempotency,
    /// SIGKILLs, and then the journal is folded here and elsewhere
    Replay,
    /// SIGTERM under load, and a start, as deploys do it
    Restarts,
    /// Mail that brings the process down whenever it is sent
    Poison,
    /// All relays are away for a while, with ten thousand messages waiting
    Outage,
    /// SIGKILLs while mail that lives for a minute waits for relays of every temper
    Termination,
    /// Builds that make a known mistake: each must be caught
    Controls,
}

/// Runs one scenario and prints its figures.
pub fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let scenario = match args.scenario {
        Scenario::Kill => chaos::Scenario::Kill,
        Scenario::PowerCut => chaos::Scenario::PowerCut,
        Scenario::SyncFailure => chaos::Scenario::SyncFailure,
        Scenario::DiskFull => chaos::Scenario::DiskFull,
        Scenario::SmtpMatrix => chaos::Scenario::SmtpMatrix,
        Scenario::Idempotency => chaos::Scenario::Idempotency,
        Scenario::Replay => chaos::Scenario::Replay,
        Scenario::Restarts => chaos::Scenario::Restarts,
        Scenario::Poison => chaos::Scenario::Poison,
        Scenario::Outage => chaos::Scenario::Outage,
        Scenario::Termination => chaos::Scenario::Termination,
        Scenario::Controls => return runtime.block_on(controls(args.seed)),
    };
    let rounds = args.rounds.unwrap_or(if scenario == chaos::Scenario::SmtpMatrix { 1 } else { 20 });
    let figures = runtime.block_on(chaos::run(scenario, &Plan::new(rounds, args.seed)))?;
    println!("{figures}");
    match figures.missed() {
        None => Ok(()),
        Some(what) => Err(Missed(what).into()),
    }
}

/// Prints what was found in each sabotaged build; one in which nothing was found is a suite that is blind.
async fn controls(seed: u64) -> Result<()> {
    let mut blind = Vec::new();
    for control in chaos::CONTROLS {
        let figures = control.run(seed).await?;
        let found = figures.missed().unwrap_or_else(|| "nothing was found".to_owned());
        println!("{}: {figures}: {}", control.mistake, found.lines().next().unwrap_or_default());
        if !control.is_caught(&figures) {
            blind.push(control.mistake);
        }
    }
    if blind.is_empty() { Ok(()) } else { Err(Missed(format!("not caught: {}", blind.join(", "))).into()) }
}
