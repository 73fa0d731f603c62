//! From the wire to the ledger: a request becomes a submission, or a problem that names every wrong field.

mod attached;
mod checked;
mod findings;
mod fingerprint;
mod labels;
mod plan;
mod recipients;

pub(crate) use findings::Findings;
pub(crate) use plan::{lifetime, send_at, span};

use crate::api::Shared;
use crate::caller::Caller;
use crate::idempotency::IdempotencyKey;
use crate::limits;
use crate::problem::{Problem, code};
use crate::request::NewMessage;
use checked::Checked;
use fingerprint::Defaults;
use postledger_core::content::Content;
use postledger_core::event::{Queued, QueuedPersonal};
use postledger_core::id::MessageId;
use postledger_core::ledger::Submission;
use postledger_core::name::Source;
use std::sync::Arc;

/// Checks and renders. Costs one pass of the composer over the whole message: large ones belong off the async threads.
///
/// # Errors
/// 422 with every finding, or with the composer's.
pub(crate) fn take_in(
    shared: &Shared,
    caller: &Caller,
    request: NewMessage,
    key: Option<&IdempotencyKey>,
) -> Result<Submission, Problem> {
    let (services, settings) = (&shared.services, shared.settings());
    let now = services.clock.now();
    let message = Checked::new(request, &settings, now)?;
    let (tenant, source) = (caller.submits_for(), Source::api());
    let defaults = Defaults { policy: &settings.defaults, bounce_address: settings.bounce_address.as_ref() };
    let idempotency =
        key.map(|key| message.idempotency(&services.secret, &tenant, &source, key, &defaults, now));

    let mut random = [0; 10];
    services.entropy.fill(&mut random);
    let id = MessageId::new(now, random);
    let rendered = services
        .composer
        .compose(id, &message.draft)
        .map_err(|wrong| Problem::invalid_field(wrong.field, wrong.code, wrong.detail))?;
    let most = settings.limits.message_bytes;
    if rendered.bytes.len() > most {
        let detail = format!("rendered, a message has at most {}", limits::size(most));
        return Err(Problem::new(code::MESSAGE_TOO_LARGE, detail));
    }

    let content = Content { salt: services.entropy.salt(), bytes: rendered.bytes };
    let personal = QueuedPersonal {
        from: message.draft.from,
        return_path: message.return_path,
        recipients: message.envelope,
        subject: message.draft.subject,
        tags: message.tags,
        metadata: message.metadata,
    };
    let queued = Queued {
        source,
        by: caller.actor.clone(),
        kinds: message.kinds,
        policy: message.policy,
        send_at: message.send_at,
        content: content.reference(),
        idempotency,
        message_id_header: rendered.message_id_header,
        personal: Some(personal),
    };
    Ok(Submission { id, tenant, at: now, queued: Arc::new(queued), content })
}
