//! `postledger queue`: what has not ended, from the ledger.

use super::audit;
use crate::args::Place;
use crate::exit::Exit;
use crate::output;
use anyhow::Result;
use postledger_core::clock::Clock;
use postledger_core::delivery::Status;
use postledger_core::event::HoldReason;
use postledger_core::id::Position;
use postledger_core::ledger::OpenMessage;
use postledger_core::message::{Delivery, Message};
use postledger_core::policy::Priority;
use postledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Counts by priority and status, then the most urgent deliveries.
///
/// # Errors
/// The ledger cannot be read.
pub async fn run(place: &Place, limit: usize) -> Result<Exit> {
    let reader = audit::open(place).await?;
    let now = crate::system::SystemClock.now();
    let mut counts: BTreeMap<(Priority, Status), u64> = BTreeMap::new();
    let mut first: BTreeMap<(Priority, bool, Option<Timestamp>, Position, u16), Value> = BTreeMap::new();
    let each = |open: &OpenMessage| {
        let priority = open.message.queued.policy.priority;
        for delivery in open.message.deliveries.iter().filter(|d| !d.state.phase.is_final()) {
            *counts.entry((priority, delivery.state.status(now))).or_default() += 1;
            let due = delivery.state.due();
            // What is held has no time: it comes after what has one.
            let order = (priority, due.is_none(), due, open.position, delivery.id.ordinal.0);
            if first.len() < limit || first.last_key_value().is_some_and(|(last, _)| order < *last) {
                first.insert(order, row(&open.message, delivery, now));
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
    };
    reader.open_messages(each).await?;
    let counts: Vec<_> = counts
        .into_iter()
        .map(|((priority, status), count)| json!({"priority": priority.as_str(), "status": status.as_str(), "count": count}))
        .collect();
    let queue = json!({"counts": counts, "deliveries": first.into_values().collect::<Vec<_>>()});
    output::write(place.output, &queue, table)?;
    Ok(Exit::Ok)
}

fn row(message: &Message, delivery: &Delivery, now: Timestamp) -> Value {
    json!({
        "id": delivery.id.to_string(),
        "priority": message.queued.policy.priority.as_str(),
        "status": delivery.state.status(now).as_str(),
        "hold_reason": delivery.state.phase.hold_reason().map(HoldReason::as_str),
        "attempts": delivery.state.attempts,
        "next_attempt_at": delivery.state.due().map(|due| due.to_string()),
        "relay": delivery.relay().map(|relay| relay.as_str().to_owned()),
    })
}

fn table(queue: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| if value.is_null() { "-".into() } else { value.to_string() }, str::to_owned)
    };
    let rows = |list: &Value, columns: &[&str]| -> Vec<Vec<String>> {
        let row = |item: &Value| columns.iter().map(|column| text(&item[*column])).collect();
        list.as_array().into_iter().flatten().map(row).collect()
    };
    let counts = rows(&queue["counts"], &["priority", "status", "count"]);
    if counts.is_empty() {
        return "the queue is empty".into();
    }
    let columns = ["id", "priority", "status", "attempts", "next_attempt_at", "relay"];
    let total: u64 =
        queue["counts"].as_array().into_iter().flatten().filter_map(|row| row["count"].as_u64()).sum();
    let shown = queue["deliveries"].as_array().map_or(0, Vec::len);
    let more = if total > shown as u64 {
        format!("\n\n{shown} of {total}; more with --limit")
    } else {
        String::new()
    };
    format!(
        "{}\n\n{}{more}",
        output::table(&["priority", "status", "count"], counts),
        output::table(
            &["id", "priority", "status", "attempts", "next attempt", "relay"],
            rows(&queue["deliveries"], &columns)
        )
    )
}
