//! The disk fails at the n-th sync or write.
//!
//! The fault model. One fsync, fdatasync or write of the ledger's files fails with EIO, once: the kernel then takes the
//! pages for clean, and the same call made again succeeds without having written them. Or half of a write reaches the
//! file and the process dies in it. After that power goes, so that what the failed call wrote is gone; or it does not,
//! and it comes back.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{Birth, Life};
use crate::dice::Dice;
use crate::faults::Faults;
use crate::service::{Exit, Started};
use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// From the failed call to the end of the process.
const BAR: Duration = Duration::from_secs(1);
/// A batch is written in several calls; so the n-th of them comes about as early as the n-th sync.
const WRITES_PER_SYNC: u64 = 4;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Sync,
    Write,
    CutWrite,
}

/// One data directory for each n from 1 to `rounds`.
pub(super) async fn sync_failure(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    for nth in 1..=plan.rounds {
        for fault in [Fault::Sync, Fault::Write, Fault::CutWrite] {
            let power_goes = dice.below(2) == 0;
            fail(plan, figures, fault, nth, power_goes)
                .await
                .with_context(|| format!("{fault:?} {nth}, power cut {power_goes}"))?;
        }
        figures.add("rounds", 1);
    }
    Ok(())
}

async fn fail(plan: &Plan, figures: &mut Figures, fault: Fault, nth: u64, power_goes: bool) -> Result<()> {
    let faults = Faults::new()?.on("/ledger.db");
    let faults = match fault {
        Fault::Sync => faults.fail_sync(nth),
        Fault::Write => faults.fail_write(nth * WRITES_PER_SYNC),
        Fault::CutWrite => faults.cut_write(nth * WRITES_PER_SYNC),
    };
    let birth = Birth { mirrored: true, faults: Some(faults), connections: 8, ..Birth::default() };
    let mut life = Life::prepare(plan, birth).await?;
    let exit = match life.service.try_start().await? {
        Started::Listening => life.service.ended().await.map_err(|error| missed(format!("{error:#}")))?,
        Started::Refused(exit) => exit,
    };
    let stopped = Duration::try_from(clock_gettime(ClockId::Monotonic))?;
    judge(&life, figures, fault, nth, &exit, stopped)?;
    figures.add("faults", 1);
    life.service.environment(Vec::new());
    if power_goes {
        life.cut()?;
    }
    life.start().await?;
    life.accepts(20).await?;
    life.end(figures).await?;
    Ok(())
}

/// What was refused or acknowledged the oracle knows; here, how the process ended.
fn judge(
    life: &Life,
    figures: &mut Figures,
    fault: Fault,
    nth: u64,
    exit: &Exit,
    stopped: Duration,
) -> Result<()> {
    let faults = life.faults.as_ref().context("a life with faults")?;
    let injected = faults.injected()?;
    let [line] = &injected[..] else {
        return Err(missed(format!("{} faults instead of one: {injected:#?}\n{exit}", injected.len())));
    };
    if fault == Fault::CutWrite {
        return Ok(());
    }
    if exit.code.is_none_or(|code| code == 0) || exit.stderr.is_empty() {
        return Err(missed(format!("it did not end by itself and say why: {exit}")));
    }
    let micros = line.rsplit(' ').next().and_then(|at| at.parse().ok()).context("a fault has its time")?;
    let lasted = stopped.saturating_sub(Duration::from_micros(micros));
    figures.greatest("slowest stop ms", u64::try_from(lasted.as_millis())?);
    if lasted > BAR {
        return Err(missed(format!("it lived on for {lasted:?} after the fault: {exit}")));
    }
    let syncs = faults.counts()?.syncs;
    if fault == Fault::Sync && syncs != nth {
        let again = syncs - nth;
        return Err(missed(format!("{again} syncs of the ledger after the one that failed: {line}\n{exit}")));
    }
    Ok(())
}
