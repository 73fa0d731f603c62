//! Why a delivery is where it is: the rule in words, then the figures behind it.

use super::summary::status;
use crate::output::{paint, text, time};
use postledger_core::time::Timestamp;
use serde_json::Value;

/// What `GET /v1/deliveries/{id}/explain` answers, for people.
pub fn explanation(explained: &Value, now: Timestamp) -> String {
    let moment = |name: &str| {
        time::of(&explained[name])
            .map(|at| format!("{} UTC, {}", time::moment(&explained[name]), time::from(at, now)))
    };
    let until = moment("until").map(|until| format!(", until {until}")).unwrap_or_default();
    let id = paint::strong(&text(&explained["id"]));
    let mut lines = vec![format!("{id}  {}: {}{until}", status(explained), text(&explained["explanation"]))];
    let mut line =
        |name: &str, what: String| lines.push(format!("  {}{what}", paint::faint(&format!("{name:<13}"))));
    line("priority", text(&explained["priority"]));
    if let Some(route) = explained["route"].as_str() {
        let reason = match explained["route_reason"].as_str() {
            Some("named") => ", as its request says",
            Some("matched") => ", the first whose match takes it",
            Some("default") => ", as no match takes it",
            _ => "",
        };
        line("route", format!("{route}{reason}"));
    }
    if let Some(due) = moment("due") {
        line("due", due);
        line("expires", moment("expires_at").unwrap_or_default());
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
        let window = destination["window"].as_u64().map(|window| format!(" of {window}")).unwrap_or_default();
        line(
            "destination",
            format!("{}, {}{window} under way", text(&destination["domain"]), destination["in_flight"]),
        );
    }
    lines.join("\n")
}
