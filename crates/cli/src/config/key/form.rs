//! What can stand at a key, in words and checked.

use bytesize::ByteSize;
use postledger_core::address::Address;
use postledger_core::name::RelayName;
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::Value;

/// What can stand at a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Any text.
    Text,
    /// A file or a directory.
    Path,
    /// A relay's or a route's name.
    Name,
    /// True or false.
    Truth,
    /// A whole number, with what it counts.
    Integer { least: i64, most: Option<i64>, unit: Option<String> },
    /// A number, with what it counts.
    Number { least: f64, most: Option<f64>, unit: Option<String> },
    /// A span of time.
    Duration { least: Option<Duration>, most: Option<Duration> },
    /// A number of bytes.
    Size { least: Option<ByteSize>, most: Option<ByteSize> },
    /// An address and a port.
    SocketAddress,
    /// An IP address.
    Ip,
    /// A network, or a single address.
    Network,
    /// An address of mail.
    Address,
    /// One of these words.
    Choice(Vec<String>),
    /// Any number of these.
    List(Box<Self>),
    /// One of these, or a list of some.
    Few(Box<Self>),
}

impl Form {
    pub(super) fn new(schema: &Json) -> Self {
        let text = |name: &str| schema[name].as_str();
        let duration = |name: &str| text(name).and_then(|text| humantime::parse_duration(text).ok());
        let size = |name: &str| text(name).and_then(|text| text.parse().ok());
        if let Some(choices) = choices(schema) {
            return Self::Choice(choices);
        }
        if schema["type"].is_array() {
            return Self::Few(Box::new(Self::new(&schema["items"])));
        }
        match (text("type"), text("format")) {
            (Some("array"), _) => {
                // The range of a list is the range of each in it.
                let mut item = schema["items"].clone();
                for name in ["x-min", "x-max"] {
                    if !schema[name].is_null() {
                        item[name] = schema[name].clone();
                    }
                }
                Self::List(Box::new(Self::new(&item)))
            }
            (Some("boolean"), _) => Self::Truth,
            (Some("integer"), _) => Self::Integer {
                least: schema["minimum"].as_i64().unwrap_or(0),
                most: schema["maximum"].as_i64(),
                unit: text("x-unit").map(str::to_owned),
            },
            (Some("number"), _) => Self::Number {
                least: schema["minimum"].as_f64().unwrap_or(0.0),
                most: schema["maximum"].as_f64(),
                unit: text("x-unit").map(str::to_owned),
            },
            (_, Some("duration")) => Self::Duration { least: duration("x-min"), most: duration("x-max") },
            (_, Some("size")) => Self::Size { least: size("x-min"), most: size("x-max") },
            (_, Some("socket-address")) => Self::SocketAddress,
            (_, Some("ip")) => Self::Ip,
            (_, Some("network")) => Self::Network,
            (_, Some("email")) => Self::Address,
            (_, Some("name")) => Self::Name,
            (_, Some("path")) => Self::Path,
            _ => Self::Text,
        }
    }

    /// In words, with an example and its range.
    pub fn words(&self) -> String {
        self.said(true)
    }

    /// In words, with its range alone.
    pub fn brief(&self) -> String {
        self.said(false)
    }

    fn said(&self, with_example: bool) -> String {
        use crate::config::form::{written_duration, written_size};
        let counted = |what: &str, unit: &Option<String>| match unit {
            Some(unit) => format!("a number of {unit}"),
            None => what.to_owned(),
        };
        let (what, example, range) = match self {
            Self::Text => ("a text".to_owned(), "", String::new()),
            Self::Path => ("a path".to_owned(), "", String::new()),
            Self::Name => ("a name".to_owned(), "of 1 to 64 characters of a-z, 0-9 and _", String::new()),
            Self::Truth => ("true or false".to_owned(), "", String::new()),
            Self::Integer { least, most, unit } => {
                (counted("a whole number", unit), "", range(Some(least), most.as_ref(), i64::to_string))
            }
            Self::Number { least, most, unit } => {
                (counted("a number", unit), "", range(Some(least), most.as_ref(), f64::to_string))
            }
            Self::Duration { least, most } => {
                let range = range(least.as_ref(), most.as_ref(), |span| written_duration(*span));
                ("a duration".to_owned(), r#"such as "90s", "15m" or "24h""#, range)
            }
            Self::Size { least, most } => {
                let range = range(least.as_ref(), most.as_ref(), written_size);
                ("a size".to_owned(), r#"such as "512KiB" or "25MiB""#, range)
            }
            Self::SocketAddress => {
                ("an address and a port".to_owned(), "such as 127.0.0.1:8250", String::new())
            }
            Self::Ip => ("an IP address".to_owned(), "such as 192.0.2.7", String::new()),
            Self::Network => ("a network".to_owned(), "such as 10.1.0.0/16", String::new()),
            Self::Address => ("an address of mail".to_owned(), "", String::new()),
            Self::Choice(words) => (format!("one of {}", words.join(", ")), "", String::new()),
            Self::List(each) => (format!("a list, each {}", each.said(with_example)), "", String::new()),
            Self::Few(each) => (format!("{}, or a list", each.said(with_example)), "", String::new()),
        };
        let example = if with_example && !example.is_empty() { format!(" {example}") } else { String::new() };
        let range = if range.is_empty() { range } else { format!(", {range}") };
        format!("{what}{example}{range}")
    }

    /// Whether this value can stand there.
    pub fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::String(_)) => true,
            (Self::Path, Value::String(text)) => !text.is_empty() && !text.contains('\0'),
            (Self::Name, Value::String(text)) => text.parse::<RelayName>().is_ok(),
            (Self::Truth, Value::Boolean(_)) => true,
            (Self::Integer { least, most, .. }, Value::Integer(number)) => {
                number >= least && most.is_none_or(|most| *number <= most)
            }
            (Self::Number { least, most, .. }, Value::Float(number)) => {
                is_within(number, &Some(*least), most)
            }
            // Whole numbers are numbers, and lose nothing below 2^53.
            (Self::Number { .. }, Value::Integer(number)) => {
                i32::try_from(*number).is_ok_and(|number| self.takes(&Value::Float(number.into())))
            }
            (Self::Duration { least, most }, Value::String(text)) => {
                humantime::parse_duration(text).is_ok_and(|span| is_within(&span, least, most))
            }
            (Self::Size { least, most }, Value::String(text)) => {
                text.parse().is_ok_and(|size: ByteSize| is_within(&size, least, most))
            }
            (Self::SocketAddress, Value::String(text)) => text.parse::<SocketAddr>().is_ok(),
            (Self::Ip, Value::String(text)) => text.parse::<IpAddr>().is_ok(),
            (Self::Network, Value::String(text)) => text.parse::<ipnet::IpNet>().is_ok(),
            (Self::Address, Value::String(text)) => text.parse::<Address>().is_ok(),
            (Self::Choice(words), Value::String(text)) => words.contains(text),
            (Self::List(each), Value::Array(list)) => list.iter().all(|value| each.takes(value)),
            (Self::Few(each), Value::Array(list)) => {
                !list.is_empty() && list.iter().all(|value| each.takes(value))
            }
            (Self::Few(each), value) => each.takes(value),
            _ => false,
        }
    }

    /// The value that a text of the environment stands for. A list is written as in TOML, or as words with commas
    /// between them.
    pub fn read(&self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Truth => Value::Boolean(text.parse().ok()?),
            Self::Integer { .. } => Value::Integer(text.parse().ok()?),
            Self::Number { .. } => Value::Float(text.parse().ok()?),
            Self::List(_) | Self::Few(_) if text.trim_start().starts_with('[') => {
                let mut table: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
                table.remove("list")?
            }
            Self::List(each) | Self::Few(each) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Value::Array(words.map(|word| each.read(word)).collect::<Option<_>>()?)
            }
            _ => Value::String(text.to_owned()),
        };
        self.takes(&value).then_some(value)
    }
}

/// The words of an enumeration; those with a comment of their own stand in `oneOf`.
fn choices(schema: &Json) -> Option<Vec<String>> {
    let words =
        |list: &Vec<Json>| list.iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect::<Vec<_>>();
    if let Some(list) = schema["enum"].as_array() {
        return Some(words(list));
    }
    let each = |it: &Json| match it["const"].as_str() {
        Some(word) => vec![word.to_owned()],
        None => it["enum"].as_array().map(words).unwrap_or_default(),
    };
    Some(schema["oneOf"].as_array()?.iter().flat_map(each).collect())
}

fn is_within<T: PartialOrd>(value: &T, least: &Option<T>, most: &Option<T>) -> bool {
    least.as_ref().is_none_or(|least| value >= least) && most.as_ref().is_none_or(|most| value <= most)
}

fn range<T>(least: Option<&T>, most: Option<&T>, written: impl Fn(&T) -> String) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("{} to {}", written(least), written(most)),
        (Some(least), None) => format!("at least {}", written(least)),
        (None, Some(most)) => format!("at most {}", written(most)),
        (None, None) => String::new(),
    }
}
