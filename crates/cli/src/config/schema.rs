//! The JSON Schema of the configuration: the one place that knows every key, with what it means, its form, its range
//! and its default. What is checked, documented, shown and taken from the environment comes from here.
//!
//! Beside the standard's words, keys carry these: `x-min` and `x-max` (of durations and sizes, also of each in a list),
//! `x-default` (a default that is no value, in words), `x-unit` (what a number counts), `x-restart` (read at the start
//! alone), `x-private` (says who somebody is, and stands in no log line). A key with `writeOnly` is a secret.

use super::Config;
use postledger_core::policy::Priority;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// The whole schema, without references, and without the `null` that TOML does not have.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    tidy(&mut schema);
    schema
}

/// Optional keys are keys that may be absent; defaults are told where they belong, key by key.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(any)) = members.remove("anyOf") {
                let real = any.into_iter().find(|it| it["type"] != "null");
                if let Some(Value::Object(real)) = real {
                    for (name, value) in real {
                        members.entry(name).or_insert(value);
                    }
                }
            }
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|it| it != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("enum") {
                choices.retain(|it| !it.is_null());
            }
            let is_of_tables = members.get("type") == Some(&Value::from("object"))
                || members.get("items").is_some_and(|items| items["type"] == "object");
            if is_of_tables || members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $format:literal),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "string", "format": $format})
        }
    )*};
}

// These forms are checked by `Form`; other programs read them as hints.
texts! {
    /// A span of time.
    duration = "duration",
    /// A number of bytes.
    size = "size",
    /// An address and a port.
    socket_address = "socket-address",
    /// An IP address.
    ip = "ip",
    /// The address of somebody's mail.
    address = "email",
    /// What operators call a relay or a route.
    name = "name",
}

/// Spans of time.
pub fn durations(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": duration(generator)})
}

/// Names.
pub fn names(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": name(generator)})
}

/// One text, or a list of them.
pub fn few_texts(_: &mut SchemaGenerator) -> Schema {
    few(&json!({"type": "string"}))
}

/// One name, or a list of them.
pub fn few_names(generator: &mut SchemaGenerator) -> Schema {
    few(name(generator).as_value())
}

/// One priority, or a list of them.
pub fn few_priorities(_: &mut SchemaGenerator) -> Schema {
    let words: Vec<_> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
    few(&json!({"type": "string", "enum": words}))
}

fn few(each: &Value) -> Schema {
    json_schema!({"type": ["array", "string"], "items": each})
}

/// Networks.
pub fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "format": "network"}})
}

/// A file or a directory.
pub fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "path"})
}
