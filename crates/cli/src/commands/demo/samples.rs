//! Sample mail of each kind, with the status that each must reach.

use postledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// A message to send.
pub struct Sample {
    /// What it shows.
    pub title: &'static str,
    /// The body of `POST /v1/messages`.
    pub request: Value,
    /// What to do to it right after.
    pub then: Option<&'static str>,
    /// The message status that it must settle in.
    pub expected: &'static str,
}

/// The samples, in order.
pub fn all(now: Timestamp) -> Vec<Sample> {
    let shop = "Shop <no-reply@shop.example>";
    let receipt = json!({
        "from": shop, "to": "Ann <ann@example.net>", "subject": "Your order 17",
        "text": "Thank you for your order.\n", "tags": ["order"], "metadata": {"order": "17"},
    });
    let rich = json!({
        "from": {"email": "no-reply@shop.example", "name": "Büchershop"},
        "to": ["Jürgen Groß <juergen@bücher.example>"], "bcc": "archive@shop.example",
        "subject": "Ihre Rechnung – 42,00 €", "text": "Ihre Rechnung liegt bei.\n",
        "html": "<p>Ihre <b>Rechnung</b> liegt bei.</p>",
        "attachments": [{"filename": "Rechnung März.csv", "content_type": "text/csv", "content": "QXJ0aWtlbDtQcmVpcwpCdWNoOzQyLDAwCg=="}],
    });
    let mixed = json!({
        "from": shop, "to": ["ann@example.net", "reject.me@example.net", "defer.me@example.net"], "subject": "To three",
        "text": "One is delivered, one is refused, one is asked to come back.\n", "retry": {"schedule": ["1s"]},
    });
    let failover = json!({
        "from": shop, "to": "ann@example.net", "subject": "By the backup", "priority": "critical", "route": "failover",
        "text": "The first relay cannot be reached.\n",
    });
    let unknown = json!({
        "from": shop, "to": "drop.me@example.net", "subject": "Once at most", "on_unknown": "hold",
        "text": "The connection is cut after the final dot: nobody can know.\n",
    });
    let scheduled = json!({
        "from": shop, "to": "ann@example.net", "subject": "Tomorrow", "text": "Not yet.\n",
        "send_at": now.plus(Duration::from_secs(24 * 3600)).to_string(),
    });
    vec![
        sample("A receipt", receipt, None, "delivered"),
        sample(
            "HTML, an attachment, names and a domain beyond ASCII, a hidden copy",
            rich,
            None,
            "delivered",
        ),
        sample("Three recipients, three outcomes", mixed, None, "partial"),
        sample("The first relay is down", failover, None, "delivered"),
        sample(
            "An attempt whose result is not known, and a policy that forbids a second copy",
            unknown,
            None,
            "held",
        ),
        sample("Scheduled, then cancelled", scheduled, Some("cancel"), "cancelled"),
    ]
}

fn sample(title: &'static str, request: Value, then: Option<&'static str>, expected: &'static str) -> Sample {
    Sample { title, request, then, expected }
}
