//! Keys from the environment: `POSTLEDGER_SERVER__LISTEN`, `POSTLEDGER_RELAY__PRIMARY__HOST`.

use super::{Config, with_suggestion};
use toml::{Table, Value};

const PREFIX: &str = "POSTLEDGER_";
/// Tables that stand in lists are told apart by their name.
const LISTS: [&str; 2] = ["relay", "route"];

/// The variables that are keys of the configuration: those with a section.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    let is_key = |name: &String| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"));
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(move |(name, _)| is_key(name))
}

/// Lays `variables` over `table`; says whether there were any.
pub fn overlay(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<bool, String> {
    let mut any = false;
    for (name, value) in variables {
        let path = name.strip_prefix(PREFIX).unwrap_or(&name).to_lowercase();
        let path: Vec<&str> = path.split("__").collect();
        if path.iter().any(|part| part.is_empty()) {
            return Err(format!("{name} is no key of the configuration"));
        }
        place(table, &path, value).ok_or_else(|| format!("{name} is no key of the configuration"))?;
        any = true;
    }
    Ok(any)
}

fn place(table: &mut Table, path: &[&str], value: String) -> Option<()> {
    let (section, rest) = path.split_first()?;
    if rest.is_empty() {
        table.insert((*section).to_owned(), Value::String(value));
        return Some(());
    }
    if LISTS.contains(section) {
        let (name, rest) = rest.split_first()?;
        let list = table.entry(*section).or_insert_with(|| Value::Array(vec![])).as_array_mut()?;
        let found = list.iter().position(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
        let index = found.unwrap_or_else(|| {
            list.push(Value::Table(Table::from_iter([(
                "name".to_owned(),
                Value::String((*name).to_owned()),
            )])));
            list.len() - 1
        });
        return place(list.get_mut(index)?.as_table_mut()?, rest, value);
    }
    place(table.entry(*section).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?, rest, value)
}

/// Reads the table. A variable is a text; where the key wants a number, a truth value or a list, it is read as TOML.
pub fn read(mut table: Table) -> Result<Config, String> {
    let as_text = table.clone().try_into();
    let Err(error) = as_text else { return as_text.map_err(|error: toml::de::Error| error.to_string()) };
    retype(&mut table);
    table.try_into().map_err(|_: toml::de::Error| with_suggestion(&error.to_string()))
}

fn retype(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => retype(inner),
            Value::Array(list) => list.iter_mut().filter_map(Value::as_table_mut).for_each(retype),
            // These are texts even where they look like numbers.
            Value::String(_)
                if ["name", "host", "username", "password", "hello_name"].contains(&key.as_str()) => {}
            Value::String(text) => {
                let literal: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
                if let Some(literal) = literal.and_then(|mut table| table.remove("value")) {
                    *value = literal;
                }
            }
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }
}
