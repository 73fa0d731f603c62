//! Events of messages and deliveries.

mod queued;
mod reply;

use super::text::{Micros, Span, Text};
use super::{Nothing, Undecodable, json, parse, parse_personal};
use postledger_core::address::Address;
use postledger_core::event::{Attempted, Cause, Deferral, Head, HoldReason, MailEvent, Resolution};
use postledger_core::name::{Actor, RelayName};
use postledger_core::outcome::Trouble;
use postledger_core::time::Timestamp;
pub(super) use reply::StoredNotSent;
use reply::{StoredReply, personal_text};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

macro_rules! stored {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($(#[$meta])* $field: $type,)* }
    )*};
}

stored! {
    StoredAttempted { attempt: u32, relay: Text<RelayName>, }
    StoredHead { return_path: Text<Address>, fields: String, }
    StoredDelivered { attempt: u32, reply: StoredReply, }
    StoredDeferred {
        attempt: u32,
        due_us: Micros,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        transient: Option<StoredReply>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        not_sent: Option<StoredNotSent>,
    }
    StoredUnknown { attempt: u32, trouble: Text<Trouble>, due_us: Micros, }
    StoredFailed {
        cause: Text<Cause>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        attempt: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reply: Option<StoredReply>,
    }
    StoredHeld { reason: Text<HoldReason>, by: Text<Actor>, }
    StoredBy { by: Text<Actor>, }
    StoredRescheduled { send_at_us: Micros, by: Text<Actor>, }
    StoredResolved { resolution: Text<Resolution>, by: Text<Actor>, }
    StoredReason { reason: String, }
    StoredRedriven { expires_after_us: Span, by: Text<Actor>, }
    StoredBounced { reply: StoredReply, }
}

/// Data and personal part.
pub(super) fn encode(event: &MailEvent) -> (String, Option<String>) {
    use MailEvent as E;
    let by = |by: &Actor| json(&StoredBy { by: Text(by.clone()) });
    let personal = event.reply().and_then(personal_text);
    let data = match event {
        E::Queued(event) => return queued::encode(event),
        E::Committed | E::Aborted | E::ContentRemoved | E::Erased | E::Complained => json(&Nothing {}),
        E::Attempted(Attempted { attempt, relay, head }) => {
            let data = json(&StoredAttempted { attempt: *attempt, relay: Text(relay.clone()) });
            return (data, head.as_deref().map(head_json));
        }
        E::Delivered { attempt, reply } => {
            json(&StoredDelivered { attempt: *attempt, reply: StoredReply::from(reply) })
        }
        E::Deferred { attempt, reason, due } => json(&deferred(*attempt, reason, *due)),
        E::Unknown { attempt, trouble, due } => {
            json(&StoredUnknown { attempt: *attempt, trouble: Text(*trouble), due_us: Micros(*due) })
        }
        E::Failed { cause, attempt, reply } => json(&StoredFailed {
            cause: Text(*cause),
            attempt: *attempt,
            reply: reply.as_ref().map(StoredReply::from),
        }),
        E::Held { reason, by } => json(&StoredHeld { reason: Text(*reason), by: Text(by.clone()) }),
        E::Released { by: actor } | E::Cancelled { by: actor } => by(actor),
        E::Rescheduled { send_at, by } => {
            json(&StoredRescheduled { send_at_us: Micros(*send_at), by: Text(by.clone()) })
        }
        E::Resolved { resolution, reason, by } => {
            let data = json(&StoredResolved { resolution: Text(*resolution), by: Text(by.clone()) });
            let personal = (!reason.is_empty()).then(|| json(&StoredReason { reason: reason.clone() }));
            return (data, personal);
        }
        E::Redriven { expires_after, by } => {
            json(&StoredRedriven { expires_after_us: Span(*expires_after), by: Text(by.clone()) })
        }
        E::Bounced { reply } => json(&StoredBounced { reply: StoredReply::from(reply) }),
    };
    (data, personal)
}

fn head_json(head: &Head) -> String {
    json(&StoredHead { return_path: Text(head.return_path.clone()), fields: head.fields.clone() })
}

fn deferred(attempt: u32, reason: &Deferral, due: Timestamp) -> StoredDeferred {
    let (transient, not_sent) = match reason {
        Deferral::Transient(reply) => (Some(StoredReply::from(reply)), None),
        Deferral::NotSent(not_sent) => (None, Some(StoredNotSent::from(not_sent))),
    };
    StoredDeferred { attempt, due_us: Micros(due), transient, not_sent }
}

pub(super) fn decode(kind: &str, data: &str, personal: Option<&[u8]>) -> Result<MailEvent, Undecodable> {
    use MailEvent as E;
    let nothing = |event| parse(data).map(|Nothing {}| event);
    Ok(match kind {
        "queued" => return queued::decode(data, personal).map(|queued| E::Queued(Arc::new(queued))),
        "committed" => return nothing(E::Committed),
        "aborted" => return nothing(E::Aborted),
        "content_removed" => return nothing(E::ContentRemoved),
        "erased" => return nothing(E::Erased),
        "complained" => return nothing(E::Complained),
        "attempted" => {
            let StoredAttempted { attempt, relay } = parse(data)?;
            let head = parse_personal::<StoredHead>(personal)?
                .map(|head| Arc::new(Head { return_path: head.return_path.0, fields: head.fields }));
            E::Attempted(Attempted { attempt, relay: relay.0, head })
        }
        "delivered" => {
            let StoredDelivered { attempt, reply } = parse(data)?;
            E::Delivered { attempt, reply: reply.with(personal)? }
        }
        "deferred" => {
            let stored: StoredDeferred = parse(data)?;
            let reason = match (stored.transient, stored.not_sent) {
                (Some(reply), None) => Deferral::Transient(reply.with(personal)?),
                (None, Some(not_sent)) => Deferral::NotSent(not_sent.with(personal)?),
                _ => return Err(Undecodable::Malformed { part: "data", column: 0 }),
            };
            E::Deferred { attempt: stored.attempt, reason, due: stored.due_us.0 }
        }
        "unknown" => {
            let StoredUnknown { attempt, trouble, due_us } = parse(data)?;
            E::Unknown { attempt, trouble: trouble.0, due: due_us.0 }
        }
        "failed" => {
            let StoredFailed { cause, attempt, reply } = parse(data)?;
            let reply = reply.map(|reply| reply.with(personal)).transpose()?;
            E::Failed { cause: cause.0, attempt, reply }
        }
        "held" => {
            let StoredHeld { reason, by } = parse(data)?;
            E::Held { reason: reason.0, by: by.0 }
        }
        "released" => parse(data).map(|StoredBy { by }| E::Released { by: by.0 })?,
        "cancelled" => parse(data).map(|StoredBy { by }| E::Cancelled { by: by.0 })?,
        "rescheduled" => {
            let StoredRescheduled { send_at_us, by } = parse(data)?;
            E::Rescheduled { send_at: send_at_us.0, by: by.0 }
        }
        "resolved" => {
            let StoredResolved { resolution, by } = parse(data)?;
            let reason = parse_personal(personal)?.map_or_else(String::new, |StoredReason { reason }| reason);
            E::Resolved { resolution: resolution.0, reason, by: by.0 }
        }
        "redriven" => {
            let StoredRedriven { expires_after_us, by } = parse(data)?;
            E::Redriven { expires_after: expires_after_us.0, by: by.0 }
        }
        "bounced" => {
            let StoredBounced { reply } = parse(data)?;
            E::Bounced { reply: reply.with(personal)? }
        }
        _ => return Err(Undecodable::Unknown(super::SCHEMA)),
    })
}
