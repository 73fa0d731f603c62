//! `postledger replay`: folds the whole ledger, without any effect outside.

use super::audit;
use crate::args::Place;
use crate::exit::{Exit, Failure};
use crate::output::progress::Progress;
use crate::output::{self, count, paint, text, time};
use anyhow::Result;
use postledger_core::id::{Hex, Position};
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
        audit::verified(&reader).await.map_err(|error| broken(error.to_string()))?;
    }
    let head = reader.head().await?.position;
    let end = if let Until::Position(position) = until { position.min(head) } else { head };
    let progress = Progress::over("replaying", Position(0), end);
    let replayed = reader.replay(until, &mut |position| progress.at(position)).await;
    let replayed = replayed.map_err(|error| broken(error.to_string()))?;
    let mut summary = summary(&replayed);
    let views = if check {
        progress.goes_on("comparing the views", Position(0), head);
        Some(reader.check_views(&mut |position| progress.at(position)).await?)
    } else {
        None
    };
    drop(progress);
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
    let row = |name: &str, value: String| format!("{name:<14}{value}");
    let counts = summary["by_status"].as_object().into_iter().flatten();
    let counts: Vec<_> = counts.map(|(status, count)| format!("{count} {}", paint::state(status))).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    let balance = match summary["balance"].as_i64() {
        Some(0) => "0: each delivery is open or has ended, none both".to_owned(),
        _ => paint::error(&text(&summary["balance"])),
    };
    let mut lines = vec![
        row("position", format!("{}, {} UTC", summary["position"], time::moment(&summary["at"]))),
        row("messages", text(&summary["messages"])),
        row("deliveries", format!("{}{counts}", summary["deliveries"])),
        row("balance", balance),
        row("state digest", text(&summary["state_digest"])),
    ];
    if let Some(views) = summary["views"].as_object() {
        let differing = views["surplus"].as_u64().unwrap_or(0) + views["missing"].as_u64().unwrap_or(0);
        lines.push(row(
            "views",
            match (&views["position"], differing) {
                (Value::Null, _) => "none yet: the service makes them".to_owned(),
                (position, 0) => format!(
                    "{} are what the ledger says, up to position {position}",
                    count(views["same"].as_u64().unwrap_or(0), "row", "rows")
                ),
                (position, _) => {
                    format!("{differing} of {} rows differ, up to position {position}", views["same"])
                }
            },
        ));
    }
    lines.join("\n")
}
