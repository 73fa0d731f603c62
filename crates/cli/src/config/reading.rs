//! From text and variables to values: every key looked up, every value checked, every mistake kept with its place.

use super::environment::{self, variable};
use super::key::{Found, Keys};
use super::problem::{Origin, Problems};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// What stands in a file and in the environment.
#[derive(Debug, Default)]
pub struct Reading {
    /// The values: the environment's over the file's.
    pub table: Table,
    /// Where each key and each table stands.
    pub origins: BTreeMap<String, Origin>,
    /// What is wrong with it.
    pub problems: Problems,
}

impl Reading {
    /// Reads both.
    pub fn new(keys: &Keys, text: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut reading = Self::default();
        let (written, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let origin = error.span().map_or(Origin::Default, |span| place(text, span.start));
            reading.problems.add(origin, error.message());
        }
        let Ok(table) = toml::from_str(text) else { return reading };
        reading.table = table;
        reading.walk(keys, text, "", written.get_ref());
        for (name, value) in variables {
            reading.variable(keys, &name, &value);
        }
        reading.missing(keys);
        reading
    }

    fn walk(&mut self, keys: &Keys, text: &str, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = under(path, name.get_ref());
            let origin = place(text, name.span().start);
            match (keys.find(&key), value.get_ref()) {
                (Found::Key(known), _) => {
                    if !self.value(&key).is_some_and(|value| known.form.takes(value)) {
                        self.problems.add(origin.clone(), format!("{key}: expected {}", known.form.words()));
                    }
                    self.origins.insert(key, origin);
                }
                (Found::Table, DeValue::Table(inner)) => {
                    self.origins.insert(key.clone(), origin);
                    self.walk(keys, text, &key, inner);
                }
                (Found::Tables, DeValue::Array(list)) => self.walk_list(keys, text, &key, list),
                (Found::Table, _) => self.problems.add(origin, format!("{key}: expected a table: [{key}]")),
                (Found::Tables, _) => {
                    self.problems.add(origin, format!("{key}: expected tables in a list: [[{key}]]"));
                }
                (Found::Nothing, _) => {
                    let what = unknown(keys, path, name.get_ref());
                    self.problems.add(origin, what);
                }
            }
        }
    }

    /// Tables in a list are told apart by their name.
    fn walk_list(&mut self, keys: &Keys, text: &str, path: &str, list: &[Spanned<DeValue<'_>>]) {
        for table in list {
            let origin = place(text, table.span().start);
            let DeValue::Table(inner) = table.get_ref() else {
                self.problems.add(origin, format!("{path}: expected tables in a list: [[{path}]]"));
                continue;
            };
            let Some(name) = inner.get("name").and_then(|name| name.get_ref().as_str()) else {
                self.problems.add(origin, format!("this [[{path}]] has no name"));
                continue;
            };
            let key = under(path, name);
            if self.origins.contains_key(&key) {
                self.problems.add(origin, format!("{path} {name} stands there twice"));
                continue;
            }
            self.origins.insert(key.clone(), origin);
            self.walk(keys, text, &key, inner);
        }
    }

    fn variable(&mut self, keys: &Keys, name: &str, text: &str) {
        let origin = Origin::Variable(name.to_owned());
        let Some(key) = environment::key(name) else {
            return self.problems.add(origin, "no key of the configuration");
        };
        let Found::Key(known) = keys.find(&key) else {
            return self.problems.add(origin, unknown_variable(keys, &key));
        };
        match known.form.read(text) {
            Some(Value::String(other))
                if known.path.ends_with("*.name") && !key.ends_with(&format!(".{other}.name")) =>
            {
                self.problems.add(origin, "the name is that which stands in the variable's own name");
            }
            Some(value) => {
                if place_value(&mut self.table, keys, &key, value).is_none() {
                    return self
                        .problems
                        .add(origin, format!("{key} does not fit to what stands in the file"));
                }
                self.origins.insert(key, origin);
            }
            None => self.problems.add(origin, format!("expected {}", known.form.words())),
        }
    }

    /// Keys that a table must have.
    fn missing(&mut self, keys: &Keys) {
        let tables: Vec<(String, Origin)> = keys
            .sections
            .iter()
            .filter(|section| section.path.contains('*') || self.origins.contains_key(&section.path))
            .flat_map(|section| self.tables_at(keys, &section.path))
            .collect();
        for (table, origin) in tables {
            for name in required(keys, &table) {
                if self.value(&under(&table, name)).is_none() {
                    let what = format!("{table} has no {name}, which it must have");
                    self.problems.add(origin.clone(), what);
                }
            }
        }
    }

    fn tables_at(&self, keys: &Keys, pattern: &str) -> Vec<(String, Origin)> {
        let is_it = |path: &str| matches!(keys.find(path), Found::Table) && same_shape(pattern, path);
        let mut tables: BTreeMap<String, Origin> = BTreeMap::new();
        for (path, origin) in &self.origins {
            let parts = pattern.split('.').count();
            let table = path.split('.').take(parts).collect::<Vec<_>>().join(".");
            if is_it(&table) && (path.len() > table.len() || *path == table) {
                tables.entry(table).or_insert_with(|| origin.clone());
            }
        }
        tables.into_iter().collect()
    }

    /// The value at a path, in which tables in lists stand by their names.
    fn value(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let mut value = self.table.get(parts.next()?)?;
        for part in parts {
            value = match value {
                Value::Array(list) => {
                    list.iter().find(|it| it.get("name").and_then(Value::as_str) == Some(part))?
                }
                value => value.get(part)?,
            };
        }
        Some(value)
    }
}

/// Where a key stands, else the table that it would stand in.
pub fn nearest_origin(origins: &BTreeMap<String, Origin>, key: &str) -> Origin {
    let mut path = key;
    loop {
        match (origins.get(path), path.rsplit_once('.')) {
            (Some(origin), _) => return origin.clone(),
            (None, Some((parent, _))) => path = parent,
            (None, None) => return Origin::Default,
        }
    }
}

fn required<'a>(keys: &'a Keys, table: &'a str) -> impl Iterator<Item = &'a str> {
    let of_table = keys.keys.iter().filter(|key| key.is_required);
    of_table.filter_map(move |key| {
        let (parent, name) = key.path.rsplit_once('.')?;
        same_shape(parent, table).then_some(name)
    })
}

fn same_shape(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('.'), path.split('.'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| pattern == "*" || pattern == part)
}

fn under(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn place(text: &str, at: usize) -> Origin {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Origin::File { line, column }
}

fn unknown(keys: &Keys, table: &str, name: &str) -> String {
    let known: Vec<&str> = keys.below(table).collect();
    let place = if table.is_empty() { "the configuration".to_owned() } else { table.to_owned() };
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown key `{name}` in {place}; did you mean `{near}`?"),
        None => format!("unknown key `{name}` in {place}; there are {}", known.join(", ")),
    }
}

fn unknown_variable(keys: &Keys, key: &str) -> String {
    // Names of tables in lists are the operator's own: they are taken over into the suggestion.
    let parts: Vec<&str> = key.split('.').collect();
    let named = |path: &str| {
        let named =
            path.split('.').zip(&parts).map(|(known, given)| if known == "*" { given } else { known });
        let rest = path.split('.').skip(parts.len());
        named.chain(rest).collect::<Vec<_>>().join(".")
    };
    let paths: Vec<String> = keys.keys.iter().map(|key| named(&key.path)).collect();
    match nearest(key, paths.iter().map(String::as_str)) {
        Some(near) => format!("no key of the configuration; did you mean {}?", variable(near)),
        None => "no key of the configuration; `postledger config schema` lists them".to_owned(),
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &&str| strsim::normalized_damerau_levenshtein(name, known);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|known| likeness(known) > 0.5)
}

/// Puts a value at a path, making the tables that lead there.
fn place_value(table: &mut Table, keys: &Keys, path: &str, value: Value) -> Option<()> {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut table = table;
    let mut so_far = String::new();
    let mut parts = parents.split('.').filter(|part| !part.is_empty());
    while let Some(part) = parts.next() {
        so_far = under(&so_far, part);
        if matches!(keys.find(&so_far), Found::Tables) {
            let name = parts.next()?;
            so_far = under(&so_far, name);
            let list = table.entry(part).or_insert_with(|| Value::Array(vec![])).as_array_mut()?;
            let is_it = |it: &Value| it.get("name").and_then(Value::as_str) == Some(name);
            let index = list.iter().position(is_it).unwrap_or_else(|| {
                list.push(Value::Table(Table::from_iter([("name".to_owned(), Value::from(name))])));
                list.len() - 1
            });
            table = list.get_mut(index)?.as_table_mut()?;
        } else {
            table = table.entry(part).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
        }
    }
    table.insert(name.to_owned(), value);
    Some(())
}
