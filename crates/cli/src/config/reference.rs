//! The reference of all keys, as Markdown: for people, and for docs/configuration.md.

use super::environment::variable;
use super::key::{Key, Keys, Section};
use serde_json::Value;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# Configuration

Everything that Postledger can be told, by its file `postledger.toml` and by its environment. This page is written by
`cargo xtask docs` from what the program itself checks by; `postledger config schema` prints it, and with
`--output json` a JSON Schema for editors.

* **Where.** `--config FILE`, else `POSTLEDGER_CONFIG`, else `postledger.toml` in the working directory, where there is
  one. Nothing has to stand there but one `[[relay]]`.
* **The environment** goes before the file. Every key is a variable: `POSTLEDGER_`, and the key in capitals with `__` for
  each dot. A table in a list goes by its name: `POSTLEDGER_RELAY__PRIMARY__HOST` is `host` of the relay `primary`, which
  the environment alone can make. Lists are written as in TOML, or as words with commas between them.
* **Secrets** stand in files that the configuration names, or in the environment. They are shown nowhere.
* **Mistakes.** An unknown key, a value out of its range, a file that cannot be read: `postledger config check` names all
  of them with their lines. A service does not start with one, and a running one keeps what it has.
* **What holds** and where each value comes from: `postledger config show`.
* **Changes** are taken over on SIGHUP (`systemctl reload postledger`) while mail flows; the log tells each key that
  changed. Keys marked *restart* are read at the start alone, and the log says so. Attempts in flight end where they
  began; a relay that is gone gets no new one, and its mail goes by the route's other relays. What waits for a route that
  its request named and that is gone keeps those of its relays that are left; without any it waits, and the log says how
  many deliveries do. For all that waits and whose request names no route, it is chosen anew. One thing is not known of
  such mail: a tag that no `match` named before. It counts for mail accepted from then on, and after a restart for all.

Durations are whole numbers with a unit: `90s`, `15m`, `24h`, `30d`. Sizes: `512KiB`, `25MiB`. Names are 1 to 64
characters of `a-z`, `0-9` and `_`.
";

/// The whole reference.
pub fn reference() -> String {
    let keys = Keys::new();
    let mut text = INTRODUCTION.to_owned();
    for section in &keys.sections {
        let mut own: Vec<&Key> = keys.keys.iter().filter(|key| key.is_in(section)).collect();
        // The name of a table, then what must stand there, then the rest.
        own.sort_by_key(|key| (key.name() != "name", !key.is_required));
        if own.is_empty() {
            continue;
        }
        let _infallible = write!(text, "\n## `{}`\n\n{}\n", section.heading(), paragraph(section));
        let example = own.iter().find(|key| key.name() != "name").map(|key| key.path.replace('*', "primary"));
        if let Some(example) = example {
            let _infallible = write!(text, "\nIn the environment: `{}`.\n", variable(&example));
        }
        text.push_str("\n| key | what it is | form | default |\n|---|---|---|---|\n");
        for key in own {
            let _infallible = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                key.name(),
                cell(&about(key)),
                cell(&key.form.brief()),
                cell(&default(key))
            );
        }
    }
    text
}

fn paragraph(section: &Section) -> String {
    section.about.replace('\n', " ")
}

fn about(key: &Key) -> String {
    let mut text = key.about.clone();
    if key.is_secret {
        text.push_str(" *Secret.*");
    }
    if key.needs_restart {
        text.push_str(" *Restart.*");
    }
    text
}

fn default(key: &Key) -> String {
    match (&key.default, key.is_required) {
        (Some(default), _) => default.clone(),
        (None, true) => "*required*".to_owned(),
        (None, false) => "none".to_owned(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A value as it stands in the file, but a text without its quotes.
pub fn written(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(written).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}
