//! A first configuration: what was decided, and every other key as a comment with its meaning and its default.

use super::key::{Form, Key, Keys, Section};
use std::collections::BTreeMap;
use toml::Value;

/// Longest line of a comment, beside a path or an address that is longer by itself.
const WIDTH: usize = 100;

const HEAD: &str = "# Postledger's configuration. A key that begins with # holds its default, or an example where it has none.
# `postledger config check` says what is wrong, `postledger config show` what holds and why.
";

/// The text of a configuration with these values, by key: `store.path`, `relay.primary.host`.
pub fn template(values: &BTreeMap<String, Value>) -> String {
    let keys = Keys::new();
    let mut sections: Vec<&Section> = keys.sections.iter().collect();
    let has_values = |section: &Section| {
        let top = section.path.split('.').next().unwrap_or_default();
        values.keys().any(|key| key.split('.').next() == Some(top))
    };
    // What was decided stands first; within that, each table before those in it.
    sections.sort_by_key(|section| !has_values(section));
    let mut text = HEAD.to_owned();
    for section in sections {
        write_section(&mut text, &keys, section, values);
    }
    text
}

fn write_section(text: &mut String, keys: &Keys, section: &Section, values: &BTreeMap<String, Value>) {
    let mut own: Vec<&Key> = keys.keys.iter().filter(|key| key.is_in(section) && !key.is_secret).collect();
    if own.is_empty() {
        return;
    }
    own.sort_by_key(|key| (key.name() != "name", value_of(key, values).is_none()));
    let is_given = own.iter().any(|key| value_of(key, values).is_some());
    // A table that must hold something is not there by itself, nor is one within a list without any.
    let list = section.path.split_once(".*").map(|(list, _)| format!("{list}."));
    let is_orphan = list.is_some_and(|list| !values.keys().any(|key| key.starts_with(&list)));
    let is_comment = !is_given && (is_orphan || own.iter().any(|key| key.is_required));
    text.push('\n');
    comment(text, &section.about);
    text.push_str(if is_comment { "#" } else { "" });
    text.push_str(&section.heading());
    text.push('\n');
    for key in own {
        write_key(text, key, value_of(key, values));
    }
}

fn write_key(text: &mut String, key: &Key, given: Option<&Value>) {
    text.push('\n');
    let about = key.about.replace('*', "");
    let restart = if key.needs_restart { " Read at the start alone." } else { "" };
    let form = match key.form {
        Form::Text | Form::Path | Form::Truth => None,
        _ => Some(key.form.brief()),
    };
    let default =
        key.default.as_ref().filter(|_| key.value.is_none()).map(|words| format!("default: {words}"));
    let facts: Vec<String> = form.into_iter().chain(default).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
    comment(text, &format!("{about}{restart}{facts}"));
    let (mark, value) = match given {
        Some(value) => ("", value.clone()),
        None => {
            ("#", key.value.clone().or_else(|| key.example.clone()).unwrap_or_else(|| example(&key.form)))
        }
    };
    text.push_str(&format!("{mark}{} = {value}\n", key.name()));
}

fn value_of<'a>(key: &Key, values: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    values.iter().find(|(path, _)| key.is_at(path)).map(|(_, value)| value)
}

/// A value that can stand there, where no value is the default.
fn example(form: &Form) -> Value {
    match form {
        Form::Text => Value::from("text"),
        Form::Path => Value::from("/path/to/file"),
        Form::Name => Value::from("default"),
        Form::Truth => Value::from(false),
        Form::Integer { least, .. } => Value::from(*least),
        Form::Number { least, .. } => Value::from(*least),
        Form::Duration { .. } => Value::from("1m"),
        Form::Size { .. } => Value::from("1MiB"),
        Form::SocketAddress => Value::from("127.0.0.1:8250"),
        Form::Ip => Value::from("192.0.2.7"),
        Form::Network => Value::from("10.0.0.0/8"),
        Form::Address => Value::from("bounces@shop.example"),
        Form::Choice(words) => Value::from(words.first().map_or("", String::as_str)),
        Form::List(each) => Value::Array(vec![example(each)]),
        Form::Few(each) => example(each),
    }
}

fn comment(text: &mut String, about: &str) {
    let mut line = String::from("#");
    for word in about.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
