//! A message as people see it: the fold of its whole history.

use crate::delivery::{self, IllegalTransition, State, Status};
use crate::event::{Event, Head, MailEvent, Queued, Recorded};
use crate::id::{DeliveryId, MessageId, Ordinal, Stream};
use crate::name::{RelayName, Tenant};
use crate::outcome::closed_set;
use crate::reply::Reply;
use crate::time::Timestamp;
use std::sync::Arc;

/// A message with all its deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Whose it is.
    pub tenant: Tenant,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The version of ordinal 0.
    pub version: u32,
    /// As submitted.
    pub queued: Arc<Queued>,
    /// By ordinal, from 1.
    pub deliveries: Vec<Delivery>,
    /// When its content was removed.
    pub content_removed_at: Option<Timestamp>,
    /// When it was erased.
    pub erased_at: Option<Timestamp>,
}

/// One delivery with what people ask about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The version of its stream; an append must expect it.
    pub version: u32,
    /// The state machine's state.
    pub state: State,
    /// The last complete reply.
    pub last_reply: Option<Reply>,
    /// When a relay took it.
    pub delivered_at: Option<Timestamp>,
    /// When a bounce came back.
    pub bounced_at: Option<Timestamp>,
    /// When the recipient complained.
    pub complained_at: Option<Timestamp>,
    /// Its own head, once an attempt has frozen it.
    pub head: Option<Arc<Head>>,
}

closed_set! {
    /// The one status of all deliveries if they share it, else one of the last two.
    MessageStatus {
        /// All are.
        Prepared = "prepared",
        /// All are.
        Scheduled = "scheduled",
        /// All are.
        Queued = "queued",
        /// All are.
        Sending = "sending",
        /// All are.
        Deferred = "deferred",
        /// All are.
        Held = "held",
        /// All are.
        Delivered = "delivered",
        /// All are.
        Failed = "failed",
        /// All are.
        Unknown = "unknown",
        /// All are.
        Cancelled = "cancelled",
        /// They differ, and at least one is not final.
        InProgress = "in_progress",
        /// They differ, and all are final.
        Partial = "partial",
    }
}

/// A history that cannot be folded: damaged, or not written by this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenHistory {
    /// The first event is not `Queued`, or the stream is not a message's.
    #[error("the history does not begin with queued")]
    NoBeginning,
    /// An event stands in another message's history, or at an ordinal it cannot stand at.
    #[error("{kind} stands where it cannot at ordinal {ordinal}")]
    Misplaced {
        /// The kind of the event.
        kind: &'static str,
        /// The ordinal it stands at.
        ordinal: Ordinal,
    },
    /// A version is missing or doubled.
    #[error("version {found} at ordinal {ordinal} where {expected} was due")]
    Gap {
        /// The ordinal.
        ordinal: Ordinal,
        /// The version that was due.
        expected: u32,
        /// The version that was found.
        found: u32,
    },
    /// The state machine does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

impl Message {
    /// Folds a message's whole history, in order of position. `None` for no history.
    ///
    /// # Errors
    /// [`BrokenHistory`] names the first event that cannot be.
    pub fn fold<'a>(history: impl IntoIterator<Item = &'a Recorded>) -> Result<Option<Self>, BrokenHistory> {
        let mut history = history.into_iter();
        let Some(first) = history.next() else { return Ok(None) };
        let mut message = Self::begin(first)?;
        history.try_for_each(|recorded| message.apply(recorded))?;
        Ok(Some(message))
    }

    /// The message that a `Queued` begins.
    ///
    /// # Errors
    /// [`BrokenHistory::NoBeginning`] for any other event.
    pub fn begin(first: &Recorded) -> Result<Self, BrokenHistory> {
        let (Stream::Message(id), Event::Mail(event @ MailEvent::Queued(queued)), Ordinal::MESSAGE, 1) =
            (first.stream, &first.event, first.ordinal, first.version)
        else {
            return Err(BrokenHistory::NoBeginning);
        };
        let delivery = |ordinal: Ordinal| -> Result<Delivery, BrokenHistory> {
            Ok(Delivery {
                id: id.delivery(ordinal),
                version: 0,
                state: delivery::apply(None, ordinal, first.at, event)?,
                last_reply: None,
                delivered_at: None,
                bounced_at: None,
                complained_at: None,
                head: None,
            })
        };
        let count = u16::try_from(queued.kinds.len()).map_err(|_| BrokenHistory::NoBeginning)?;
        Ok(Self {
            id,
            tenant: first.tenant.clone(),
            created_at: first.at,
            version: 1,
            queued: queued.clone(),
            deliveries: (1..=count).map(Ordinal).map(delivery).collect::<Result<_, _>>()?,
            content_removed_at: None,
            erased_at: None,
        })
    }

    /// Folds the next event. On error the message is as it was.
    ///
    /// # Errors
    /// [`BrokenHistory`] if the event cannot follow.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), BrokenHistory> {
        let ordinal = recorded.ordinal;
        let misplaced = BrokenHistory::Misplaced { kind: recorded.event.kind(), ordinal };
        let (Stream::Message(id), Event::Mail(event)) = (recorded.stream, &recorded.event) else {
            return Err(misplaced);
        };
        if id != self.id || event.is_of_message() != (ordinal == Ordinal::MESSAGE) {
            return Err(misplaced);
        }
        let follows = |version: u32| match version + 1 {
            expected if expected == recorded.version => Ok(()),
            expected => Err(BrokenHistory::Gap { ordinal, expected, found: recorded.version }),
        };
        if ordinal == Ordinal::MESSAGE {
            follows(self.version)?;
            return self.apply_to_all(recorded, event);
        }
        let delivery = self.delivery_mut(ordinal).ok_or(misplaced)?;
        follows(delivery.version)?;
        delivery.apply(recorded, event)
    }

    fn apply_to_all(&mut self, recorded: &Recorded, event: &MailEvent) -> Result<(), BrokenHistory> {
        let folded = self
            .deliveries
            .iter()
            .map(|d| delivery::apply(Some(d.state.clone()), d.id.ordinal, recorded.at, event))
            .collect::<Result<Vec<_>, _>>()?;
        for (delivery, state) in self.deliveries.iter_mut().zip(folded) {
            delivery.state = state;
        }
        self.version = recorded.version;
        match event {
            MailEvent::ContentRemoved => self.content_removed_at = Some(recorded.at),
            MailEvent::Erased => self.erased_at = Some(recorded.at),
            _ => {}
        }
        Ok(())
    }

    /// The delivery at `ordinal`.
    pub fn delivery(&self, ordinal: Ordinal) -> Option<&Delivery> {
        self.deliveries.get(usize::from(ordinal.0).checked_sub(1)?)
    }

    fn delivery_mut(&mut self, ordinal: Ordinal) -> Option<&mut Delivery> {
        self.deliveries.get_mut(usize::from(ordinal.0).checked_sub(1)?)
    }

    /// The one status of all deliveries, or `in_progress` or `partial`.
    pub fn status(&self, now: Timestamp) -> MessageStatus {
        MessageStatus::of(self.deliveries.iter().map(|delivery| delivery.state.status(now)))
    }

    /// Whether every delivery has ended.
    pub fn is_final(&self) -> bool {
        self.deliveries.iter().all(|delivery| delivery.state.phase.is_final())
    }
}

impl MessageStatus {
    /// Of the statuses of all deliveries.
    pub fn of(statuses: impl IntoIterator<Item = Status>) -> Self {
        let mut statuses = statuses.into_iter();
        let Some(first) = statuses.next() else { return Self::Partial };
        let (mut shared, mut all_final) = (true, first.is_final());
        for status in statuses {
            shared &= status == first;
            all_final &= status.is_final();
        }
        match (shared, all_final) {
            (true, _) => first.into(),
            (false, true) => Self::Partial,
            (false, false) => Self::InProgress,
        }
    }
}

impl From<Status> for MessageStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Prepared => Self::Prepared,
            Status::Scheduled => Self::Scheduled,
            Status::Queued => Self::Queued,
            Status::Sending => Self::Sending,
            Status::Deferred => Self::Deferred,
            Status::Held => Self::Held,
            Status::Delivered => Self::Delivered,
            Status::Failed => Self::Failed,
            Status::Unknown => Self::Unknown,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl Delivery {
    fn apply(&mut self, recorded: &Recorded, event: &MailEvent) -> Result<(), BrokenHistory> {
        self.state = delivery::apply(Some(self.state.clone()), self.id.ordinal, recorded.at, event)?;
        self.version = recorded.version;
        match event {
            MailEvent::Attempted(attempted) => {
                self.head = self.head.take().or_else(|| attempted.head.clone())
            }
            MailEvent::Delivered { reply, .. } => {
                self.delivered_at = Some(recorded.at);
                self.last_reply = Some(reply.clone());
            }
            MailEvent::Resolved { .. } if self.state.phase == delivery::Phase::Delivered => {
                self.delivered_at = Some(recorded.at);
            }
            MailEvent::Bounced { .. } => self.bounced_at = Some(recorded.at),
            MailEvent::Complained => self.complained_at = Some(recorded.at),
            other => {
                if let Some(reply) = other.reply() {
                    self.last_reply = Some(reply.clone());
                }
            }
        }
        Ok(())
    }

    /// The relay of the last attempt.
    pub fn relay(&self) -> Option<&RelayName> {
        self.state.relay.as_ref()
    }
}

#[cfg(test)]
mod tests;
