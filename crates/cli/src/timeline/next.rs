//! What happens next to a delivery that has not ended, and what a person can do about it.

use super::summary::is_shown;
use super::{Line, list};
use crate::args::Subject;
use crate::output::{count, paint, text, time};
use postledger_core::time::Timestamp;
use serde_json::Value;

/// More deliveries than this are spoken of together.
const SEVERAL: usize = 3;

/// The last line of a delivery's story; `None` where it has ended.
pub fn line(delivery: &Value, now: Timestamp) -> Option<Line> {
    let due = time::of(&delivery["next_attempt_at"]);
    let (word, story) = words(delivery, now)?;
    let ahead = due.filter(|due| *due > now);
    let after = ahead.map(|due| time::from(due, now)).unwrap_or_default();
    Some(Line { at: ahead, after, ordinal: 0, is_named: false, word: word.to_owned(), story })
}

/// The same without columns.
pub fn in_words(delivery: &Value, now: Timestamp) -> Option<String> {
    let (word, story) = words(delivery, now)?;
    let due = time::of(&delivery["next_attempt_at"]).filter(|due| *due > now);
    let due =
        due.map(|due| format!(" {} {} UTC,", time::date(due), &time::clock(due)[..8])).unwrap_or_default();
    Some(format!("{}{due} {story}", paint::state(&format!("{word}:"))))
}

fn words(delivery: &Value, now: Timestamp) -> Option<(&'static str, String)> {
    let attempts = delivery["attempts"].as_u64().unwrap_or(0);
    let attempt = attempts + 1;
    let until = match time::of(&delivery["expires_at"]) {
        Some(at) if at > now => format!("; given up {}", time::from(at, now)),
        Some(_) => "; its lifetime has passed".to_owned(),
        None => String::new(),
    };
    let due = time::of(&delivery["next_attempt_at"]);
    let when = match due {
        Some(due) if due > now => String::new(),
        Some(due) => format!(", due {}", time::from(due, now)),
        None => String::new(),
    };
    match delivery["status"].as_str()? {
        "scheduled" => Some(("next", format!("attempt {attempt}"))),
        "queued" | "deferred" => Some(("next", format!("attempt {attempt}{when}{until}"))),
        "sending" => Some(("now", format!("attempt {attempts} is open at {}", text(&delivery["relay"])))),
        "prepared" => Some(("waits", "until its application commits or aborts it".to_owned())),
        "held" => Some(("waits", "for a release; does not expire".to_owned())),
        _ => None,
    }
}

/// What waits for a person, with the commands for it.
pub fn advice(message: &Value, subject: Subject) -> Option<String> {
    let of = |status: &str| -> Vec<&Value> {
        let deliveries = list(&message["deliveries"]).iter().filter(|delivery| is_shown(delivery, subject));
        deliveries.filter(|delivery| delivery["status"] == status).collect()
    };
    let (held, unknown) = (of("held"), of("unknown"));
    let mut lines = Vec::new();
    lines.extend(together(&held, "held", "release", message));
    lines.extend(together(&unknown, "of unknown fate", "redrive", message));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn together(deliveries: &[&Value], what: &str, verb: &str, message: &Value) -> Vec<String> {
    if deliveries.is_empty() {
        return Vec::new();
    }
    let is = if deliveries.len() == 1 { "is" } else { "are" };
    let mut lines = vec![format!(
        "{} {is} {what}. What you can do:",
        count(deliveries.len() as u64, "delivery", "deliveries")
    )];
    if deliveries.len() > SEVERAL {
        lines.push(format!("  postledger message {verb} {}", text(&message["id"])));
        lines.push("  or each by its own id: dlv_…_1 and so on, as --output json names them".to_owned());
        return lines;
    }
    for delivery in deliveries {
        let id = text(&delivery["id"]);
        lines.push(format!("  postledger message {verb} {id}"));
        if delivery["hold_reason"] == "unknown" || delivery["status"] == "unknown" {
            lines.push(format!("  postledger message resolve {id} --outcome delivered --reason '…'"));
        } else {
            lines.push(format!("  postledger message cancel {id}"));
        }
    }
    lines
}
