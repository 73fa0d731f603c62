//! The whole table of G4: where it goes wrong, how, what the message asks for, and whether the service dies there.
//!
//! The fault model is the sink's: a peer may say anything at any speed and vanish at any byte. In the cells with a kill
//! the first attempt finds a peer that is silent at the stage, and SIGKILL comes while both sit there; the next attempt
//! after the restart meets what the cell is about. The text of the cells of [`Stage::Body`] is larger than all socket
//! buffers, so that the body is unfinished for certain; elsewhere it is small. No deadline can pass but the one that a
//! cell is about, and the kill comes when sink and ledger have been seen to be where the cell wants them: what is expected
//! does not depend on how busy the machine is.
//!
//! Beside the table stand the late answers: a reply to one dot that comes when the next message's is waited for.

mod account;
mod expected;
mod grid;
mod late;

use super::Plan;
use super::figures::{Figures, Missed};
use crate::dice::Dice;
use crate::sink::{Action, Stage};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Services at the same time. Each has twenty relays, and most of its time waits.
const SERVICES: usize = 6;
/// The deadline of a cell whose peer lets it pass.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where.
pub(super) const STAGES: [Stage; 9] = [
    Stage::Banner,
    Stage::Ehlo,
    Stage::Starttls,
    Stage::Auth,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Body,
    Stage::Dot,
];

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Transient,
    Permanent,
    Close,
    Reset,
    Hang,
    Drip,
    Garbage,
    Late,
    GoOn,
    Megabyte,
}

const WAYS: [Way; 10] = [
    Way::Transient,
    Way::Permanent,
    Way::Close,
    Way::Reset,
    Way::Hang,
    Way::Drip,
    Way::Garbage,
    Way::Late,
    Way::GoOn,
    Way::Megabyte,
];

/// What follows an unknown attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Retry,
    Hold,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    stage: Stage,
    way: Way,
    policy: Policy,
    killed: bool,
}

impl Way {
    fn action(self, stage: Stage) -> Action {
        let good = match stage {
            Stage::Banner | Stage::Starttls => 220,
            Stage::Auth => 235,
            Stage::Data => 354,
            Stage::Ehlo | Stage::Mail | Stage::Rcpt | Stage::Body | Stage::Dot | Stage::Quit => 250,
        };
        match self {
            Self::Transient => Action::reply(451, "4.3.0 later"),
            Self::Permanent => Action::reply(554, "5.7.1 never"),
            Self::Close => Action::Close,
            Self::Reset => Action::Reset,
            // Whoever is to be kept in the body must not be able to finish it.
            Self::Hang if stage == Stage::Body => Action::StopReading,
            Self::Hang => Action::Hang,
            Self::Drip => Action::drip(TIMEOUT / 4, good, "2.0.0 a reply at four bytes a second"),
            Self::Garbage => Action::garbage(),
            Self::Late => Action::late(TIMEOUT * 2, good, "2.0.0 ok, if you are still there"),
            Self::GoOn => Action::reply(354, "go on"),
            Self::Megabyte => Action::megabyte_line(good),
        }
    }
}

/// The cells of these stages, `rounds` times. What is missed in one cell does not keep the others from being looked at.
pub(super) async fn matrix(plan: &Plan, stages: &[Stage], figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    for _ in 0..plan.rounds {
        let places = Arc::new(Semaphore::new(SERVICES));
        let mut grids = JoinSet::new();
        if stages.contains(&Stage::Dot) {
            let (plan, places) = (*plan, Arc::clone(&places));
            grids.spawn(async move {
                let _place = places.acquire().await?;
                late::run(&plan).await.context("late answers")
            });
        }
        for &stage in stages {
            for killed in [false, true] {
                let (plan, places) = (*plan, Arc::clone(&places));
                let cells = cells(stage, killed, &mut dice);
                grids.spawn(async move {
                    let _place = places.acquire().await?;
                    let run = grid::run(&plan, stage, killed, cells).await;
                    run.with_context(|| format!("{stage:?}{}", if killed { ", killed" } else { "" }))
                });
            }
        }
        while let Some(grid) = grids.join_next().await {
            match grid? {
                Ok(found) => found.count(figures),
                Err(error) if error.is::<Missed>() => figures.miss(format!("{error:#}")),
                Err(error) => return Err(error),
            }
        }
        figures.add("rounds", 1);
    }
    Ok(())
}

/// The cells of one service, in an order of the seed's.
fn cells(stage: Stage, killed: bool, dice: &mut Dice) -> Vec<Cell> {
    let all = WAYS.into_iter().flat_map(|way| [Policy::Retry, Policy::Hold].map(|policy| (way, policy)));
    let mut cells: Vec<_> = all.map(|(way, policy)| Cell { stage, way, policy, killed }).collect();
    for at in (1..cells.len()).rev() {
        let other = usize::try_from(dice.below(at as u64 + 1)).unwrap_or_default();
        cells.swap(at, other);
    }
    cells
}
