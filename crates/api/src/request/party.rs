//! Who a message is from and to: a string, an object, or a list of either.

use super::few::{Few, read_list};
use postledger_core::address::{InvalidAddress, Mailbox};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use utoipa::ToSchema;

/// Mailboxes as given; what is none is kept as the reason why.
#[derive(Debug, Default)]
pub(crate) struct Parties(pub Few<Party>);

/// One mailbox, or why it is none.
#[derive(Debug)]
pub(crate) struct Party(pub Result<Mailbox, InvalidAddress>);

/// An address with a name, in parts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mailbox)]
pub(crate) struct Parts {
    /// The address.
    #[schema(example = "ann@example.net")]
    email: String,
    /// The display name; no control characters.
    #[schema(example = "Ann")]
    name: Option<String>,
}

/// `"ann@example.net"`, `"Ann <ann@example.net>"`, `{"email", "name"}`, or a list of these.
#[derive(ToSchema)]
#[schema(as = Mailboxes)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes in the API's documentation what the visitor below accepts")]
pub(crate) enum PartiesSchema {
    /// An address, or a name with an address in angle brackets.
    Text(String),
    /// In parts.
    Parts(Parts),
    /// Several.
    List(Vec<PartySchema>),
}

/// One of a list.
#[derive(ToSchema)]
#[schema(as = MailboxOrText)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes in the API's documentation what the visitor below accepts")]
pub(crate) enum PartySchema {
    /// An address, or a name with an address in angle brackets.
    Text(String),
    /// In parts.
    Parts(Parts),
}

impl Party {
    fn of_text(text: &str) -> Self {
        Self(text.parse())
    }

    fn of_parts(parts: &Parts) -> Self {
        Self(Mailbox::new(parts.name.as_deref(), &parts.email))
    }
}

const EXPECTED: &str = "an address, an object with email and name, or a list of these";

struct Several;

impl<'de> Visitor<'de> for Several {
    type Value = Parties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_unit<E: Error>(self) -> Result<Parties, E> {
        Ok(Parties::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Parties, E> {
        Ok(Parties(Few { kept: vec![Party::of_text(text)], count: 1 }))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Parties, A::Error> {
        let parts = Parts::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Parties(Few { kept: vec![Party::of_parts(&parts)], count: 1 }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Parties, A::Error> {
        read_list(Few::default(), &mut list).map(Parties)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = Party;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or an object with email and name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Party, E> {
        Ok(Party::of_text(text))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Party, A::Error> {
        Parts::deserialize(MapAccessDeserializer::new(map)).map(|parts| Party::of_parts(&parts))
    }
}

impl<'de> Deserialize<'de> for Parties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Several)
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(One)
    }
}
