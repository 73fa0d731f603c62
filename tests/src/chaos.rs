//! Chaos: the real binary under load while the world around it fails, again and again, judged by the oracle.
//!
//! Each scenario is a function of a [`Plan`]: its seed reproduces every choice. Moments are counted in answered
//! messages or in stages that the sink sees, not in seconds, but for kills during a start. The long runs
//! (`cargo xtask chaos`) and the short ones of the test command call the same code.

mod controls;
mod disk_full;
mod figures;
mod idempotency;
mod kill;
mod life;
mod matrix;
mod outage;
mod poison;
mod replay;
mod restarts;
mod sync_failure;
mod termination;

pub use controls::{CONTROLS, Control};
pub(crate) use figures::missed;
pub use figures::{Figures, Missed};

use crate::service::Program;
use crate::sink::Stage;
use anyhow::Result;

/// How often, from which seed, and which binary.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Faults that are made, or what the scenario calls a round.
    pub rounds: u64,
    /// Of every choice.
    pub seed: u64,
    /// The real one, or one that makes a known mistake.
    pub program: Program,
}

impl Plan {
    /// For the binary that is shipped.
    #[must_use]
    pub fn new(rounds: u64, seed: u64) -> Self {
        Self { rounds, seed, program: Program::Real }
    }
}

/// What is done to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// SIGKILL at any moment (G1, G4).
    Kill,
    /// SIGKILL, and only what was synced is left (G1).
    PowerCut,
    /// The n-th sync or write of the ledger fails, for n from 1 (G2).
    SyncFailure,
    /// No file can grow for a while (G3).
    DiskFull,
    /// A relay goes wrong at every stage in every way (G4, G6).
    SmtpMatrix,
    /// The part of it that is about the reply to the dot.
    SmtpDot,
    /// Keys from twenty clients each at once, and SIGKILL in between (G10).
    Idempotency,
    /// After kills, the journal gives the same state wherever and however often it is folded (G12).
    Replay,
    /// SIGTERM under load, and a start, as deploys do it.
    Restarts,
    /// A message that brings the process down whenever it is sent (G19).
    Poison,
    /// All relays are away for a while, with ten thousand messages waiting (G18).
    Outage,
    /// The same with fewer, and not for long.
    ShortOutage,
    /// Lives of a minute, relays of every temper, and kills (G8).
    Termination,
}

/// Runs a scenario. What it found stands in the figures; a bar that was missed ends it.
///
/// # Errors
/// When the run itself could not be made, which says nothing about the service.
pub async fn run(scenario: Scenario, plan: &Plan) -> Result<Figures> {
    let mut figures = Figures::new(plan.seed);
    let done = match scenario {
        Scenario::Kill => kill::kill(plan, &mut figures).await,
        Scenario::PowerCut => kill::power_cut(plan, &mut figures).await,
        Scenario::SyncFailure => sync_failure::sync_failure(plan, &mut figures).await,
        Scenario::DiskFull => disk_full::disk_full(plan, &mut figures).await,
        Scenario::SmtpMatrix => matrix::matrix(plan, &matrix::STAGES, &mut figures).await,
        Scenario::SmtpDot => matrix::matrix(plan, &[Stage::Dot], &mut figures).await,
        Scenario::Idempotency => idempotency::idempotency(plan, &mut figures).await,
        Scenario::Replay => replay::replay(plan, &mut figures).await,
        Scenario::Poison => poison::poison(plan, &mut figures).await,
        Scenario::Outage => outage::outage(plan, false, &mut figures).await,
        Scenario::ShortOutage => outage::outage(plan, true, &mut figures).await,
        Scenario::Termination => termination::termination(plan, &mut figures).await,
        Scenario::Restarts => restarts::restarts(plan, &mut figures).await,
    };
    match done {
        Ok(()) => Ok(figures),
        Err(error) if error.is::<Missed>() => {
            figures.miss(format!("{error:#}"));
            Ok(figures)
        }
        Err(error) => Err(error),
    }
}
