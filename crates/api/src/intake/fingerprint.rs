//! By what a repeated request is recognised.
//!
//! The canonical request is what a request *means*: parsed values in a fixed order, each with its length. So neither
//! white space nor the order of keys counts, nor how a mailbox was written. What is as the service's defaults have it
//! counts as not said: whether it was spelled out makes no difference, and a request that says nothing stays the same
//! when the defaults are configured anew.

use super::checked::Checked;
use crate::idempotency::IdempotencyKey;
use postledger_core::address::{Address, Mailbox};
use postledger_core::event::Idempotency;
use postledger_core::name::{RouteName, Source, Tenant};
use postledger_core::policy::Policy;
use postledger_core::secret::{Purpose, Secret};
use postledger_core::time::Timestamp;
use std::borrow::Cow;
use std::time::Duration;

/// Raised whenever the parts below change: digests of different versions are not comparable.
pub(crate) const FINGERPRINT_VERSION: u16 = 1;

/// How long a key is kept at least.
const KEPT: Duration = Duration::from_secs(7 * 86400);

/// What a request that says nothing gets.
pub(crate) struct Defaults<'a> {
    pub policy: &'a Policy,
    pub bounce_address: Option<&'a Address>,
}

impl Checked {
    /// The record by which the ledger recognises a repetition.
    pub fn idempotency(
        &self,
        secret: &Secret,
        tenant: &Tenant,
        source: &Source,
        key: &IdempotencyKey,
        defaults: &Defaults<'_>,
        now: Timestamp,
    ) -> Idempotency {
        let scope = [tenant.as_str().as_bytes(), source.as_str().as_bytes(), key.as_bytes()];
        let parts = self.parts(defaults);
        let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
        let ready_at = self.send_at.unwrap_or(now).max(now);
        Idempotency {
            key: secret.digest(Purpose::IdempotencyKey, &scope),
            request: secret.digest(Purpose::IdempotencyRequest, &parts),
            secret: secret.fingerprint(),
            fingerprint_version: FINGERPRINT_VERSION,
            keep_until: now.plus(KEPT).max(ready_at.plus(self.policy.expires_after)),
        }
    }

    fn parts(&self, defaults: &Defaults<'_>) -> Vec<Cow<'_, [u8]>> {
        let mut parts = Parts(Vec::with_capacity(48));
        let draft = &self.draft;
        parts.mailboxes(std::slice::from_ref(&draft.from));
        for mailboxes in [&draft.to, &draft.cc] {
            parts.mailboxes(mailboxes);
        }
        parts.mailboxes(&self.bcc);
        parts.mailboxes(&draft.reply_to);
        let default_path = defaults.bounce_address.unwrap_or(&draft.from.address);
        parts.option(Some(&self.return_path).filter(|path| *path != default_path).map(Address::as_str));
        parts.text(&draft.subject);
        parts.option(draft.text.as_deref());
        parts.option(draft.html.as_deref());
        let mut headers: Vec<_> =
            draft.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        headers.sort();
        parts.count(headers.len());
        for (name, value) in headers {
            parts.owned(name);
            parts.text(value);
        }
        parts.count(draft.attachments.len());
        for attachment in &draft.attachments {
            parts.text(&attachment.filename);
            parts.text(&attachment.content_type);
            parts.option(attachment.content_id.as_deref());
            parts.0.push(Cow::Borrowed(&attachment.bytes));
        }
        parts.policy(&self.policy, defaults.policy);
        parts.number(self.send_at.map_or(0, Timestamp::as_micros));
        parts.count(self.tags.len());
        self.tags.iter().for_each(|tag| parts.text(tag));
        parts.count(self.metadata.len());
        for (key, value) in &self.metadata {
            parts.text(key);
            parts.text(value);
        }
        parts.0
    }
}

/// Texts are borrowed: a message's body is digested, never copied.
struct Parts<'a>(Vec<Cow<'a, [u8]>>);

impl<'a> Parts<'a> {
    fn text(&mut self, text: &'a str) {
        self.0.push(Cow::Borrowed(text.as_bytes()));
    }

    fn owned(&mut self, text: String) {
        self.0.push(Cow::Owned(text.into_bytes()));
    }

    fn option(&mut self, text: Option<&'a str>) {
        self.count(usize::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn number(&mut self, number: i64) {
        self.0.push(Cow::Owned(number.to_le_bytes().to_vec()));
    }

    fn count(&mut self, count: usize) {
        self.0.push(Cow::Owned((count as u64).to_le_bytes().to_vec()));
    }

    fn mailboxes(&mut self, mailboxes: &'a [Mailbox]) {
        self.count(mailboxes.len());
        for mailbox in mailboxes {
            self.option(mailbox.name.as_deref());
            self.text(mailbox.address.as_str());
        }
    }

    fn policy(&mut self, policy: &'a Policy, defaults: &Policy) {
        let said = |differs: bool, word: &'a str| Some(word).filter(|_| differs);
        self.option(said(policy.priority != defaults.priority, policy.priority.as_str()));
        self.option(said(policy.on_unknown != defaults.on_unknown, policy.on_unknown.as_str()));
        // Spelled out, `default` says no more than the example of the API does.
        self.option(policy.route.as_ref().map(RouteName::as_str).filter(|route| *route != "default"));
        let is_said = policy.retry.max_attempts != defaults.retry.max_attempts;
        self.number(policy.retry.max_attempts.filter(|_| is_said).map_or(0, i64::from));
        let schedule =
            if policy.retry.schedule == defaults.retry.schedule { &[] } else { &policy.retry.schedule[..] };
        self.count(schedule.len());
        let lifetime = Some(&policy.expires_after).filter(|lifetime| **lifetime != defaults.expires_after);
        for interval in schedule.iter().chain([lifetime.unwrap_or(&Duration::ZERO)]) {
            self.0.push(Cow::Owned(interval.as_secs().to_le_bytes().to_vec()));
        }
    }
}
