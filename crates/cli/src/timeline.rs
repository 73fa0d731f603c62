//! Timelines that a person wants to read: one line per event, with what happens next.
//!
//! They are made of the JSON that the API serves, so that a local ledger and a remote service read the same.

use crate::output;
use crate::trouble::{self, reply};
use serde_json::Value;

/// The message, its deliveries, and what happened, of `{"message", "events"}`.
pub fn whole(both: &Value) -> String {
    let events = both["events"].as_array().map_or(&[][..], Vec::as_slice);
    format!("{}\n\n{}", summary(&both["message"]), of(events))
}

/// The message and its deliveries.
pub fn summary(message: &Value) -> String {
    let head = format!(
        "{}  {}\n{}  from {}: {}",
        text(&message["id"]),
        text(&message["status"]),
        clock(&text(&message["created_at"])),
        text(&message["from"]),
        text(&message["subject"]),
    );
    let row = |(index, delivery): (usize, &Value)| {
        let why = [&delivery["cause"], &delivery["hold_reason"]].into_iter().find_map(Value::as_str);
        let status = text(&delivery["status"]);
        vec![
            format!("#{}", index + 1),
            text(&delivery["recipient"]),
            why.map_or(status.clone(), |why| format!("{status} ({why})")),
            delivery["attempts"].to_string(),
            text(&delivery["relay"]),
            delivery["next_attempt_at"].as_str().map_or_else(|| "-".into(), clock),
            reply(&delivery["last_reply"]).unwrap_or_else(|| "-".into()),
        ]
    };
    let deliveries: Vec<_> = message["deliveries"].as_array().into_iter().flatten().collect();
    let names = ["#", "recipient", "status", "attempts", "relay", "next attempt", "last reply"];
    let table = output::table(&names, deliveries.iter().copied().enumerate().map(row));
    let waiting = deliveries
        .iter()
        .filter(|delivery| ["held", "unknown"].iter().any(|word| delivery["status"] == *word));
    let waiting: String = waiting.map(|delivery| format!("\n{}", what_to_do(delivery))).collect();
    format!("{head}\n\n{table}{}{waiting}", if waiting.is_empty() { "" } else { "\n" })
}

/// What stays as it is until a person decides.
fn what_to_do(delivery: &Value) -> String {
    let id = text(&delivery["id"]);
    let is_unresolved = delivery["hold_reason"] == "unknown" || delivery["status"] == "unknown";
    let other = if is_unresolved { "resolve" } else { "cancel" };
    let first = if delivery["status"] == "held" { "release" } else { "redrive" };
    format!("{id} waits for you: postledger message {first} or {other}")
}

/// One line per event.
pub fn of(events: &[Value]) -> String {
    let line = |(index, event)| line(event, &events[..index], &events[index + 1..]);
    events.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn line(event: &Value, before: &[Value], after: &[Value]) -> String {
    let whose = match event["delivery"].as_u64() {
        Some(0) | None => "     ".to_owned(),
        Some(ordinal) => format!("#{ordinal:<4}"),
    };
    let is_same = |other: &&Value| other["delivery"] == event["delivery"];
    let followed = after.iter().find(is_same).filter(|next| next["at"] == event["at"]);
    let is_unresolved = before.iter().filter(is_same).fold(false, |is_unresolved, event| {
        event["kind"] == "unknown" || (is_unresolved && event["kind"] != "resolved")
    });
    let story = story(event, followed, is_unresolved);
    let line = format!("{}  {whose} {:<14} {story}", clock(&text(&event["at"])), text(&event["kind"]));
    line.trim_end().to_owned()
}

/// What the event says, in words. `followed` is the delivery's event of the same decision, if there was one.
fn story(event: &Value, followed: Option<&Value>, is_unresolved: bool) -> String {
    let said = || reply(&event["reply"]).unwrap_or_default();
    let by = || event["by"].as_str().map(|by| format!("by {by}")).unwrap_or_default();
    // What was held or ended at once has no next attempt.
    let next = || match followed.and_then(|next| next["kind"].as_str()) {
        Some("held" | "failed" | "cancelled") => String::new(),
        _ if event["due"] == event["at"] => "; next attempt at once".to_owned(),
        _ => format!("; next attempt from {}", clock(&text(&event["due"]))),
    };
    let caveat = if is_unresolved { "; unknown, as an attempt before may have arrived" } else { "" };
    match event["kind"].as_str().unwrap_or_default() {
        "queued" => {
            let count = event["recipients"].as_array().map_or(0, Vec::len);
            let at = event["send_at"].as_str().map(|at| format!(", not before {}", clock(at)));
            let plural = if count == 1 { "" } else { "s" };
            let priority = text(&event["priority"]);
            format!("{count} recipient{plural}, {priority} priority{}, {}", at.unwrap_or_default(), by())
        }
        "attempted" => format!("attempt {} at {}", event["attempt"], text(&event["relay"])),
        "deferred" if event["not_sent"].is_null() => format!("{}{}", said(), next()),
        "deferred" => format!("not sent: {}{}", trouble::in_words(&event["not_sent"]), next()),
        "unknown" => {
            format!(
                "it may have arrived: no reply to the end of the text ({}){}",
                text(&event["trouble"]),
                next()
            )
        }
        "failed" => {
            let said = reply(&event["reply"]).map(|said| format!(": {said}")).unwrap_or_default();
            format!("{}{said}{caveat}", text(&event["cause"]))
        }
        "held" => format!("{}, by {}; waits for a release", text(&event["reason"]), text(&event["by"])),
        "resolved" => format!("{} ({}), {}", text(&event["resolution"]), text(&event["reason"]), by()),
        "rescheduled" => format!("not before {}, {}", clock(&text(&event["send_at"])), by()),
        "redriven" => match event["expires_after"].as_str() {
            Some(lifetime) => format!("for {lifetime}, {}", by()),
            None => by(),
        },
        "cancelled" => format!("{}{caveat}", by()),
        "delivered" | "bounced" => said(),
        _ => by(),
    }
}

/// Why a delivery is where it is: the rule in words, then the figures behind it.
pub fn explanation(explained: &Value) -> String {
    let mut lines = vec![format!(
        "{}  {}: {}{}",
        text(&explained["id"]),
        text(&explained["status"]),
        text(&explained["explanation"]),
        explained["until"].as_str().map_or_else(String::new, |until| format!(", until {}", clock(until)))
    )];
    let mut line = |name: &str, what: String| lines.push(format!("  {name:<12} {what}"));
    line("priority", text(&explained["priority"]));
    line("route", text(&explained["route"]));
    if let Some(due) = explained["due"].as_str() {
        line("due", clock(due));
        line("expires", clock(&text(&explained["expires_at"])));
    }
    let relay = &explained["relay"];
    if !relay.is_null() {
        line(
            "relay",
            format!("{}, {} of {} connections", text(&relay["name"]), relay["in_flight"], relay["allowed"]),
        );
    }
    let destination = &explained["destination"];
    if !destination.is_null() {
        let window =
            destination["window"].as_u64().map_or_else(String::new, |window| format!(" of {window}"));
        line(
            "destination",
            format!("{}, {}{window} under way", text(&destination["domain"]), destination["in_flight"]),
        );
    }
    lines.join("\n")
}

/// A time to the millisecond: what follows is for programs. Still one that `--until` and `--send-at` take.
pub fn clock(at: &str) -> String {
    at.get(..23).map_or_else(|| at.to_owned(), |at| format!("{at}Z"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests;
