//! `queued`, the largest event.

use super::super::policy::StoredPolicy;
use super::super::text::{Bytes, Micros, Text};
use super::super::{Undecodable, json, parse, parse_personal};
use postledger_core::address::{Address, Mailbox};
use postledger_core::content::ContentRef;
use postledger_core::event::{Idempotency, Queued, QueuedPersonal, RecipientKind};
use postledger_core::name::{Actor, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredQueued {
    source: Text<Source>,
    by: Text<Actor>,
    kinds: Vec<Text<RecipientKind>>,
    policy: StoredPolicy,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    send_at_us: Option<Micros>,
    content: StoredContent,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    idempotency: Option<StoredIdempotency>,
    message_id_header: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredContent {
    digest: Bytes<32>,
    size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredIdempotency {
    key: Bytes<32>,
    request: Bytes<32>,
    secret: Bytes<8>,
    fingerprint_version: u16,
    keep_until_us: Micros,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPersonal {
    from: StoredMailbox,
    return_path: Text<Address>,
    recipients: Vec<Text<Address>>,
    subject: String,
    tags: Vec<String>,
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMailbox {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    address: Text<Address>,
}

pub(super) fn encode(queued: &Queued) -> (String, Option<String>) {
    let data = json(&StoredQueued {
        source: Text(queued.source.clone()),
        by: Text(queued.by.clone()),
        kinds: queued.kinds.iter().copied().map(Text).collect(),
        policy: StoredPolicy::from(queued.policy.as_ref()),
        send_at_us: queued.send_at.map(Micros),
        content: StoredContent { digest: Bytes(queued.content.digest), size: queued.content.size },
        idempotency: queued.idempotency.as_ref().map(|idempotency| StoredIdempotency {
            key: Bytes(idempotency.key),
            request: Bytes(idempotency.request),
            secret: Bytes(idempotency.secret),
            fingerprint_version: idempotency.fingerprint_version,
            keep_until_us: Micros(idempotency.keep_until),
        }),
        message_id_header: queued.message_id_header.clone(),
    });
    let personal = queued.personal.as_ref().map(|personal| {
        let QueuedPersonal { from, return_path, recipients, subject, tags, metadata } = personal.clone();
        json(&StoredPersonal {
            from: StoredMailbox { name: from.name, address: Text(from.address) },
            return_path: Text(return_path),
            recipients: recipients.into_iter().map(Text).collect(),
            subject,
            tags,
            metadata,
        })
    });
    (data, personal)
}

pub(super) fn decode(data: &str, personal: Option<&[u8]>) -> Result<Queued, Undecodable> {
    let stored: StoredQueued = parse(data)?;
    let personal = parse_personal(personal)?.map(|personal: StoredPersonal| QueuedPersonal {
        from: Mailbox { name: personal.from.name, address: personal.from.address.0 },
        return_path: personal.return_path.0,
        recipients: personal.recipients.into_iter().map(|address| address.0).collect(),
        subject: personal.subject,
        tags: personal.tags,
        metadata: personal.metadata,
    });
    Ok(Queued {
        source: stored.source.0,
        by: stored.by.0,
        kinds: stored.kinds.into_iter().map(|kind| kind.0).collect(),
        policy: Arc::new(stored.policy.into()),
        send_at: stored.send_at_us.map(|at| at.0),
        content: ContentRef { digest: stored.content.digest.0, size: stored.content.size },
        idempotency: stored.idempotency.map(|idempotency| Idempotency {
            key: idempotency.key.0,
            request: idempotency.request.0,
            secret: idempotency.secret.0,
            fingerprint_version: idempotency.fingerprint_version,
            keep_until: idempotency.keep_until_us.0,
        }),
        message_id_header: stored.message_id_header,
        personal,
    })
}
