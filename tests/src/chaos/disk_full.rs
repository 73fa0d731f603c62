//! The disk is full, and later it is not.
//!
//! The fault model. From a moment on no file of the data directory can grow: ENOSPC. What lies inside a file can still
//! be written, as on a disk without quotas and copies on write. Then there is space again. The process is not touched,
//! and nobody tells it. The sink takes its time for each answer, so that attempts are in flight when space ends.

use super::Plan;
use super::dice::Dice;
use super::figures::{Figures, missed};
use super::life::{Birth, Life, PATIENCE};
use crate::faults::Faults;
use crate::sink::{Action, Rule, Script, Stage};
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::Instant;

/// From the return of space to the first 202.
const BAR: Duration = Duration::from_secs(30);
const ROUNDS_PER_LIFE: u64 = 10;
/// Messages between two full disks, at most.
const MESSAGES: u64 = 200;
/// Refusals before space returns, at most.
const REFUSALS: u64 = 200;
/// Messages per second: a refusal is quick, and must not become the whole load.
const RATE: f64 = 200.0;

/// Full, space, full, and so on.
pub(super) async fn disk_full(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let mut left = plan.rounds;
    while left > 0 {
        let life = begin(plan).await?;
        for _ in 0..left.min(ROUNDS_PER_LIFE) {
            life.accepts(dice.below(MESSAGES)).await?;
            let faults = life.faults.as_ref().context("a life with faults")?;
            faults.engage()?;
            let refused = life.load.refused() + 1 + dice.below(REFUSALS);
            if !life.load.refuses(refused, PATIENCE).await {
                return Err(missed(format!("no refusals on a full disk within {PATIENCE:?}")));
            }
            faults.release()?;
            let returned = Instant::now();
            if !life.load.reaches(life.load.accepted() + 1, BAR).await {
                return Err(missed(format!("nothing was accepted within {BAR:?} of space returning")));
            }
            figures.greatest("slowest recovery ms", u64::try_from(returned.elapsed().as_millis())?);
            figures.add("rounds", 1);
            left -= 1;
        }
        figures.add("refused", life.load.refused());
        let unknown = figures.of("unknown");
        life.end(figures).await?;
        // Nothing was killed: every outcome was known, and must have found its place.
        if figures.of("unknown") != unknown {
            return Err(missed("an outcome of an attempt in flight was not recorded"));
        }
    }
    Ok(())
}

async fn begin(plan: &Plan) -> Result<Life> {
    let faults = Faults::new()?.on("/data/").space(0).switched()?;
    faults.release()?;
    let late = Rule::at(Stage::Dot).then(Action::late(Duration::from_millis(30), 250, "2.0.0 taken"));
    let script = Script::fast().rule(late);
    let birth = Birth { script, faults: Some(faults), rate: Some(RATE), ..Birth::default() };
    Life::begin(plan, birth).await
}
