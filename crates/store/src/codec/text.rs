//! Values as they stand in stored JSON: words and names as text, bytes as hex, times and spans in microseconds.

use postledger_core::id::{Hex, unhex};
use postledger_core::time::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

/// Anything with one spelling.
#[derive(Clone)]
pub(super) struct Text<T>(pub T);

/// `N` bytes as hex digits.
#[derive(Clone, Copy)]
pub(super) struct Bytes<const N: usize>(pub [u8; N]);

/// A point in time, in microseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Micros(pub Timestamp);

/// A span in microseconds.
#[derive(Clone, Copy)]
pub(super) struct Span(pub Duration);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsing(|text: &str| text.parse().ok().map(Self), PhantomData))
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsing(|text: &str| unhex(text).map(Self), PhantomData))
    }
}

struct Parsing<F, T>(F, PhantomData<T>);

impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Parsing<F, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a known text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::custom("not a known text"))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.as_micros())
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(|micros| Self(Timestamp::from_micros(micros)))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|micros| Self(Duration::from_micros(micros)))
    }
}
