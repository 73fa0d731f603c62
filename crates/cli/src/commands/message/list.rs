//! `postledger message list`: pages of messages, newest first.

use crate::args::{MessageFilter, Output, Place};
use crate::client::Client;
use crate::output::{self, Column, paint, text, time};
use crate::system::SystemClock;
use anyhow::Result;
use postledger_core::clock::Clock;
use serde_json::{Value, json};

/// The largest page that the service gives.
const LARGEST: u32 = 100;

/// Prints a page, or with `--all` every page as one list.
///
/// # Errors
/// The service refuses, with its words.
pub async fn run(place: &Place, client: &Client, filter: MessageFilter) -> Result<()> {
    let MessageFilter { status, recipient, tag, priority, created_after, created_before, limit, cursor, all } =
        filter;
    let given = [
        ("status", status),
        ("recipient", recipient),
        ("tag", tag),
        ("priority", priority),
        ("created_after", created_after.map(|at| at.to_string())),
        ("created_before", created_before.map(|at| at.to_string())),
        ("limit", Some(if all { LARGEST } else { limit }.to_string())),
    ];
    let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let (mut messages, mut next) = (Vec::new(), cursor);
    loop {
        let cursor = next.take().map(|cursor| ("cursor", cursor));
        let query: Vec<_> = query.iter().cloned().chain(cursor).collect();
        let mut page = client.get("/v1/messages", &query).await?;
        if let Value::Array(data) = page["data"].take() {
            messages.extend(data);
        }
        next = page["next_cursor"].as_str().map(str::to_owned);
        if !all || next.is_none() {
            break;
        }
    }
    output::write(place.output, &json!({"data": messages, "next_cursor": next}), table)?;
    if place.output == Output::Table
        && let Some(next) = next
    {
        output::say(&format!("\nThere are more: --all, or --cursor {next}"));
    }
    Ok(())
}

fn table(list: &Value) -> String {
    let messages = list["data"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.is_empty() {
        return "no message matches".to_owned();
    }
    let columns = [
        Column::Number("age"),
        Column::Text("id"),
        Column::Text("status"),
        Column::Clipped("to"),
        Column::Clipped("subject"),
    ];
    let now = SystemClock.now();
    let row = |message: &Value| {
        let age = time::of(&message["created_at"]).map(|at| time::about(now.since(at)));
        let deliveries = message["deliveries"].as_array().map_or(&[][..], Vec::as_slice);
        let first = deliveries.first().map(|delivery| text(&delivery["recipient"])).unwrap_or_default();
        let to = if deliveries.len() < 2 { first } else { format!("{first} +{}", deliveries.len() - 1) };
        vec![
            age.unwrap_or_default(),
            text(&message["id"]),
            paint::state(&text(&message["status"])),
            to,
            text(&message["subject"]),
        ]
    };
    output::table(&columns, messages.iter().map(row))
}
