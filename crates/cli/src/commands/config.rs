//! `postledger config`

use crate::args::{Config as Verb, Output, Place};
use crate::client::loaded;
use crate::config::{Config, Found, Keys, Loaded, Origin, Problems, Settled, reference, schema};
use crate::exit::{Exit, Failure};
use crate::output::{self, Column};
use anyhow::Result;
use serde_json::{Value, json};

/// Carries out a verb on the configuration.
///
/// # Errors
/// What is wrong with it.
pub fn run(place: &Place, verb: &Verb) -> Result<Exit> {
    match verb {
        Verb::Check => check(place),
        Verb::Schema => describe(place),
        Verb::Show => show(place),
    }
}

/// Reads the configuration with everything that it refers to.
fn check(place: &Place) -> Result<Exit> {
    let loaded = loaded(place)?;
    let config = &loaded.config;
    let unusable = unusable(&loaded);
    if !unusable.list.is_empty() {
        return Err(Failure::new(Exit::Usage, unusable.to_string()));
    }
    let summary = json!({
        "ok": true,
        "listen": config.server.listen,
        "data_dir": config.store.path,
        "relays": config.relay.iter().map(|relay| relay.name.as_str()).collect::<Vec<_>>(),
        "routes": config.routes().iter().map(|route| route.name.as_str().to_owned()).collect::<Vec<_>>(),
        "dkim": config.dkim.iter().map(|dkim| dkim.name.as_str()).collect::<Vec<_>>(),
        "warnings": warnings(config),
    });
    output::write(place.output, &summary, |_| {
        let names = |list: &Value| {
            let names: Vec<_> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if names.is_empty() { "none yet".to_owned() } else { names.join(", ") }
        };
        format!(
            "ok\nlisten    {}\ndata      {}\nrelays    {}\nroutes    {}\ndkim      {}",
            config.server.listen,
            config.store.path.display(),
            names(&summary["relays"]),
            names(&summary["routes"]),
            names(&summary["dkim"])
        )
    })?;
    if place.output == Output::Table {
        warnings(config).iter().for_each(|warning| output::say(&format!("warning: {warning}")));
    }
    Ok(Exit::Ok)
}

/// What it refers to and cannot be used.
fn unusable(loaded: &Loaded) -> Problems {
    let config = &loaded.config;
    let mut problems =
        Problems { file: loaded.file.as_ref().map(|file| file.display().to_string()), ..Problems::default() };
    for (key, what) in config.relay.iter().flat_map(|relay| relay.files()) {
        problems.add(loaded.origin(&key), format!("{key}: {what}"));
    }
    if let Err(error) = config.server.to_entrance() {
        problems.add(loaded.origin("server.tls"), error.to_string());
    }
    for dkim in &config.dkim {
        if let Err(what) = dkim.signer() {
            problems.add(loaded.origin(&dkim.key()), format!("{}: {what}", dkim.key()));
        }
    }
    if problems.list.is_empty() {
        let relays = config.relay.iter().map(|relay| relay.to_dispatcher()).collect::<Result<Vec<_>>>();
        let checked =
            relays.and_then(|relays| Ok(postledger_dispatcher::Dispatcher::check(relays, config.routes())?));
        if let Err(error) = checked {
            problems.add(Origin::Default, error.to_string());
        }
    }
    problems
}

/// What can be used and should not be as it is.
fn warnings(config: &Config) -> Vec<String> {
    let passwords = config.relay.iter().flat_map(|relay| relay.exposed_passwords());
    let key = config.server.tls.as_ref().and_then(|tls| tls.exposed_key());
    let signing = config.dkim.iter().filter_map(|dkim| dkim.exposed_key());
    passwords.chain(key).chain(signing).collect()
}

/// Every key: as a reference for people, as a JSON Schema for programs.
fn describe(place: &Place) -> Result<Exit> {
    match place.output {
        Output::Table => output::line(reference().trim_end())?,
        Output::Json => output::line(&serde_json::to_string_pretty(&schema())?)?,
    }
    Ok(Exit::Ok)
}

/// What holds, and where it comes from.
fn show(place: &Place) -> Result<Exit> {
    let loaded = loaded(place)?;
    let keys = Keys::new();
    let effective = Settled::new(&loaded.config.effective());
    let values: Vec<Value> = effective.0.iter().filter_map(|(key, value)| {
        let Found::Key(described) = keys.find(key) else { return None };
        let origin = loaded.origin(key);
        let meant = described.default.as_deref().filter(|_| value.is_null() && origin == Origin::Default);
        Some(json!({"key": key, "value": value, "meaning": meant, "origin": origin_json(&loaded, &origin)}))
    }).collect();
    let file = loaded.file.as_ref().map(|file| file.display().to_string());
    let shown = json!({"file": file, "keys": values});
    output::write(place.output, &shown, |_| {
        let row = |value: &Value| {
            let written = match (&value["value"], value["meaning"].as_str()) {
                (Value::Null, Some(meaning)) => format!("({meaning})"),
                (Value::Null, None) => "-".to_owned(),
                (Value::String(text), _) => text.clone(),
                (value, _) => value.to_string(),
            };
            let text = |name: &str| value["origin"][name].as_str().map(str::to_owned);
            let origin = match text("kind").as_deref() {
                Some("file") => format!("{}:{}", text("file").unwrap_or_default(), value["origin"]["line"]),
                Some("environment") => text("variable").unwrap_or_default(),
                Some("option") => text("option").unwrap_or_default(),
                _ => "default".to_owned(),
            };
            vec![value["key"].as_str().unwrap_or_default().to_owned(), written, origin]
        };
        let columns = [Column::Text("key"), Column::Clipped("value"), Column::Text("origin")];
        output::table(&columns, shown["keys"].as_array().into_iter().flatten().map(row))
    })?;
    Ok(Exit::Ok)
}

fn origin_json(loaded: &Loaded, origin: &Origin) -> Value {
    let file = loaded.file.as_ref().map(|file| file.display().to_string());
    match origin {
        Origin::File { line, .. } => json!({"kind": "file", "file": file, "line": line}),
        Origin::Variable(name) => json!({"kind": "environment", "variable": name}),
        Origin::Option(name) => json!({"kind": "option", "option": name}),
        Origin::Default => json!({"kind": "default"}),
    }
}
