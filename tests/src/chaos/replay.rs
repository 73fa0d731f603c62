//! After kills under load: the state is a function of the journal and of nothing else.
//!
//! No fault is injected while the journal is folded. What is varied is everything that must not matter: where the files
//! lie, how often they were read, whether the views are there.

use super::Plan;
use super::figures::{Figures, missed};
use super::kill::strike;
use super::life::{Birth, Life};
use crate::dice::Dice;
use crate::service::{Exit, Service};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;

const ROUNDS_PER_LIFE: u64 = 5;

/// Kills, then replays: twice here, on a copy elsewhere, without the views, and after they were rebuilt.
pub(super) async fn replay(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let mut left = plan.rounds;
    while left > 0 {
        let mut life = Life::begin(plan, Birth::default()).await?;
        for _ in 0..left.min(ROUNDS_PER_LIFE) {
            strike(&mut life, &mut dice).await?;
            figures.add("rounds", 1);
            left -= 1;
        }
        let mut service = life.end(figures).await?;
        compare(&mut service, figures).await?;
    }
    Ok(())
}

async fn compare(service: &mut Service, figures: &mut Figures) -> Result<()> {
    let here = service.data_dir();
    let (state, position) = fold(service, &here, &["replay"]).await?;
    let until = position.to_string();
    let elsewhere = tempfile::tempdir()?;
    copy(&here, elsewhere.path())?;
    let mut same = vec![
        ("the second time", fold(service, &here, &["replay", "--check"]).await?),
        ("elsewhere", fold(service, elsewhere.path(), &["replay", "--check"]).await?),
    ];
    remove_views(elsewhere.path())?;
    same.push(("without views", fold(service, elsewhere.path(), &["replay"]).await?));
    remove_views(&here)?;
    service.start().await.map_err(|error| missed(format!("{error:#}")))?;
    let rebuilt = service.get_until("/v1/messages?limit=1", |list| list["data"].is_array()).await;
    rebuilt.map_err(|error| missed(format!("{error:#}")))?;
    service.terminate().await?;
    same.push(("views rebuilt", fold(service, &here, &["replay", "--check", "--until", &until]).await?));
    for (how, (digest, at)) in same {
        figures.add("replays", 1);
        if (&digest, at) != (&state, position) {
            return Err(missed(format!("{how}: state {digest} at {at}, not {state} at {position}")));
        }
    }
    Ok(())
}

/// The digest of the state, and where the journal ends.
async fn fold(service: &Service, data_dir: &Path, arguments: &[&str]) -> Result<(String, u64)> {
    let exit: Exit = service.run_on(data_dir, arguments).await?;
    if exit.code != Some(0) {
        return Err(missed(format!("{}: {exit}", arguments.join(" "))));
    }
    let account: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.stdout.clone())?;
    let digest = account["state_digest"].as_str().context("a replay has a digest")?;
    Ok((digest.to_owned(), account["position"].as_u64().context("a replay has a position")?))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn remove_views(data_dir: &Path) -> Result<()> {
    for file in ["views.db", "views.db-wal", "views.db-shm"] {
        let path = data_dir.join(file);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
