//! What a verb acts on: a message, or one of its deliveries.

use postledger_core::id::{DeliveryId, MessageId, Ordinal};
use std::fmt;
use std::str::FromStr;

/// A message, or one delivery of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// All of a message.
    Message(MessageId),
    /// One delivery.
    Delivery(DeliveryId),
}

impl Subject {
    /// The message that it is or belongs to.
    pub const fn message(self) -> MessageId {
        match self {
            Self::Message(id) => id,
            Self::Delivery(id) => id.message,
        }
    }

    /// Its place in the API.
    pub fn path(self) -> String {
        match self {
            Self::Message(id) => format!("/v1/messages/{id}"),
            Self::Delivery(id) => format!("/v1/deliveries/{id}"),
        }
    }

    /// Whether an event of that ordinal is part of its story. What happened to the message happened to each delivery.
    pub fn concerns(self, ordinal: Ordinal) -> bool {
        match self {
            Self::Message(_) => true,
            Self::Delivery(id) => [Ordinal::MESSAGE, id.ordinal].contains(&ordinal),
        }
    }
}

impl FromStr for Subject {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let message = text.parse().map(Self::Message);
        message
            .or_else(|_| text.parse().map(Self::Delivery))
            .map_err(|_| "neither msg_ and 32 hex digits, nor dlv_ and 32 hex digits, _ and a number")
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(id) => id.fmt(f),
            Self::Delivery(id) => id.fmt(f),
        }
    }
}
