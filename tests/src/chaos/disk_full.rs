//! The disk is full, or as good as full, and later it is not.
//!
//! The fault model, in two kinds that take turns. *Full*: from a moment on no file of the data directory can grow, ENOSPC.
//! What lies inside a file can still be written, as on a disk without quotas and copies on write. *Scarce*: files grow as
//! before, but who asks is told that less is left than the reserve. Then there is space again. The process is not
//! touched, and nobody tells it. The sink takes its time for each answer, so that attempts are in flight when space ends.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{Birth, Life, PATIENCE};
use crate::dice::Dice;
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
/// Bytes that are said to be left: below the reserve of 64 MiB.
const SCARCE: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Full,
    Scarce,
}

/// Full, space, full, and so on; then the same with scarce, in another data directory.
pub(super) async fn disk_full(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let mut left = plan.rounds;
    // Few rounds are shared evenly.
    let rounds_per_life = ROUNDS_PER_LIFE.min(plan.rounds.div_ceil(2));
    for space in [Space::Full, Space::Scarce].into_iter().cycle() {
        if left == 0 {
            break;
        }
        let rounds = left.min(rounds_per_life);
        live(plan, space, rounds, &mut dice, figures).await.with_context(|| format!("{space:?}"))?;
        left -= rounds;
    }
    Ok(())
}

async fn live(plan: &Plan, space: Space, rounds: u64, dice: &mut Dice, figures: &mut Figures) -> Result<()> {
    let life = begin(plan, space).await?;
    let faults = life.faults.as_ref().context("a life with faults")?;
    for _ in 0..rounds {
        life.accepts(dice.below(MESSAGES)).await?;
        faults.engage()?;
        let refused = life.load.refused() + 1 + dice.below(REFUSALS);
        if !life.load.refuses(refused, PATIENCE).await {
            return Err(missed(format!("no refusals on a full disk within {PATIENCE:?}")));
        }
        if space == Space::Scarce {
            stands_still_and_empties(&life).await?;
        }
        faults.release()?;
        let returned = Instant::now();
        if !life.load.reaches(life.load.accepted() + 1, BAR).await {
            return Err(missed(format!("nothing was accepted within {BAR:?} of space returning")));
        }
        figures.greatest("slowest recovery ms", u64::try_from(returned.elapsed().as_millis())?);
        figures.add("rounds", 1);
    }
    if faults.counts()?.injected == 0 {
        return Err(missed("no fault reached the service"));
    }
    figures.add("refused", life.load.refused());
    let unknown = figures.of("unknown");
    life.end(figures).await?;
    // Nothing was killed: every outcome was known, and must have found its place.
    if figures.of("unknown") != unknown {
        return Err(missed("an outcome of an attempt in flight was not recorded"));
    }
    Ok(())
}

/// Below the reserve what was accepted before is delivered and recorded, and nothing more is accepted.
async fn stands_still_and_empties(life: &Life) -> Result<()> {
    life.service.drained(PATIENCE).await.map_err(|error| missed(format!("below the reserve: {error:#}")))?;
    let accepted = life.load.accepted();
    if !life.load.refuses(life.load.refused() + REFUSALS / 4, PATIENCE).await {
        return Err(missed("below the reserve there are no refusals any more"));
    }
    if life.load.accepted() != accepted {
        return Err(missed("something was accepted below the reserve"));
    }
    Ok(())
}

async fn begin(plan: &Plan, space: Space) -> Result<Life> {
    let faults = Faults::new()?.on("/data");
    let faults = match space {
        Space::Full => faults.space(0),
        Space::Scarce => faults.free(SCARCE),
    };
    let faults = faults.switched()?;
    faults.release()?;
    let late = Rule::at(Stage::Dot).then(Action::late(Duration::from_millis(30), 250, "2.0.0 taken"));
    let script = Script::fast().rule(late);
    let birth = Birth { script, faults: Some(faults), rate: Some(RATE), ..Birth::default() };
    Life::begin(plan, birth).await
}
