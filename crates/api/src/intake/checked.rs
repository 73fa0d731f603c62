//! A request in which every field was found right.

use super::{Findings, attached, labels, plan, recipients};
use crate::problem::Problem;
use crate::request::{NewMessage, Parties};
use crate::settings::Settings;
use postledger_core::address::{Address, Mailbox};
use postledger_core::compose::Draft;
use postledger_core::event::RecipientKind;
use postledger_core::policy::Policy;
use postledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a request means: parsed values, with defaults filled in.
#[derive(Debug)]
pub(super) struct Checked {
    pub draft: Draft,
    pub bcc: Vec<Mailbox>,
    /// Forward paths by ordinal from 1, each address once.
    pub envelope: Vec<Address>,
    /// The kind of each.
    pub kinds: Vec<RecipientKind>,
    pub return_path: Address,
    pub policy: Arc<Policy>,
    pub send_at: Option<Timestamp>,
    pub tags: Vec<String>,
    pub metadata: BTreeMap<String, String>,
}

impl Checked {
    /// Looks at every field before it says no.
    pub fn new(request: NewMessage, settings: &Settings, now: Timestamp) -> Result<Self, Problem> {
        let limits = &settings.limits;
        let mut findings = Findings::default();
        let from = author(request.from, &mut findings);
        let addressed =
            recipients::check(request.to, request.cc, request.bcc, limits.recipients, &mut findings);
        let reply_to = recipients::mailboxes("reply_to", request.reply_to, 10, &mut findings);
        let return_path = request.return_path.and_then(|path| {
            path.0.map_err(|wrong| findings.add("return_path", "invalid_address", wrong.to_string())).ok()
        });
        let has_text = request.text.is_some() || request.html.is_some();
        unsupported(request.template.is_some(), request.prepare.is_some(), has_text, &mut findings);
        let subject = request.subject.unwrap_or_default();
        findings.line("subject", &subject, 0..=998);
        for (field, body) in [("text", &request.text), ("html", &request.html)] {
            if body.as_ref().is_some_and(|body| body.contains('\0')) {
                findings.add(field, "control_character", "a message has no NUL (RFC 5322 3.5)");
            }
        }
        let headers = labels::headers(request.headers.unwrap_or_default(), &mut findings);
        let files = request.attachments.unwrap_or_default();
        let attachments = attached::check(files, limits.attachments_bytes, &mut findings);
        let tags = labels::tags(request.tags.unwrap_or_default(), &mut findings);
        let metadata = labels::metadata(request.metadata.unwrap_or_default(), &mut findings);
        let send_at = request.send_at.and_then(|time| plan::send_at(time, now, &mut findings));
        let wishes = plan::Wishes {
            priority: request.priority,
            expires_after: request.expires_after,
            retry: request.retry,
            on_unknown: request.on_unknown,
            route: request.route,
        };
        let policy = plan::policy(wishes, &settings.defaults, &settings.routes, &mut findings);

        let (Some(from), []) = (from, &findings.0[..]) else { return Err(Problem::invalid(findings.0)) };
        let return_path = return_path.or_else(|| settings.bounce_address.clone());
        let return_path = return_path.unwrap_or_else(|| from.address.clone());
        let (text, html) = (request.text, request.html);
        let (to, cc) = (addressed.to, addressed.cc);
        Ok(Self {
            draft: Draft { from, to, cc, reply_to, subject, text, html, headers, attachments },
            bcc: addressed.bcc,
            envelope: addressed.envelope,
            kinds: addressed.kinds,
            return_path,
            policy,
            send_at,
            tags,
            metadata,
        })
    }
}

fn unsupported(has_template: bool, has_prepare: bool, has_text: bool, findings: &mut Findings) {
    if has_template {
        findings.add("template", "not_supported", "templates are not supported yet: send text or html");
    } else if !has_text {
        findings.add("text", "required", "a message has a text, an html, or both");
    }
    if has_prepare {
        findings.add("prepare", "not_supported", "preparing is not supported yet: submit when it is decided");
    }
}

fn author(from: Parties, findings: &mut Findings) -> Option<Mailbox> {
    if from.0.count == 0 {
        findings.add("from", "required", "a message has an author");
    }
    recipients::mailboxes("from", from, 1, findings).pop()
}
