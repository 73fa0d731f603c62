//! Strings with a form of their own. A wrong one does not end the parse: all that is wrong is told at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

/// A string parsed as `T`, or why it is none.
#[derive(Debug)]
pub(crate) struct Parsed<T: FromStr>(pub Result<T, T::Err>);

/// A duration: `"90s"`, `"15m"`, `"24h"`, `"7d"`; `None` for any other text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub Option<Duration>);

/// Bytes in base64 (RFC 4648 4), padded and without line ends; `None` for any other text.
#[derive(Debug)]
pub(crate) struct Base64(pub Option<Bytes>);

impl Span {
    pub fn parse(text: &str) -> Option<Duration> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => return None,
        };
        let is_plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_plain)?;
        number.checked_mul(seconds).map(Duration::from_secs)
    }

    /// The text of a duration in the largest unit that tells it exactly.
    pub fn text(duration: Duration) -> String {
        let seconds = duration.as_secs();
        let unit = [(86400, "d"), (3600, "h"), (60, "m")]
            .into_iter()
            .find(|(size, _)| seconds.is_multiple_of(*size) && seconds > 0);
        unit.map_or_else(|| format!("{seconds}s"), |(size, unit)| format!("{}{unit}", seconds / size))
    }
}

struct Text<T>(fn(&str) -> T, PhantomData<T>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(|text| Self(text.parse()), PhantomData))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(|text| Self(Self::parse(text)), PhantomData))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_str(Text(|text| Self(STANDARD.decode(text).ok().map(Bytes::from)), PhantomData))
    }
}
