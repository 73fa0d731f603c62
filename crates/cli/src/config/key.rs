//! Every key of the configuration, as the schema describes it.

mod form;

pub use form::Form;

use super::schema::schema;
use serde_json::Value;

/// A key. In its path `*` stands for the name of a table in a list: `relay.*.host`.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Where it stands.
    pub path: String,
    /// What it means, as Markdown.
    pub about: String,
    /// What can stand there.
    pub form: Form,
    /// What holds where it does not stand, in words.
    pub default: Option<String>,
    /// The same, where it is a value.
    pub value: Option<toml::Value>,
    /// What could stand there.
    pub example: Option<toml::Value>,
    /// It must stand there.
    pub is_required: bool,
    /// It is read at the start alone.
    pub needs_restart: bool,
    /// It is a secret: shown nowhere.
    pub is_secret: bool,
    /// It says who somebody is: it stands in no log line.
    pub is_private: bool,
}

/// A table of keys: `server`, `relay.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Where it stands.
    pub path: String,
    /// What it is about, as Markdown.
    pub about: String,
}

/// All keys and all tables.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// In the order of the alphabet within their table.
    pub keys: Vec<Key>,
    /// The tables, each before those in it.
    pub sections: Vec<Section>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// A key with a value.
    Key(&'a Key),
    /// A table.
    Table,
    /// A list of tables, each with a name.
    Tables,
    /// Nothing.
    Nothing,
}

impl Keys {
    /// Reads them off the schema.
    pub fn new() -> Self {
        let mut keys = Self::default();
        keys.table("", &schema());
        keys
    }

    /// What stands at this path, in which names of tables in lists stand as they are: `relay.primary.host`.
    pub fn find(&self, path: &str) -> Found<'_> {
        if let Some(key) = self.keys.iter().find(|key| matches(&key.path, path)) {
            return Found::Key(key);
        }
        let is_list = |section: &Section| section.path.strip_suffix(".*") == Some(path);
        if self.sections.iter().any(is_list) {
            return Found::Tables;
        }
        match self.sections.iter().any(|section| matches(&section.path, path)) {
            true => Found::Table,
            false => Found::Nothing,
        }
    }

    /// What can stand in the table at this path: the last part of each path below it.
    pub fn below<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        let keys = self.keys.iter().map(|key| key.path.as_str());
        let tables = self.sections.iter().map(|section| section.path.trim_end_matches(".*"));
        keys.chain(tables).filter_map(move |path| {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            (!name.is_empty() && matches(parent, table)).then_some(name)
        })
    }

    fn table(&mut self, path: &str, schema: &Value) {
        let empty = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let (tables, leaves): (Vec<_>, Vec<_>) =
            properties.iter().partition(|(_, property)| table_of(property).is_some());
        for (name, property) in leaves {
            self.keys.push(Key::new(under(name), property, required.contains(&name.as_str())));
        }
        for (name, property) in tables {
            let Some((inner, is_list)) = table_of(property) else { continue };
            let path = if is_list { format!("{}.*", under(name)) } else { under(name) };
            let about = property["description"].as_str().or_else(|| inner["description"].as_str());
            self.sections.push(Section { path: path.clone(), about: about.unwrap_or_default().to_owned() });
            self.table(&path, inner);
        }
    }
}

/// The schema of a table, or of each table in a list.
fn table_of(property: &Value) -> Option<(&Value, bool)> {
    if property["properties"].is_object() {
        return Some((property, false));
    }
    let items = &property["items"];
    items["properties"].is_object().then_some((items, true))
}

/// Whether a path with `*` stands for this one.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('.'), path.split('.'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some("*"), Some(part)) if !part.is_empty() => {}
            (Some(pattern), Some(part)) if pattern == part => {}
            _ => return false,
        }
    }
}

impl Section {
    /// As it stands in the file: `[server]`, `[[relay]]`, `[relay.timeouts]`.
    pub fn heading(&self) -> String {
        match self.path.strip_suffix(".*") {
            Some(list) => format!("[[{list}]]"),
            None => format!("[{}]", self.path.replace(".*", "")),
        }
    }
}

impl Key {
    fn new(path: String, schema: &Value, is_required: bool) -> Self {
        let is = |name: &str| schema[name] == true;
        let default = match (&schema["x-default"], &schema["default"]) {
            (Value::String(words), _) => Some(words.clone()),
            (_, Value::Null) => None,
            (_, value) => Some(super::reference::written(value)),
        };
        Self {
            about: schema["description"].as_str().unwrap_or_default().replace('\n', " "),
            form: Form::new(schema),
            default,
            value: toml::Value::try_from(&schema["default"]).ok(),
            example: toml::Value::try_from(&schema["examples"][0]).ok(),
            is_required,
            needs_restart: is("x-restart"),
            is_secret: is("writeOnly"),
            is_private: is("x-private"),
            path,
        }
    }

    /// Whether it stands in this table itself.
    pub fn is_in(&self, section: &Section) -> bool {
        self.path.rsplit_once('.').is_some_and(|(parent, _)| parent == section.path)
    }

    /// Whether this path, in which names of tables in lists stand as they are, is its own.
    pub fn is_at(&self, path: &str) -> bool {
        matches(&self.path, path)
    }

    /// Its last part.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}
