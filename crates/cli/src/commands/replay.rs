//! `postledger replay`: folds the whole ledger, without any effect outside.

use super::audit;
use crate::args::Place;
use crate::exit::{Exit, Failure};
use crate::output;
use anyhow::Result;
use postledger_core::id::Hex;
use postledger_store::{Replayed, Until};
use serde_json::{Value, json};

/// Replays up to `until`; with `check`, also verifies the chain and compares the views.
///
/// # Errors
/// With exit code 5 where the history is broken, the balance is not zero, or the views differ.
pub async fn run(place: &Place, until: Option<Until>, check: bool) -> Result<Exit> {
    let until = until.unwrap_or(Until::End);
    let reader = audit::open(place).await?;
    let broken = |error: String| Failure::new(Exit::Verification, error);
    if check {
        reader.verify(&mut |_| {}).await.map_err(|error| broken(error.to_string()))?;
    }
    let replayed = reader.replay(until, &mut |_| {}).await.map_err(|error| broken(error.to_string()))?;
    let mut summary = summary(&replayed);
    let views = if check { Some(reader.check_views(&mut |_| {}).await?) } else { None };
    if let Some(views) = &views {
        summary["views"] = json!({
            "position": views.position.map(|position| position.0),
            "same": views.same, "surplus": views.surplus, "missing": views.missing,
        });
    }
    output::write(place.output, &summary, table)?;
    if replayed.balance != 0 {
        return Err(broken(format!("{} deliveries are neither open nor ended", replayed.balance)));
    }
    match views.filter(|views| !views.is_equal()) {
        Some(views) => Err(broken(format!(
            "the views are not what the ledger makes of them: {} rows too many, {} missing, such as of the messages at \
             positions {:?}. Delete views.db: it is rebuilt",
            views.surplus, views.missing, views.examples
        ))),
        None => Ok(Exit::Ok),
    }
}

/// What a replay comes to, as JSON.
pub fn summary(replayed: &Replayed) -> Value {
    let by_status: serde_json::Map<String, Value> =
        replayed.by_status.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
    json!({
        "position": replayed.position.0,
        "at": replayed.at.map(|at| at.to_string()),
        "hash": Hex(&replayed.hash).to_string(),
        "messages": replayed.messages,
        "deliveries": replayed.deliveries,
        "by_status": by_status,
        "open": replayed.open,
        "ended": replayed.finals,
        "balance": replayed.balance,
        "state_digest": Hex(&replayed.state_digest).to_string(),
    })
}

/// The same for people.
pub fn table(summary: &Value) -> String {
    let counts = summary["by_status"].as_object().into_iter().flatten();
    let counts: Vec<_> = counts.map(|(status, count)| format!("{count} {status}")).collect();
    let mut lines = vec![
        format!("position      {}", summary["position"]),
        format!("messages      {}", summary["messages"]),
        format!(
            "deliveries    {}{}",
            summary["deliveries"],
            if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) }
        ),
        format!("balance       {} (queued - ended - open)", summary["balance"]),
        format!("state digest  {}", summary["state_digest"].as_str().unwrap_or_default()),
    ];
    if let Some(views) = summary["views"].as_object() {
        lines.push(format!(
            "views         {} rows as the ledger makes them, {} not, up to position {}",
            views["same"],
            views["surplus"].as_u64().unwrap_or(0) + views["missing"].as_u64().unwrap_or(0),
            views["position"]
        ));
    }
    lines.join("\n")
}
