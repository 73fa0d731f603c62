//! What a message is and how it stands: before its story, and as the answer to what was done to it.

use super::{list, next};
use crate::args::Subject;
use crate::output::{Column, count, paint, table as layout, text, time};
use crate::trouble::reply;
use postledger_core::id::DeliveryId;
use postledger_core::time::Timestamp;
use serde_json::Value;

/// The message, its deliveries, and what happens next.
pub fn summary(message: &Value, subject: Subject, now: Timestamp) -> String {
    let mut parts = vec![head(message, subject, now)];
    let shown: Vec<_> =
        list(&message["deliveries"]).iter().filter(|delivery| is_shown(delivery, subject)).collect();
    match shown[..] {
        [delivery] => parts.extend(next::in_words(delivery, now)),
        _ => parts.push(table(message, now)),
    }
    parts.extend(next::advice(message, subject));
    parts.join("\n\n")
}

/// Id and status, then what one recognises it by. What was erased is `-`.
pub fn head(message: &Value, subject: Subject, now: Timestamp) -> String {
    let all = list(&message["deliveries"]);
    let shown: Vec<_> = all.iter().filter(|delivery| is_shown(delivery, subject)).collect();
    let stands = match shown[..] {
        [delivery] => status(delivery),
        _ => standing(message, all),
    };
    let to = match shown[..] {
        [delivery] => {
            let others = match all.len() - 1 {
                0 => String::new(),
                others => format!(", one of {} recipients", others + 1),
            };
            let hidden = if delivery["kind"] == "to" {
                String::new()
            } else {
                format!(" ({})", text(&delivery["kind"]))
            };
            format!("{}{hidden}{others}", text(&delivery["recipient"]))
        }
        _ => count(all.len() as u64, "recipient", "recipients"),
    };
    let created = &message["created_at"];
    let ago = time::of(created).map(|at| format!(" UTC, {}", time::from(at, now)));
    let tags: Vec<_> = list(&message["tags"]).iter().map(text).collect();
    let metadata = message["metadata"].as_object().into_iter().flatten();
    let metadata: Vec<_> = metadata.map(|(key, value)| format!("{key}={}", text(value))).collect();
    let rows = [
        ("subject", text(&message["subject"])),
        ("from", text(&message["from"])),
        ("to", to),
        ("accepted", format!("{}{}", time::moment(created), ago.unwrap_or_default())),
        ("tags", tags.join(", ")),
        ("metadata", metadata.join(", ")),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let rows = rows.map(|(name, value)| format!("\n{}{value}", paint::faint(&format!("{name:<10}"))));
    format!("{}  {stands}{}", paint::strong(&subject.to_string()), rows.collect::<String>())
}

/// One line per recipient.
pub fn table(message: &Value, now: Timestamp) -> String {
    let columns = [
        Column::Text("#"),
        Column::Clipped("recipient"),
        Column::Text("kind"),
        Column::Text("status"),
        Column::Number("attempts"),
        Column::Text("relay"),
        Column::Text("next"),
        Column::Clipped("last reply"),
    ];
    let deliveries = list(&message["deliveries"]);
    let is_plain = deliveries.iter().all(|delivery| delivery["kind"] == "to");
    let row = |(delivery, ordinal): (&Value, u64)| {
        let due = time::of(&delivery["next_attempt_at"]);
        vec![
            format!("#{ordinal}"),
            text(&delivery["recipient"]),
            if is_plain { "-".to_owned() } else { text(&delivery["kind"]) },
            status(delivery),
            text(&delivery["attempts"]),
            text(&delivery["relay"]),
            due.map_or_else(
                || "-".to_owned(),
                |due| if due > now { time::from(due, now) } else { "due".to_owned() },
            ),
            reply(&delivery["last_reply"]).unwrap_or_else(|| "-".to_owned()),
        ]
    };
    layout(&columns, deliveries.iter().zip(1..).map(row))
}

/// A delivery's status, with its reason.
pub fn status(delivery: &Value) -> String {
    let why = [&delivery["cause"], &delivery["hold_reason"]].into_iter().find_map(Value::as_str);
    let status = text(&delivery["status"]);
    paint::state(&why.map_or(status.clone(), |why| format!("{status} ({why})")))
}

/// A message's status; where its deliveries differ, with how many stand where.
fn standing(message: &Value, deliveries: &[Value]) -> String {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for delivery in deliveries {
        let status = text(&delivery["status"]);
        match counts.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((status, 1)),
        }
    }
    let status = paint::state(&text(&message["status"]));
    if counts.len() < 2 {
        return status;
    }
    let counts: Vec<_> =
        counts.into_iter().map(|(status, count)| format!("{count} {}", paint::state(&status))).collect();
    format!("{status}: {}", counts.join(", "))
}

/// Whether a delivery is part of what was asked for.
pub fn is_shown(delivery: &Value, subject: Subject) -> bool {
    match subject {
        Subject::Message(_) => true,
        Subject::Delivery(id) => {
            delivery["id"].as_str().and_then(|id| id.parse::<DeliveryId>().ok()) == Some(id)
        }
    }
}
