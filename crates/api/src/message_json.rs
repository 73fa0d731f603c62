//! A message as callers see it.

use crate::shown::{shown, shown_option};
use postledger_core::delivery::Phase;
use postledger_core::event::QueuedPersonal;
use postledger_core::id::{DeliveryId, MessageId};
use postledger_core::message::{Delivery, Message};
use postledger_core::reply::{Enhanced, Reply};
use postledger_core::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A message with all its deliveries, at one moment. What was erased is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageJson<'a> {
    /// Its id.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "msg_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f")]
    pub id: MessageId,
    /// The status that all deliveries share; else `in_progress` while any is not final, else `partial`.
    #[schema(example = "in_progress")]
    pub status: &'static str,
    /// When it was accepted (RFC 3339, UTC, microseconds; so are all times).
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The author.
    #[schema(example = "Shop <no-reply@shop.example>")]
    pub from: Option<String>,
    /// The subject.
    pub subject: Option<&'a str>,
    /// The value of the header field Message-ID, with brackets.
    #[schema(example = "<0198c5f0b5a07c3e9d2f4a6b8c0d1e2f@shop.example>")]
    pub message_id_header: &'a str,
    /// `critical`, `high`, `normal` or `low`.
    #[schema(example = "normal")]
    pub priority: &'static str,
    /// As submitted, each once.
    pub tags: Option<&'a [String]>,
    /// As submitted.
    pub metadata: Option<&'a BTreeMap<String, String>>,
    /// One for each address, by ordinal.
    pub deliveries: Vec<DeliveryJson<'a>>,
}

/// One message to one recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryJson<'a> {
    /// Its id: the message's, and the ordinal from 1.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "dlv_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f_1")]
    pub id: DeliveryId,
    /// The recipient's address.
    #[schema(example = "ann@example.net")]
    pub recipient: Option<&'a str>,
    /// `to`, `cc` or `bcc`.
    pub kind: &'static str,
    /// `prepared`, `scheduled`, `queued`, `sending`, `deferred`, `held`, or one of the final ones: `delivered`, `failed`,
    /// `unknown`, `cancelled`.
    pub status: &'static str,
    /// Why no attempt will follow, of failed and some unknown ones: `rejected`, `expired`, `exhausted`, `suppressed`,
    /// `unroutable`, `aborted`, `resolved`.
    pub cause: Option<&'static str>,
    /// Why it is held: `operator`, `unknown`, `prepare_unanswered`, `quarantined`, `restored`, `stale`.
    pub hold_reason: Option<&'static str>,
    /// Not before, as submitted or rescheduled.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub send_at: Option<Timestamp>,
    /// From when its lifetime and its latency count.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    pub ready_at: Timestamp,
    /// When it ends without success at the latest. Null while it is held: what is held does not expire.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Attempts so far, those that could not send anything included.
    pub attempts: u32,
    /// Those of them whose result was not known: so many copies there may be beside the one delivered.
    pub unknown_attempts: u32,
    /// The earliest next attempt.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// When a relay took it.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Timestamp>,
    /// When a bounce came back.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub bounced_at: Option<Timestamp>,
    /// When the recipient complained.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub complained_at: Option<Timestamp>,
    /// The last complete reply of a relay.
    pub last_reply: Option<ReplyJson<'a>>,
    /// The relay of the last attempt.
    #[schema(example = "primary")]
    pub relay: Option<&'a str>,
}

/// What a relay said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reply)]
pub struct ReplyJson<'a> {
    /// The code: 200 to 599.
    #[schema(example = 250)]
    pub code: u16,
    /// The enhanced status code (RFC 3463), where there was one.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, example = "2.0.0")]
    pub enhanced: Option<Enhanced>,
    /// The text; lines are joined by line feeds.
    pub text: &'a str,
}

impl<'a> MessageJson<'a> {
    /// How `message` stands at `now`.
    pub fn new(message: &'a Message, now: Timestamp) -> Self {
        let queued = &message.queued;
        let personal = queued.personal.as_ref();
        let deliveries = message.deliveries.iter().zip(&queued.kinds).enumerate();
        let deliveries = deliveries.map(|(index, (delivery, kind))| DeliveryJson {
            recipient: personal
                .and_then(|personal| personal.recipients.get(index))
                .map(|address| address.as_str()),
            kind: kind.as_str(),
            ..DeliveryJson::new(delivery, now)
        });
        Self {
            id: message.id,
            status: message.status(now).as_str(),
            created_at: message.created_at,
            from: personal.map(|personal| personal.from.to_string()),
            subject: personal.map(|personal| personal.subject.as_str()),
            message_id_header: &queued.message_id_header,
            priority: queued.policy.priority.as_str(),
            tags: personal.map(|QueuedPersonal { tags, .. }| tags.as_slice()),
            metadata: personal.map(|personal| &personal.metadata),
            deliveries: deliveries.collect(),
        }
    }
}

impl<'a> DeliveryJson<'a> {
    fn new(delivery: &'a Delivery, now: Timestamp) -> Self {
        let state = &delivery.state;
        let (cause, hold_reason) = match state.phase {
            Phase::Failed { cause } | Phase::Unknown { cause: Some(cause) } => (Some(cause.as_str()), None),
            Phase::Held { reason } => (None, Some(reason.as_str())),
            _ => (None, None),
        };
        Self {
            id: delivery.id,
            recipient: None,
            kind: "",
            status: state.status(now).as_str(),
            cause,
            hold_reason,
            send_at: state.send_at,
            ready_at: state.ready_at,
            expires_at: hold_reason.is_none().then(|| state.expires_at()),
            attempts: state.attempts,
            unknown_attempts: state.unknown_attempts,
            next_attempt_at: state.due(),
            delivered_at: delivery.delivered_at,
            bounced_at: delivery.bounced_at,
            complained_at: delivery.complained_at,
            last_reply: delivery.last_reply.as_ref().map(ReplyJson::new),
            relay: delivery.relay().map(|relay| relay.as_str()),
        }
    }
}

impl<'a> ReplyJson<'a> {
    pub(crate) fn new(reply: &'a Reply) -> Self {
        Self { code: reply.code, enhanced: reply.enhanced, text: &reply.text }
    }
}
