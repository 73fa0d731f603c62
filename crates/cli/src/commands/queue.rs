//! `postledger queue`: what has not ended, from the ledger.

use super::audit;
use crate::args::Place;
use crate::exit::Exit;
use crate::output::{self, Column, text, time};
use crate::timeline;
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
    output::write(place.output, &queue, |queue| table(queue, now))?;
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

/// Statuses that have not ended, in lifecycle order.
const OPEN: [&str; 6] = ["prepared", "scheduled", "queued", "sending", "deferred", "held"];

fn table(queue: &Value, now: Timestamp) -> String {
    let (counts, deliveries) = (list(&queue["counts"]), list(&queue["deliveries"]));
    if counts.is_empty() {
        return "the queue is empty".into();
    }
    let total: u64 = counts.iter().filter_map(|row| row["count"].as_u64()).sum();
    let more = match total - deliveries.len() as u64 {
        0 => String::new(),
        more => format!("\n\n{more} more: --limit {total}"),
    };
    format!("{}\n\n{}{more}", sums(counts), rows(deliveries, now))
}

/// A line for each priority, a column for each status.
fn sums(counts: &[Value]) -> String {
    let columns: Vec<_> = [Column::Text("priority")].into_iter().chain(OPEN.map(Column::Number)).collect();
    let priorities = Priority::ALL.iter().map(|priority| priority.as_str());
    let row = |priority: &str| {
        let count = |status: &str| {
            let found = counts.iter().find(|row| row["priority"] == priority && row["status"] == status);
            found.map_or_else(|| "-".to_owned(), |row| text(&row["count"]))
        };
        [vec![priority.to_owned()], OPEN.map(count).to_vec()].concat()
    };
    let is_there = |priority: &&str| counts.iter().any(|row| row["priority"] == *priority);
    output::table(&columns, priorities.filter(is_there).map(row))
}

fn rows(deliveries: &[Value], now: Timestamp) -> String {
    let columns = [
        Column::Text("id"),
        Column::Text("priority"),
        Column::Text("status"),
        Column::Number("attempts"),
        Column::Text("next"),
        Column::Text("relay"),
    ];
    let row = |delivery: &Value| {
        let next = time::of(&delivery["next_attempt_at"]).map(|due| match due > now {
            true => time::from(due, now),
            false => format!("due {}", time::from(due, now)),
        });
        let [id, priority, attempts, relay] =
            ["id", "priority", "attempts", "relay"].map(|column| text(&delivery[column]));
        vec![
            id,
            priority,
            timeline::status(delivery),
            attempts,
            next.unwrap_or_else(|| "-".to_owned()),
            relay,
        ]
    };
    output::table(&columns, deliveries.iter().map(row))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
