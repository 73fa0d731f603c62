//! The process dies, and perhaps the machine with it.
//!
//! The fault model. SIGKILL comes at any instant: between two answers, between two of the sink's replies, right after
//! the start, in the middle of one. A power cut is a SIGKILL after which the disk holds what was synced and nothing
//! else. The generator and the sink live on: they are other machines.

use super::Plan;
use super::figures::Figures;
use super::life::{Birth, Life};
use crate::dice::Dice;
use anyhow::Result;
use std::time::Duration;

/// So many faults to one data directory: a longer history would make the rounds slower, not different.
const ROUNDS_PER_LIFE: u64 = 20;
/// Messages between two faults, at most.
const MESSAGES: u64 = 300;
/// A start is cut short within this, in milliseconds: about as long as it takes.
const START_MS: u64 = 150;

/// SIGKILL, start, and so on.
pub(super) async fn kill(plan: &Plan, figures: &mut Figures) -> Result<()> {
    again_and_again(plan, figures, false).await
}

/// Power cut, start, and so on.
pub(super) async fn power_cut(plan: &Plan, figures: &mut Figures) -> Result<()> {
    again_and_again(plan, figures, true).await
}

async fn again_and_again(plan: &Plan, figures: &mut Figures, mirrored: bool) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let mut left = plan.rounds;
    while left > 0 {
        let mut life = Life::begin(plan, Birth { mirrored, ..Birth::default() }).await?;
        for _ in 0..left.min(ROUNDS_PER_LIFE) {
            strike(&mut life, &mut dice).await?;
            figures.add("rounds", 1);
            left -= 1;
        }
        life.accepts(20).await?;
        life.end(figures).await?;
    }
    Ok(())
}

/// Waits for the moment, strikes, and starts again.
pub(super) async fn strike(life: &mut Life, dice: &mut Dice) -> Result<()> {
    match dice.below(8) {
        // Right after it said that it listens.
        0 => {}
        1..=4 => life.accepts(dice.below(MESSAGES)).await?,
        _ => life.delivers(dice.below(MESSAGES)).await?,
    }
    life.cut()?;
    if dice.below(4) == 0 {
        // The process dies with the future that waits for its first word.
        let moment = Duration::from_millis(dice.below(START_MS));
        if tokio::time::timeout(moment, life.start()).await.is_err() {
            life.cut()?;
        }
    }
    life.start().await
}
