//! Orderly restarts, one after the other, as deploys make them.
//!
//! The fault model. SIGTERM comes at any instant between two answers or two of the sink's replies, and the service is
//! started again as soon as it has ended. The sink takes its time for each answer, so that attempts are in flight when
//! the signal comes, and never as long as `shutdown_grace`. The application keeps asking.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{Birth, Life};
use crate::dice::Dice;
use crate::sink::{Action, Rule, Script, Stage};
use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

/// So many restarts of one data directory: a longer history would make the rounds slower, not different.
const ROUNDS_PER_LIFE: u64 = 20;
/// Messages between two restarts, at most.
const MESSAGES: u64 = 200;
/// Messages per second. Restarts are made of a service that keeps up, not of a queue that grows.
const RATE: f64 = 400.0;

/// SIGTERM, start, and so on.
pub(super) async fn restarts(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let mut left = plan.rounds;
    while left > 0 {
        let late = Rule::at(Stage::Dot).then(Action::late(Duration::from_millis(30), 250, "2.0.0 taken"));
        let birth = Birth { script: Script::fast().rule(late), rate: Some(RATE), ..Birth::default() };
        let mut life = Life::begin(plan, birth).await?;
        for _ in 0..left.min(ROUNDS_PER_LIFE) {
            restart(&mut life, &mut dice, figures).await?;
            figures.add("rounds", 1);
            left -= 1;
        }
        life.accepts(20).await?;
        life.end(figures).await?;
        // Every relay answered in time: whoever stops in order knows what came of each attempt.
        if figures.of("unknown") > 0 {
            return Err(missed("an orderly stop left an attempt whose outcome is unknown"));
        }
    }
    Ok(())
}

async fn restart(life: &mut Life, dice: &mut Dice, figures: &mut Figures) -> Result<()> {
    match dice.below(8) {
        // Right after it said that it listens.
        0 => {}
        1..=4 => life.accepts(dice.below(MESSAGES)).await?,
        _ => life.delivers(dice.below(MESSAGES)).await?,
    }
    let signalled = Instant::now();
    let exit = life.service.terminate().await.map_err(|error| missed(format!("{error:#}")))?;
    if exit.code != Some(0) {
        return Err(missed(format!("no orderly stop: {exit}")));
    }
    life.start().await?;
    figures.greatest("slowest restart ms", u64::try_from(signalled.elapsed().as_millis())?);
    Ok(())
}
