//! The names of events, as they stand in the ledger, the API and the documents.

use super::{Event, MailEvent, NodeEvent};
use crate::key::{KeyCreated, KeyEvent};

/// The names of all kinds as they stand in the ledger, the API and the docs, by stream.
pub const KINDS: &[(&str, &[&str])] = &[
    (
        "message",
        &[
            "queued",
            "committed",
            "aborted",
            "content_removed",
            "erased",
            "attempted",
            "delivered",
            "deferred",
            "unknown",
            "failed",
            "held",
            "released",
            "cancelled",
            "rescheduled",
            "resolved",
            "redriven",
            "bounced",
            "complained",
        ],
    ),
    ("key", &["key_created", "key_revoked"]),
    ("node", &["started", "stopped", "breaker_opened", "breaker_probing", "breaker_closed"]),
];

impl Event {
    /// The kind in snake_case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mail(event) => event.kind(),
            Self::Key(KeyEvent::Created(KeyCreated { .. })) => "key_created",
            Self::Key(KeyEvent::Revoked { .. }) => "key_revoked",
            Self::Node(NodeEvent::Started { .. }) => "started",
            Self::Node(NodeEvent::Stopped) => "stopped",
            Self::Node(NodeEvent::BreakerOpened { .. }) => "breaker_opened",
            Self::Node(NodeEvent::BreakerProbing { .. }) => "breaker_probing",
            Self::Node(NodeEvent::BreakerClosed { .. }) => "breaker_closed",
        }
    }
}

impl MailEvent {
    /// The kind in snake_case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Queued(_) => "queued",
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::ContentRemoved => "content_removed",
            Self::Erased => "erased",
            Self::Attempted(_) => "attempted",
            Self::Delivered { .. } => "delivered",
            Self::Deferred { .. } => "deferred",
            Self::Unknown { .. } => "unknown",
            Self::Failed { .. } => "failed",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Cancelled { .. } => "cancelled",
            Self::Rescheduled { .. } => "rescheduled",
            Self::Resolved { .. } => "resolved",
            Self::Redriven { .. } => "redriven",
            Self::Bounced { .. } => "bounced",
            Self::Complained => "complained",
        }
    }
}
