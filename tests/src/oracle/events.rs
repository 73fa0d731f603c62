//! The service's own account: its exported events, folded with as little understanding as possible.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One message.
#[derive(Default)]
pub(super) struct Message<'a> {
    /// The Message-ID header field's value.
    pub(super) message_id: Option<&'a str>,
    /// By ordinal, from 1.
    pub(super) deliveries: BTreeMap<u32, Delivery>,
}

/// One delivery.
#[derive(Default)]
pub(super) struct Delivery {
    /// Attempts that began.
    attempted: u32,
    /// Attempts whose outcome is on record as known.
    known: u32,
    /// Attempts that are unknown: those that say so, and one that began and says nothing.
    pub(super) unknown: u32,
    pub(super) delivered: bool,
    /// Whether it is in a final state.
    pub(super) ended: bool,
}

/// Folds an export. Positions must rise: an export out of order proves nothing.
pub(super) fn fold(export: &[Value]) -> Result<HashMap<&str, Message<'_>>> {
    let mut messages: HashMap<&str, Message<'_>> = HashMap::new();
    let mut last = 0;
    for event in export {
        let position =
            event["position"].as_u64().with_context(|| format!("an event without a position: {event}"))?;
        if position <= last {
            bail!("position {position} follows {last}");
        }
        last = position;
        let stream =
            event["stream"].as_str().with_context(|| format!("position {position} has no stream"))?;
        let kind = event["kind"].as_str().with_context(|| format!("position {position} has no kind"))?;
        if !stream.starts_with("msg_") {
            continue;
        }
        let ordinal =
            event["delivery"].as_u64().with_context(|| format!("position {position} has no delivery"))?;
        let message = messages.entry(stream).or_default();
        match (u32::try_from(ordinal)?, kind) {
            (0, "queued") => {
                let recipients =
                    recipients(event).with_context(|| format!("position {position}: recipients"))?;
                message.message_id = event["message_id_header"].as_str();
                message.deliveries = (1..=recipients).map(|ordinal| (ordinal, Delivery::default())).collect();
            }
            (0, _) => {}
            (ordinal, kind) => match message.deliveries.get_mut(&ordinal) {
                Some(delivery) => delivery.apply(kind),
                None => bail!("position {position}: {kind} of delivery {ordinal}, which was never queued"),
            },
        }
    }
    for delivery in messages.values_mut().flat_map(|message| message.deliveries.values_mut()) {
        // Cut before its outcome: whoever comes next must take it for unknown, and so does the oracle.
        delivery.unknown += delivery.attempted.saturating_sub(delivery.known + delivery.unknown);
    }
    Ok(messages)
}

impl Delivery {
    fn apply(&mut self, kind: &str) {
        match kind {
            "attempted" => self.attempted += 1,
            "delivered" => {
                self.known += 1;
                self.delivered = true;
                self.ended = true;
            }
            "deferred" => self.known += 1,
            "unknown" => self.unknown += 1,
            "failed" => {
                // Either the outcome of the open attempt or a decision without one.
                self.known = self.known.max(self.attempted - self.unknown.min(self.attempted));
                self.ended = true;
            }
            "cancelled" => self.ended = true,
            "redriven" => self.ended = false,
            _ => {}
        }
    }
}

/// How many deliveries a `queued` event creates.
fn recipients(event: &Value) -> Option<u32> {
    u32::try_from(event["recipients"].as_array()?.len()).ok()
}
