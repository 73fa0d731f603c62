//! What is different between two configurations, key by key.

use super::{Config, Found, Key, Keys};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Every key with its value: `server.listen`, `relay.primary.host`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled(pub BTreeMap<String, Value>);

/// A key with another value than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, or a table that came or went.
    pub key: String,
    /// Its value before, for the log.
    pub before: String,
    /// Its value now.
    pub after: String,
    /// Only a restart puts it in force.
    pub needs_restart: bool,
}

impl Settled {
    /// The keys of a configuration.
    pub fn new(config: &Config) -> Self {
        let mut keys = BTreeMap::new();
        let written = serde_json::to_value(config).unwrap_or_default();
        flatten(String::new(), written, &mut keys);
        Self(keys)
    }

    /// What becomes different by `next`. Of what needs a restart, the old stays in force and is told of again.
    pub fn take_over(&mut self, next: Self) -> Vec<Change> {
        let known = Keys::new();
        let keys: BTreeSet<String> = self.0.keys().chain(next.0.keys()).cloned().collect();
        let mut changes = Vec::new();
        for key in keys {
            let (before, after) = (self.0.get(&key), next.0.get(&key));
            // A table that is not there stands as one key without a value in the place of its own keys.
            let Found::Key(described) = known.find(&key) else { continue };
            if before == after {
                continue;
            }
            let comes_or_goes = before.is_none() || after.is_none();
            let needs_restart = described.needs_restart || comes_or_goes && key.starts_with("server.tls.");
            changes.extend(change(described, &key, before, after, needs_restart));
            match after {
                _ if needs_restart => {}
                Some(value) => drop(self.0.insert(key, value.clone())),
                None => drop(self.0.remove(&key)),
            }
        }
        changes
    }
}

/// A table of a list that comes or goes is one change, told by its name.
fn change(
    described: &Key,
    key: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    needs_restart: bool,
) -> Option<Change> {
    let is_in_list = described.path.contains('*');
    if is_in_list && (before.is_none() || after.is_none()) {
        let table = key.strip_suffix(".name")?;
        let said = |value: Option<&Value>| value.map_or("none", |_| "configured").to_owned();
        return Some(Change {
            key: table.to_owned(),
            before: said(before),
            after: said(after),
            needs_restart,
        });
    }
    let (before, after) = (shown(described, before), shown(described, after));
    Some(Change { key: key.to_owned(), before, after, needs_restart })
}

fn shown(described: &Key, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(_) if described.is_private || described.is_secret => "(not shown)".to_owned(),
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
