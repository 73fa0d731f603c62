//! What each kind of event says beside its place.

use super::{EventJson, NotSentJson, QueuedJson};
use crate::message_json::ReplyJson;
use crate::request::Span;
use postledger_core::event::{Deferral, Event, MailEvent, NodeEvent};
use postledger_core::key::{KeyEvent, Scope};

impl<'a> EventJson<'a> {
    pub(super) fn fill(&mut self, event: &'a Event) {
        match event {
            Event::Mail(event) => self.fill_mail(event),
            Event::Key(KeyEvent::Created(created)) => {
                self.scopes = Some(created.scopes.iter().copied().map(Scope::as_str).collect());
                self.by = Some(created.by.as_str());
            }
            Event::Key(KeyEvent::Revoked { by }) => self.by = Some(by.as_str()),
            Event::Node(event) => self.fill_node(event),
        }
    }

    fn fill_node(&mut self, event: &'a NodeEvent) {
        match event {
            NodeEvent::Started { version } => self.program = Some(version),
            NodeEvent::Stopped => {}
            NodeEvent::BreakerOpened { relay, not_sent, until, by } => {
                self.relay = Some(relay.as_str());
                self.not_sent = not_sent.as_ref().map(NotSentJson::new);
                self.until = Some(*until);
                self.by = Some(by.as_str());
            }
            NodeEvent::BreakerProbing { relay } => self.relay = Some(relay.as_str()),
            NodeEvent::BreakerClosed { relay, by } => {
                self.relay = Some(relay.as_str());
                self.by = Some(by.as_str());
            }
        }
    }

    fn fill_mail(&mut self, event: &'a MailEvent) {
        self.reply = match event {
            MailEvent::Deferred { reason: Deferral::NotSent(_), .. } => None,
            _ => event.reply().map(ReplyJson::new),
        };
        match event {
            MailEvent::Queued(queued) => {
                self.queued = Some(QueuedJson::new(queued));
                self.send_at = queued.send_at;
                self.by = Some(queued.by.as_str());
            }
            MailEvent::Attempted(attempted) => {
                self.attempt = Some(attempted.attempt);
                self.relay = Some(attempted.relay.as_str());
            }
            MailEvent::Delivered { attempt, .. } => self.attempt = Some(*attempt),
            MailEvent::Deferred { attempt, reason, due } => {
                self.attempt = Some(*attempt);
                self.due = Some(*due);
                if let Deferral::NotSent(not_sent) = reason {
                    self.not_sent = Some(NotSentJson::new(not_sent));
                }
            }
            MailEvent::Unknown { attempt, trouble, due } => {
                self.attempt = Some(*attempt);
                self.trouble = Some(trouble.as_str());
                self.due = Some(*due);
            }
            MailEvent::Failed { cause, attempt, .. } => {
                self.cause = Some(cause.as_str());
                self.attempt = *attempt;
            }
            MailEvent::Held { reason, by } => {
                self.reason = Some(reason.as_str());
                self.by = Some(by.as_str());
            }
            MailEvent::Released { by } | MailEvent::Cancelled { by } => self.by = Some(by.as_str()),
            MailEvent::Rescheduled { send_at, by } => {
                self.send_at = Some(*send_at);
                self.by = Some(by.as_str());
            }
            MailEvent::Resolved { resolution, reason, by } => {
                self.resolution = Some(resolution.as_str());
                self.reason = Some(reason);
                self.by = Some(by.as_str());
            }
            MailEvent::Redriven { expires_after, by } => {
                self.expires_after = Some(Span::text(*expires_after));
                self.by = Some(by.as_str());
            }
            MailEvent::Committed
            | MailEvent::Aborted
            | MailEvent::ContentRemoved
            | MailEvent::Erased
            | MailEvent::Bounced { .. }
            | MailEvent::Complained => {}
        }
    }
}
