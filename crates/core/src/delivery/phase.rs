//! Where a delivery stands: the phase that the state machine knows, and the status that users see.

use crate::event::{Cause, HoldReason};
use crate::outcome::closed_set;
use crate::time::Timestamp;

/// The phases of a delivery, in lifecycle order; the last four are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for its application's commit.
    Prepared,
    /// Waits for its first attempt since acceptance, release or redrive. Moved by the dispatcher at `due`.
    Queued {
        /// The earliest attempt.
        due: Timestamp,
    },
    /// An attempt is open. Moved by the dispatcher, or at the next start.
    Sending,
    /// Waits for another attempt. Moved by the dispatcher at `due`.
    Deferred {
        /// The earliest attempt.
        due: Timestamp,
    },
    /// Waits for an operator. Does not expire.
    Held {
        /// Why.
        reason: HoldReason,
    },
    /// A relay took it.
    Delivered,
    /// No relay took it, and none will.
    Failed {
        /// Why.
        cause: Cause,
    },
    /// It ended while an unknown attempt may have delivered it.
    Unknown {
        /// Why no further attempt followed; `None`: it was cancelled.
        cause: Option<Cause>,
    },
    /// Withdrawn before it was sent.
    Cancelled,
}

closed_set! {
    /// What users see of a delivery.
    Status {
        /// Waits for its application's commit.
        Prepared = "prepared",
        /// Waits for its `send_at`.
        Scheduled = "scheduled",
        /// Is due for its first attempt.
        Queued = "queued",
        /// An attempt is open.
        Sending = "sending",
        /// Waits for another attempt.
        Deferred = "deferred",
        /// Waits for an operator.
        Held = "held",
        /// A relay took it.
        Delivered = "delivered",
        /// No relay took it, and none will.
        Failed = "failed",
        /// It may have been delivered; nobody knows.
        Unknown = "unknown",
        /// Withdrawn before it was sent.
        Cancelled = "cancelled",
    }
}

impl Phase {
    pub(super) fn failed(cause: Cause, may_have_arrived: bool) -> Self {
        if may_have_arrived { Self::Unknown { cause: Some(cause) } } else { Self::Failed { cause } }
    }

    /// Nothing follows but a redrive, a resolution, or news from outside.
    pub fn is_final(self) -> bool {
        match self {
            Self::Delivered | Self::Failed { .. } | Self::Unknown { .. } | Self::Cancelled => true,
            Self::Prepared
            | Self::Queued { .. }
            | Self::Sending
            | Self::Deferred { .. }
            | Self::Held { .. } => false,
        }
    }

    /// Why it is held, while it is.
    pub fn hold_reason(self) -> Option<HoldReason> {
        match self {
            Self::Held { reason } => Some(reason),
            Self::Prepared
            | Self::Queued { .. }
            | Self::Sending
            | Self::Deferred { .. }
            | Self::Delivered
            | Self::Failed { .. }
            | Self::Unknown { .. }
            | Self::Cancelled => None,
        }
    }

    /// The phase's name in errors and digests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Queued { .. } => "queued",
            Self::Sending => "sending",
            Self::Deferred { .. } => "deferred",
            Self::Held { .. } => "held",
            Self::Delivered => "delivered",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Status {
    /// The four final ones.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Unknown | Self::Cancelled)
    }
}
