//! How values are written: read from what people write, and written back as they would write it.

use bytesize::ByteSize;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// What has a text of its own: names, addresses.
pub mod text {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(d: D) -> Result<T, D::Error> {
        String::deserialize(d)?.parse().map_err(Error::custom)
    }

    pub fn serialize<S: Serializer, T: Display>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
}

/// One that need not be there.
pub mod optional_text {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        d: D,
    ) -> Result<Option<T>, D::Error> {
        text::deserialize(d).map(Some)
    }

    pub fn serialize<S: Serializer, T: Display>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.collect_str(value),
            None => s.serialize_none(),
        }
    }
}

/// A list of them.
pub mod texts {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        d: D,
    ) -> Result<Vec<T>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        texts.iter().map(|text| text.parse().map_err(Error::custom)).collect()
    }

    pub fn serialize<S: Serializer, T: Display>(values: &[T], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(values.iter().map(ToString::to_string))
    }
}

/// One of what has a text of its own, or a list of them.
pub mod few {
    use super::*;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Few {
        One(String),
        Several(Vec<String>),
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        d: D,
    ) -> Result<Vec<T>, D::Error> {
        let texts = match Few::deserialize(d)? {
            Few::One(text) => vec![text],
            Few::Several(texts) => texts,
        };
        texts.iter().map(|text| text.parse().map_err(Error::custom)).collect()
    }

    pub use super::texts::serialize;
}

/// An address and a port.
pub mod socket_address {
    use super::*;
    use std::net::SocketAddr;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| Error::custom("expected an address and a port such as 127.0.0.1:8250"))
    }

    pub fn serialize<S: Serializer>(value: &SocketAddr, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
}

fn parse_duration<E: Error>(text: &str) -> Result<Duration, E> {
    humantime::parse_duration(text).map_err(|error| {
        E::custom(format!("{text:?} is no duration such as \"90s\", \"15m\" or \"24h\": {error}"))
    })
}

/// `90s`, `24h`; not the days and months that it could be split into.
pub fn written_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let exact = |unit: u64| duration.subsec_nanos() == 0 && seconds != 0 && seconds.is_multiple_of(unit);
    match duration {
        _ if exact(86400) && seconds > 86400 => format!("{}d", seconds / 86400),
        _ if exact(3600) => format!("{}h", seconds / 3600),
        _ if exact(60) => format!("{}m", seconds / 60),
        _ if exact(1) || seconds == 0 && duration.subsec_nanos() == 0 => format!("{seconds}s"),
        _ => humantime::format_duration(duration).to_string(),
    }
}

/// The largest unit that it is a whole number of.
pub fn written_size(size: &ByteSize) -> String {
    let bytes = size.as_u64();
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let exact = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    exact.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
}

/// A number of bytes.
pub mod size {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<ByteSize, D::Error> {
        text::deserialize(d)
    }

    pub fn serialize<S: Serializer>(value: &ByteSize, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&written_size(value))
    }
}

/// A span of time.
pub mod duration {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(d)?)
    }

    pub fn serialize<S: Serializer>(value: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&written_duration(*value))
    }
}

/// Spans of time.
pub mod durations {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Duration>, D::Error> {
        Vec::<String>::deserialize(d)?.iter().map(|text| parse_duration(text)).collect()
    }

    pub fn serialize<S: Serializer>(values: &[Duration], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(values.iter().map(|value| written_duration(*value)))
    }
}
