//! An event as callers see it.

mod fields;

use crate::message_json::ReplyJson;
use crate::request::Span;
use crate::shown::{shown, shown_option};
use postledger_core::event::{Queued, Recorded};
use postledger_core::id::{Hex, Stream};
use postledger_core::name::RouteName;
use postledger_core::outcome::NotSent;
use postledger_core::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A fact of the journal. Beside the first seven fields, each kind has fields of its own; the others are absent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventJson<'a> {
    /// Order in the journal.
    pub position: i64,
    /// Whose event it is: a message's id.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "msg_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f")]
    pub stream: Stream,
    /// The ordinal of the delivery, from 1; 0 for the message itself.
    pub delivery: u16,
    /// Counts within stream and delivery, from 1.
    pub version: u32,
    /// What happened: `queued`, `attempted`, `delivered`, `deferred`, `unknown`, `failed`, `held`, `released`, `cancelled`,
    /// `rescheduled`, `resolved`, `redriven`, `bounced`, `complained`, `committed`, `aborted`, `content_removed`, `erased`.
    pub kind: &'static str,
    /// When it was decided.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The epoch it was written in; it only rises.
    pub epoch: i64,
    /// The hash chain up to and including this event, 64 hex digits. Only for keys with scope `admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,

    /// Of `queued`: what was accepted.
    #[serde(flatten)]
    pub queued: Option<QueuedJson<'a>>,
    /// The attempt, from 1. Of `attempted`, `delivered`, `deferred`, `unknown`, `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The next hop. Of `attempted`; of `breaker_opened`, `breaker_probing` and `breaker_closed`, which stand in exports
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<&'a str>,
    /// What the relay said. Of `delivered`, `deferred`, `failed`, `bounced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyJson<'a>>,
    /// Where and why nothing was sent. Of `deferred`, and of `breaker_opened` unless it was on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<NotSentJson<'a>>,
    /// The earliest next attempt. Of `deferred`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// How the wait for the reply ended: `timeout`, `closed`, `reset`, `protocol`, `interrupted`. Of `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<&'static str>,
    /// Why no attempt will follow. Of `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Why it is held (of `held`), or how the operator knows (of `resolved`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// `delivered` or `not_delivered`. Of `resolved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<&'static str>,
    /// The new time. Of `rescheduled`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub send_at: Option<Timestamp>,
    /// The new lifetime. Of `redriven`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "24h")]
    pub expires_after: Option<String>,
    /// Who did it: a key's id, `control`, `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'a str>,
    /// Until when no mail goes there. Of `breaker_opened`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// What the key may do. Of `key_created`, which stands in exports only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<&'static str>>,
    /// Of `started`, which stands in exports only: the version of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<&'a str>,
}

/// What `queued` says. Personal fields are null once erased.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queued)]
pub struct QueuedJson<'a> {
    /// Where it came in: `api`, or the name of an outbox.
    pub source: &'a str,
    /// By ordinal from 1.
    pub recipients: Vec<RecipientJson<'a>>,
    /// The author.
    pub from: Option<String>,
    /// The reverse path.
    pub return_path: Option<&'a str>,
    /// The subject.
    pub subject: Option<&'a str>,
    /// Labels.
    pub tags: Option<&'a [String]>,
    /// The application's own data.
    pub metadata: Option<&'a BTreeMap<String, String>>,
    /// Urgency.
    pub priority: &'static str,
    /// The lifetime from when it is ready.
    pub expires_after: String,
    /// Attempts and the waits between them.
    pub retry: RetryJson,
    /// What follows an attempt whose result is not known.
    pub on_unknown: &'static str,
    /// The route that the request named; null: chosen for each delivery by the configuration.
    pub route: Option<&'a str>,
    /// The Message-ID.
    pub message_id_header: &'a str,
    /// Digest (BLAKE3 over a salt and the bytes, 64 hex digits) and size in bytes of the rendered content.
    pub content: ContentJson,
    /// Whether it was submitted with an idempotency key.
    pub has_idempotency_key: bool,
}

/// Attempts and the waits between them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retry)]
pub struct RetryJson {
    /// Attempts that count, at most; null: as many as fit the lifetime.
    pub max_attempts: Option<u32>,
    /// Waits between attempts; the last repeats.
    pub schedule: Vec<String>,
}

/// A recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recipient)]
pub struct RecipientJson<'a> {
    /// The address.
    pub recipient: Option<&'a str>,
    /// `to`, `cc` or `bcc`.
    pub kind: &'static str,
}

/// What the journal knows of a content.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContentReference)]
pub struct ContentJson {
    /// 64 hex digits.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// Where and why nothing was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotSent)]
pub struct NotSentJson<'a> {
    /// `dns`, `connect`, `banner`, `ehlo`, `tls`, `auth`, `mail`, `rcpt`, `data` or `body`.
    pub stage: &'static str,
    /// `timeout`, `closed`, `reset`, `protocol`, `refused`, `tls`, `not_found`, `unsupported`, `withheld`, `interrupted`,
    /// `source_address`, `proxy_unreachable`, `proxy_timeout`, `proxy_refused`, `proxy_failed`, `proxy_protocol`.
    pub trouble: &'static str,
    /// What the relay said, where it said something complete.
    pub reply: Option<ReplyJson<'a>>,
}

impl<'a> EventJson<'a> {
    /// How `recorded` is shown; with the chain's hash for those who may see it.
    pub fn new(recorded: &'a Recorded, with_hash: bool) -> Self {
        let mut json = Self {
            position: recorded.position.0,
            stream: recorded.stream,
            delivery: recorded.ordinal.0,
            version: recorded.version,
            kind: recorded.event.kind(),
            at: recorded.at,
            epoch: recorded.epoch.0,
            hash: with_hash.then(|| Hex(&recorded.hash).to_string()),
            queued: None,
            attempt: None,
            relay: None,
            reply: None,
            not_sent: None,
            due: None,
            trouble: None,
            cause: None,
            reason: None,
            resolution: None,
            send_at: None,
            expires_after: None,
            by: None,
            until: None,
            scopes: None,
            program: None,
        };
        json.fill(&recorded.event);
        json
    }
}

impl<'a> QueuedJson<'a> {
    fn new(queued: &'a Queued) -> Self {
        let personal = queued.personal.as_ref();
        let recipients = queued.kinds.iter().enumerate().map(|(index, kind)| RecipientJson {
            recipient: personal
                .and_then(|personal| personal.recipients.get(index))
                .map(|address| address.as_str()),
            kind: kind.as_str(),
        });
        let policy = &queued.policy;
        Self {
            source: queued.source.as_str(),
            recipients: recipients.collect(),
            from: personal.map(|personal| personal.from.to_string()),
            return_path: personal.map(|personal| personal.return_path.as_str()),
            subject: personal.map(|personal| personal.subject.as_str()),
            tags: personal.map(|personal| personal.tags.as_slice()),
            metadata: personal.map(|personal| &personal.metadata),
            priority: policy.priority.as_str(),
            expires_after: Span::text(policy.expires_after),
            retry: RetryJson {
                max_attempts: policy.retry.max_attempts,
                schedule: policy.retry.schedule.iter().map(|interval| Span::text(*interval)).collect(),
            },
            on_unknown: policy.on_unknown.as_str(),
            route: policy.route.as_ref().map(RouteName::as_str),
            message_id_header: &queued.message_id_header,
            content: ContentJson {
                digest: Hex(&queued.content.digest).to_string(),
                size: queued.content.size,
            },
            has_idempotency_key: queued.idempotency.is_some(),
        }
    }
}

impl<'a> NotSentJson<'a> {
    pub(crate) fn new(not_sent: &'a NotSent) -> Self {
        Self {
            stage: not_sent.stage.as_str(),
            trouble: not_sent.trouble.as_str(),
            reply: not_sent.reply.as_ref().map(ReplyJson::new),
        }
    }
}
