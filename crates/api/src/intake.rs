//! From the wire to the ledger: a request becomes a submission, or a problem that names every wrong field.

mod attached;
mod findings;
mod fingerprint;
mod labels;
mod plan;
mod recipients;

pub(crate) use findings::Findings;
pub(crate) use plan::{lifetime, send_at};

use crate::api::Shared;
use crate::caller::Caller;
use crate::idempotency::IdempotencyKey;
use crate::problem::Problem;
use crate::request::{NewMessage, Parties};
use axum::http::StatusCode;
use fingerprint::Fingerprint;
use postledger_core::address::Mailbox;
use postledger_core::compose::Draft;
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
    let services = &shared.services;
    let limits = &services.limits;
    let now = services.clock.now();
    let mut findings = Findings::default();

    if request.template.is_some() {
        findings.add("template", "not_supported", "templates are not supported yet: send text or html");
    }
    if request.prepare.is_some() {
        findings.add("prepare", "not_supported", "preparing is not supported yet: submit when it is decided");
    }
    let from = author(request.from, &mut findings);
    let addressed = recipients::check(request.to, request.cc, request.bcc, limits.recipients, &mut findings);
    let reply_to = recipients::mailboxes("reply_to", request.reply_to, 10, &mut findings);
    let return_path = request.return_path.and_then(|path| {
        path.0.map_err(|invalid| findings.add("return_path", "invalid_address", invalid.to_string())).ok()
    });
    let subject = request.subject.unwrap_or_default();
    findings.line("subject", &subject, 0..=998);
    for (field, body) in [("text", &request.text), ("html", &request.html)] {
        if body.as_ref().is_some_and(|body| body.contains('\0')) {
            findings.add(field, "control_character", "a message has no NUL (RFC 5322 3.5)");
        }
    }
    if request.text.is_none() && request.html.is_none() && request.template.is_none() {
        findings.add("text", "required", "a message has a text, an html, or both");
    }
    let headers = labels::headers(request.headers.unwrap_or_default(), &mut findings);
    let attachments =
        attached::check(request.attachments.unwrap_or_default(), limits.attachments_bytes, &mut findings);
    let tags = labels::tags(request.tags.unwrap_or_default(), &mut findings);
    let metadata = labels::metadata(request.metadata.unwrap_or_default(), &mut findings);
    let send_at = request.send_at.and_then(|time| send_at(time, now, &mut findings));
    let wishes = plan::Wishes {
        priority: request.priority,
        expires_after: request.expires_after,
        retry: request.retry,
        on_unknown: request.on_unknown,
        route: request.route,
    };
    let policy = plan::policy(wishes, &shared.default_policy, &services.routes, &mut findings);
    let (Some(from), []) = (from, &findings.0[..]) else { return Err(Problem::invalid(findings.0)) };

    let draft = Draft {
        from,
        to: addressed.to,
        cc: addressed.cc,
        reply_to,
        subject,
        text: request.text,
        html: request.html,
        headers,
        attachments,
    };
    let return_path =
        return_path.or_else(|| services.bounce_address.clone()).unwrap_or_else(|| draft.from.address.clone());
    let tenant = caller.submits_for();
    let source = Source::api();
    let idempotency = key.map(|key| {
        let fingerprint = Fingerprint {
            draft: &draft,
            bcc: &addressed.bcc,
            return_path: &return_path,
            policy: &policy,
            send_at,
            tags: &tags,
            metadata: &metadata,
        };
        fingerprint.idempotency(&services.secret, &tenant, &source, key, now)
    });

    let id = MessageId::new(now, random(shared));
    let rendered = services.composer.compose(id, &draft).map_err(|unrenderable| {
        Problem::invalid_field(unrenderable.field, unrenderable.code, unrenderable.detail)
    })?;
    if rendered.bytes.len() > limits.message_bytes {
        let detail = format!("rendered, a message has at most {} bytes", limits.message_bytes);
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "message_too_large", detail));
    }
    let content = Content { salt: services.entropy.salt(), bytes: rendered.bytes };
    let personal = QueuedPersonal {
        from: draft.from,
        return_path,
        recipients: addressed.envelope,
        subject: draft.subject,
        tags,
        metadata,
    };
    let queued = Queued {
        source,
        by: caller.actor.clone(),
        kinds: addressed.kinds,
        policy,
        send_at,
        content: content.reference(),
        idempotency,
        message_id_header: rendered.message_id_header,
        personal: Some(personal),
    };
    Ok(Submission { id, tenant, at: now, queued: Arc::new(queued), content })
}

fn author(from: Parties, findings: &mut Findings) -> Option<Mailbox> {
    if from.0.count == 0 {
        findings.add("from", "required", "a message has an author");
        return None;
    }
    recipients::mailboxes("from", from, 1, findings).into_iter().next()
}

fn random<const N: usize>(shared: &Shared) -> [u8; N] {
    let mut bytes = [0; N];
    shared.services.entropy.fill(&mut bytes);
    bytes
}
