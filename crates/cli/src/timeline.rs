//! Timelines that a person wants to read: one line per event, with what happens next.
//!
//! They are made of the JSON that the API serves, so that a local ledger and a remote service read the same.

use crate::output;
use serde_json::Value;

/// The message and its deliveries.
pub fn summary(message: &Value) -> String {
    let head = format!(
        "{}  {}\n{} from {}: {}",
        text(&message["id"]),
        text(&message["status"]),
        text(&message["created_at"]),
        text(&message["from"]),
        text(&message["subject"]),
    );
    let row = |delivery: &Value| {
        let why = [&delivery["cause"], &delivery["hold_reason"]].into_iter().find_map(Value::as_str);
        let status = text(&delivery["status"]);
        vec![
            text(&delivery["recipient"]),
            why.map_or(status.clone(), |why| format!("{status} ({why})")),
            delivery["attempts"].to_string(),
            text(&delivery["relay"]),
            delivery["next_attempt_at"].as_str().map_or("-".into(), |at| clock(at).to_owned()),
            reply(&delivery["last_reply"]).unwrap_or_else(|| "-".into()),
        ]
    };
    let deliveries = message["deliveries"].as_array().into_iter().flatten().map(row);
    let names = ["recipient", "status", "attempts", "relay", "next attempt", "last reply"];
    format!("{head}\n\n{}", output::table(&names, deliveries))
}

/// One line per event.
pub fn of(events: &[Value]) -> String {
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(event: &Value) -> String {
    let whose = match event["delivery"].as_u64() {
        Some(0) | None => "     ".to_owned(),
        Some(ordinal) => format!("#{ordinal:<4}"),
    };
    let line =
        format!("{}  {whose} {:<14} {}", clock(&text(&event["at"])), text(&event["kind"]), story(event));
    line.trim_end().to_owned()
}

/// What the event says, in words.
fn story(event: &Value) -> String {
    let attempt = || event["attempt"].to_string();
    let said = || reply(&event["reply"]).unwrap_or_default();
    let next = || format!("next attempt from {}", clock(&text(&event["due"])));
    match event["kind"].as_str().unwrap_or_default() {
        "queued" => {
            let count = event["recipients"].as_array().map_or(0, Vec::len);
            let at = event["send_at"].as_str().map(|at| format!(", not before {at}")).unwrap_or_default();
            format!(
                "{count} recipient{}, {} priority{at}",
                if count == 1 { "" } else { "s" },
                text(&event["priority"])
            )
        }
        "attempted" => format!("attempt {} at {}", attempt(), text(&event["relay"])),
        "delivered" => said(),
        "deferred" => match event["not_sent"].is_null() {
            true => format!("{}; {}", said(), next()),
            false => {
                let trouble = &event["not_sent"];
                let said = reply(&trouble["reply"]).map(|said| format!(": {said}")).unwrap_or_default();
                format!(
                    "not sent: {} at {}{said}; {}",
                    text(&trouble["trouble"]),
                    text(&trouble["stage"]),
                    next()
                )
            }
        },
        "unknown" => format!(
            "the dot may have left, no reply ({}); {} if its policy is retry",
            text(&event["trouble"]),
            next()
        ),
        "failed" => {
            let said = reply(&event["reply"]).map(|said| format!(": {said}")).unwrap_or_default();
            format!("{}{said}", text(&event["cause"]))
        }
        "held" => format!("{}, by {}; waits for a release", text(&event["reason"]), text(&event["by"])),
        "resolved" => {
            format!("{} ({}), by {}", text(&event["resolution"]), text(&event["reason"]), text(&event["by"]))
        }
        "rescheduled" => format!("to {}, by {}", text(&event["send_at"]), text(&event["by"])),
        "bounced" => said(),
        _ => event["by"].as_str().map(|by| format!("by {by}")).unwrap_or_default(),
    }
}

fn reply(reply: &Value) -> Option<String> {
    let code = reply["code"].as_u64()?;
    let text = reply["text"].as_str().unwrap_or_default().replace('\n', " ");
    let enhanced = reply["enhanced"].as_str().filter(|enhanced| !text.starts_with(*enhanced));
    Some(
        [Some(code.to_string()), enhanced.map(str::to_owned), Some(text)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// Date and time to the millisecond: what follows is for programs.
fn clock(at: &str) -> &str {
    at.get(..23).unwrap_or(at)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_says_what_happened_and_what_happens_next() {
        let events = [
            json!({"at": "2026-12-01T09:00:00.000001Z", "delivery": 0, "kind": "queued", "priority": "high", "recipients": [{}, {}]}),
            json!({"at": "2026-12-01T09:00:00.020000Z", "delivery": 1, "kind": "attempted", "attempt": 1, "relay": "primary"}),
            json!({"at": "2026-12-01T09:00:00.030000Z", "delivery": 1, "kind": "deferred", "due": "2026-12-01T09:00:10.000000Z",
                "reply": {"code": 451, "enhanced": "4.7.1", "text": "4.7.1 later"}}),
            json!({"at": "2026-12-01T09:00:00.040000Z", "delivery": 2, "kind": "deferred", "due": "2026-12-01T09:00:00.040000Z",
                "not_sent": {"stage": "connect", "trouble": "closed", "reply": null}}),
        ];
        assert_eq!(
            of(&events),
            "2026-12-01T09:00:00.000        queued         2 recipients, high priority\n\
             2026-12-01T09:00:00.020  #1    attempted      attempt 1 at primary\n\
             2026-12-01T09:00:00.030  #1    deferred       451 4.7.1 later; next attempt from 2026-12-01T09:00:10.000\n\
             2026-12-01T09:00:00.040  #2    deferred       not sent: closed at connect; next attempt from 2026-12-01T09:00:00.040"
        );
    }
}
