//! Events as they are stored, and back.
//!
//! A stored event is its kind, the schema of that kind, JSON data, and where it has personal fields a personal
//! part: 16 random bytes and JSON. What was once written in a schema is read for ever: a changed kind gets a new
//! schema and an arm in [`decode`], and golden files of every schema are kept.

mod key;
mod mail;
mod node;
mod policy;
mod text;

use crate::chain::{self, Hash};
use postledger_core::event::{Event, MailEvent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The schema that every kind is written in.
const SCHEMA: i64 = 1;

/// An event ready to be stored.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// As [`Event::kind`] names it.
    pub kind: &'static str,
    /// Of that kind, from 1.
    pub schema: i64,
    /// JSON.
    pub data: String,
    /// What can be erased, where the event has such fields.
    pub personal: Option<Personal>,
}

/// A personal part with its digest.
#[derive(Clone)]
pub struct Personal {
    /// Salt and JSON.
    pub bytes: Vec<u8>,
    /// BLAKE3 of them, which stays in the chain when they are erased.
    pub digest: Hash,
}

/// Why a stored event cannot be read. Says nothing of what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Written by a later version, or by nobody.
    #[error("kind or schema {0} is not known to this version of the program")]
    Unknown(i64),
    /// Not JSON, or not of the fields that the schema has.
    #[error("the {part} is not what its schema says (column {column})")]
    Malformed {
        /// The data, or the personal part.
        part: &'static str,
        /// Where in its JSON, from 1; 0 where it is not JSON that is wrong.
        column: usize,
    },
}

/// Length of the salt before a personal part's JSON.
const SALT: usize = 16;

/// Encodes `event`; `salt` is asked for only where there is a personal part.
pub fn encode(event: &Event, salt: impl FnOnce() -> [u8; SALT]) -> Encoded {
    let (data, personal) = match event {
        Event::Mail(event) => mail::encode(event),
        Event::Key(event) => (key::encode(event), None),
        Event::Node(event) => node::encode(event),
    };
    let personal = personal.map(|personal| {
        let mut bytes = Vec::with_capacity(SALT + personal.len());
        bytes.extend_from_slice(&salt());
        bytes.extend_from_slice(personal.as_bytes());
        Personal { digest: chain::personal_digest(&bytes), bytes }
    });
    Encoded { kind: event.kind(), schema: SCHEMA, data, personal }
}

/// Decodes what [`encode`] wrote, in any schema that was ever written.
///
/// # Errors
/// [`Undecodable`], without quoting what it read.
pub fn decode(kind: &str, schema: i64, data: &str, personal: Option<&[u8]>) -> Result<Event, Undecodable> {
    if schema != SCHEMA {
        return Err(Undecodable::Unknown(schema));
    }
    match kind {
        "key_created" | "key_revoked" => key::decode(kind, data).map(Event::Key),
        "started" | "stopped" | "breaker_opened" | "breaker_probing" | "breaker_closed" => {
            node::decode(kind, data, personal).map(Event::Node)
        }
        _ => mail::decode(kind, data, personal).map(Event::Mail),
    }
}

/// Whether the event removes the message's personal parts.
pub(crate) fn is_erasure(event: &Event) -> bool {
    matches!(event, Event::Mail(MailEvent::Erased))
}

/// Whether the event takes the message's content away.
pub(crate) fn is_content_removal(event: &Event) -> bool {
    matches!(event, Event::Mail(MailEvent::Erased | MailEvent::ContentRemoved))
}

/// The data of an event that has none.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn json(stored: &impl Serialize) -> String {
    // Stored types are structs and maps with text keys: nothing in them can fail to be JSON.
    serde_json::to_string(stored).expect("stored types are JSON")
}

fn parse<T: DeserializeOwned>(data: &str) -> Result<T, Undecodable> {
    serde_json::from_str(data).map_err(|error| malformed("data", &error))
}

fn parse_personal<T: DeserializeOwned>(personal: Option<&[u8]>) -> Result<Option<T>, Undecodable> {
    let Some(personal) = personal else { return Ok(None) };
    let json = personal.get(SALT..).ok_or(Undecodable::Malformed { part: "personal part", column: 0 })?;
    serde_json::from_slice(json).map(Some).map_err(|error| malformed("personal part", &error))
}

/// The parser's own words may quote what it read, so only the place is kept.
fn malformed(part: &'static str, error: &serde_json::Error) -> Undecodable {
    Undecodable::Malformed { part, column: error.column() }
}

impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Personal({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
pub(crate) mod tests;
