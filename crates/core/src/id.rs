//! Ids are newtypes: a message's id cannot be taken for a delivery's.

use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A message: `msg_` and 32 hex digits (a UUID of version 7, RFC 9562 5.7). Order by position, never by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(uuid::Uuid);

/// The place of a recipient in its message, from 1; 0 is the message itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ordinal(pub u16);

/// One message to one recipient: `dlv_`, the message's 32 hex digits, `_`, the ordinal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The message.
    pub message: MessageId,
    /// The recipient's place in it, from 1.
    pub ordinal: Ordinal,
}

/// An API key: `key_` and 16 hex digits. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

/// A ledger, named once when it is created: 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerId(pub [u8; 16]);

/// Order in the journal, from 1; 0 is before the first event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub i64);

/// Term (claimed at restore or promotion, 0 without one) in the upper 32 bits, start count in the lower.
/// It only rises; every append carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub i64);

/// Whose events stand in one stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream {
    /// A message and its deliveries.
    Message(MessageId),
    /// An API key.
    Key(KeyId),
    /// The service itself: its starts and stops, and its relays.
    Node,
}

/// The text is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {0}")]
pub struct InvalidId(&'static str);

impl Ordinal {
    /// The message itself.
    pub const MESSAGE: Self = Self(0);
}

impl MessageId {
    /// A new id of version 7 from the time and ten random bytes.
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.as_millis(), &random).into_uuid())
    }

    /// The 16 bytes of the id.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of the delivery at `ordinal`.
    pub const fn delivery(self, ordinal: Ordinal) -> DeliveryId {
        DeliveryId { message: self, ordinal }
    }
}

impl Epoch {
    /// The epoch of the next start in the same term.
    #[must_use]
    pub const fn next_start(self) -> Self {
        Self(self.0 + 1)
    }

    /// The term: upper 32 bits.
    pub const fn term(self) -> i64 {
        self.0 >> 32
    }

    /// The start count: lower 32 bits.
    pub const fn start(self) -> i64 {
        self.0 & 0xffff_ffff
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; uuid::fmt::Simple::LENGTH];
        f.write_str("msg_")?;
        f.write_str(self.0.simple().encode_lower(&mut buffer))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlv_{}_{}", self.message.0.simple(), self.ordinal.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key_{}", Hex(&self.0))
    }
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(&self.0))
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term(), self.start())
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(id) => write!(f, "{id}"),
            Self::Key(id) => write!(f, "{id}"),
            Self::Node => f.write_str("node"),
        }
    }
}

macro_rules! debug_as_display {
    ($($id:ty),*) => {$(
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(MessageId, DeliveryId, KeyId, LedgerId);

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = text.strip_prefix("msg_").ok_or(InvalidId("msg_<32 hex>"))?;
        unhex(hex).map(Self::from_bytes).ok_or(InvalidId("msg_<32 hex>"))
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let parse = || {
            let (hex, ordinal) = text.strip_prefix("dlv_")?.split_once('_')?;
            let canonical = ordinal.bytes().all(|b| b.is_ascii_digit()) && !ordinal.starts_with('0');
            let ordinal = ordinal.parse().ok().filter(|_| canonical)?;
            Some(MessageId::from_bytes(unhex(hex)?).delivery(Ordinal(ordinal)))
        };
        parse().ok_or(InvalidId("dlv_<32 hex>_<ordinal>"))
    }
}

impl FromStr for KeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = text.strip_prefix("key_").ok_or(InvalidId("key_<16 hex>"))?;
        unhex(hex).map(Self).ok_or(InvalidId("key_<16 hex>"))
    }
}

impl FromStr for LedgerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        unhex(text).map(Self).ok_or(InvalidId("<32 hex>"))
    }
}

impl FromStr for Stream {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == "node" {
            return Ok(Self::Node);
        }
        let message = text.parse().map(Self::Message);
        message.or_else(|_| text.parse().map(Self::Key)).map_err(|_| InvalidId("msg_…, key_… or node"))
    }
}

/// Bytes as lower-case hex digits.
#[derive(Debug, Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Exactly `N` bytes from lower-case hex digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
