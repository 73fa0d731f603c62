//! What is different between two configurations, key by key.

use super::Config;
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys that are read once, when the service starts.
const AT_START: [&str; 13] = [
    "server.listen",
    "server.tls",
    "server.behind_proxy",
    "server.trusted_proxies",
    "server.max_connections",
    "server.limits.header",
    "server.limits.header_timeout",
    "server.limits.answer_timeout",
    "server.limits.handshake_timeout",
    "server.limits.bodies_in_flight",
    "store.path",
    "store.anchor_path",
    "log.",
];
/// Keys whose values say who somebody is: they stand in no log line.
const PRIVATE: [&str; 3] = [".username", ".password", "bounce.address"];

/// The values in force, by key: `server.listen`, `relay.primary.host`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled(BTreeMap<String, Value>);

/// A key with another value than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// Its value before, for the log.
    pub before: String,
    /// Its value now.
    pub after: String,
    /// Only a restart puts it in force.
    pub needs_restart: bool,
}

impl Settled {
    /// Every key of the configuration with its value.
    pub fn new(config: &Config) -> Self {
        let mut keys = BTreeMap::new();
        let written = serde_json::to_value(config).unwrap_or_default();
        flatten(String::new(), written, &mut keys);
        Self(keys)
    }

    /// What becomes different by `next`. Of what needs a restart, the old stays in force and is told of again.
    pub fn take_over(&mut self, next: Self) -> Vec<Change> {
        let keys: std::collections::BTreeSet<String> = self.0.keys().chain(next.0.keys()).cloned().collect();
        let mut changes = Vec::new();
        for key in keys {
            let (before, after) = (self.0.get(&key), next.0.get(&key));
            if before == after {
                continue;
            }
            let needs_restart = AT_START.iter().any(|prefix| key.starts_with(prefix));
            changes.extend(change(&key, before, after, needs_restart));
            match after {
                _ if needs_restart => {}
                Some(value) => drop(self.0.insert(key, value.clone())),
                None => drop(self.0.remove(&key)),
            }
        }
        changes
    }
}

/// A table that comes or goes is one change, told by its name.
fn change(key: &str, before: Option<&Value>, after: Option<&Value>, needs_restart: bool) -> Option<Change> {
    if before.is_some() && after.is_some() {
        let (before, after) = (shown(key, before), shown(key, after));
        return Some(Change { key: key.to_owned(), before, after, needs_restart });
    }
    let table = key.strip_suffix(".name")?;
    let said = |value: Option<&Value>| value.map_or("none", |_| "configured").to_owned();
    Some(Change { key: table.to_owned(), before: said(before), after: said(after), needs_restart })
}

fn shown(key: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(_) if PRIVATE.iter().any(|private| key.ends_with(private)) => "(not shown)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Tables in lists go by their name; a list of values is one value.
fn flatten(key: String, value: Value, keys: &mut BTreeMap<String, Value>) {
    let under = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                flatten(under(&name), value, keys);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for table in list {
                let name = table["name"].as_str().unwrap_or("?").to_owned();
                flatten(under(&name), table, keys);
            }
        }
        value => drop(keys.insert(key, value)),
    }
}
