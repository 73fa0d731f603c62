//! What one event says, in words.

use crate::output::{text, time};
use crate::trouble::{self, reply};
use serde_json::Value;

/// The words beside the kind of `event`. What stands `before` and `after` it may be of other deliveries too.
pub fn of(event: &Value, before: &[&Value], after: &[&Value]) -> String {
    let said = || reply(&event["reply"]).unwrap_or_default();
    let by = || event["by"].as_str().map(|by| format!("by {by}")).unwrap_or_default();
    let is_same = |other: &&&Value| other["delivery"] == event["delivery"];
    let is_unresolved = before.iter().filter(is_same).fold(false, |is_unresolved, event| {
        event["kind"] == "unknown" || (is_unresolved && event["kind"] != "resolved")
    });
    let caveat = if is_unresolved { "; an attempt before may have arrived" } else { "" };
    match event["kind"].as_str().unwrap_or_default() {
        "queued" => queued(event, &by()),
        "attempted" => format!("attempt {} at {}", event["attempt"], text(&event["relay"])),
        "deferred" if event["not_sent"].is_null() => format!("{}{}", said(), again(event, after)),
        "deferred" => format!("not sent: {}{}", trouble::in_words(&event["not_sent"]), again(event, after)),
        "unknown" => {
            let trouble = trouble::of_unknown(event["trouble"].as_str().unwrap_or_default());
            format!("it may have arrived: {trouble}{}", again(event, after))
        }
        "failed" => {
            let why = reply(&event["reply"])
                .unwrap_or_else(|| trouble::of_cause(&text(&event["cause"])).to_owned());
            format!("{}: {why}{caveat}", text(&event["cause"]))
        }
        "held" => format!("{}, {}", trouble::of_hold(&text(&event["reason"])), by()),
        "resolved" => {
            format!("{}: {}, {}", text(&event["resolution"]).replace('_', " "), text(&event["reason"]), by())
        }
        "rescheduled" => format!("not before {} UTC, {}", time::moment(&event["send_at"]), by()),
        "redriven" => match event["expires_after"].as_str() {
            Some(lifetime) => format!("{}, expires after {lifetime}", by()),
            None => by(),
        },
        "cancelled" => format!("{}{caveat}", by()),
        "delivered" | "bounced" => said(),
        "started" => format!("version {}", text(&event["program"])),
        "breaker_opened" if event["not_sent"].is_null() => {
            format!("{}: for a drill, {}{}", text(&event["relay"]), by(), until(event))
        }
        "breaker_opened" => {
            let why = trouble::in_words(&event["not_sent"]);
            format!("{}: {why}{}", text(&event["relay"]), until(event))
        }
        "breaker_probing" => text(&event["relay"]),
        "breaker_closed" => format!("{}, {}", text(&event["relay"]), by()),
        _ => by(),
    }
}

/// For how long no mail goes there.
fn until(event: &Value) -> String {
    let span = time::of(&event["until"]).zip(time::of(&event["at"])).map(|(until, at)| until.since(at));
    span.map(|span| format!("; for {}", time::span(span))).unwrap_or_default()
}

/// What is not as usual is said; priority always.
fn queued(event: &Value, by: &str) -> String {
    let mut parts = vec![by.to_owned(), format!("{} priority", text(&event["priority"]))];
    parts.extend(
        event["send_at"].is_string().then(|| format!("not before {} UTC", time::moment(&event["send_at"]))),
    );
    parts.extend(
        event["route"].as_str().filter(|route| *route != "default").map(|route| format!("route {route}")),
    );
    parts.extend(
        event["on_unknown"].as_str().filter(|word| *word != "retry").map(|word| format!("on_unknown {word}")),
    );
    parts.join(", ")
}

/// What followed was decided with it: what was held or ended at once has no next attempt.
fn again(event: &Value, after: &[&Value]) -> String {
    let followed = after.iter().find(|other| other["delivery"] == event["delivery"]);
    let at_once = followed.filter(|next| next["at"] == event["at"]).and_then(|next| next["kind"].as_str());
    match (at_once, time::of(&event["due"]), time::of(&event["at"])) {
        (Some("held" | "failed" | "cancelled"), ..) | (_, None, _) | (_, _, None) => String::new(),
        (_, Some(due), Some(at)) if due <= at => "; again at once".to_owned(),
        (_, Some(due), Some(at)) => format!("; again after {}", time::span(due.since(at))),
    }
}
