//! `postledger init`: from nothing to a service that can be started.

mod answers;
mod ask;

use super::key::create_in;
use super::relay;
use crate::args::{Init, Output, Place};
use crate::config::{Config, Loaded, template};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::service::{control_path, open_ledger};
use crate::system::{SystemClock, SystemEntropy};
use crate::trouble;
use answers::{Answers, Password};
use anyhow::{Context, Result};
use ask::Asking;
use postledger_core::address::{Address, Mailbox};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::compose::{Composer, Draft};
use postledger_core::id::MessageId;
use postledger_core::key::Scope;
use postledger_core::name::Tenant;
use postledger_core::outcome::Outcome;
use postledger_core::reply::Reply;
use postledger_dispatcher::{MimeComposer, RelayConfig, examine_relay, send_trial};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The name of the one relay.
const RELAY: &str = "primary";

/// Asks, writes, tries, and says what comes next.
///
/// # Errors
/// With exit code 2 if something is not said and nobody can be asked, 4 if there is a configuration already or a service
/// runs on the data directory, 1 if the relay cannot be used: the files are kept then.
pub async fn run(place: &Place, init: Init) -> Result<Exit> {
    let file = std::path::absolute(place.config.as_deref().unwrap_or(Path::new("postledger.toml")))?;
    let password_file = file.with_file_name(format!("{RELAY}.password"));
    refuse_to_overwrite(&file)?;
    let answers = answers(place, &init)?;
    if let Some((_, Password::Given(_))) = &answers.login {
        refuse_to_overwrite(&password_file)?;
    }
    let data_dir = std::path::absolute(&answers.data_dir)?;
    if std::os::unix::net::UnixStream::connect(control_path(&data_dir)).is_ok() {
        let message = format!("a service runs on {} already", data_dir.display());
        return Err(Failure::new(Exit::Refused, message));
    }

    let text = written(&answers, &data_dir, &password_file)?;
    // Nothing is written that could not be read; variables of the environment belong to the service, not to the file.
    let Loaded { config, .. } = Loaded::parse(Some(file.display().to_string()), &text, [])
        .map_err(|problems| Failure::new(Exit::Usage, problems.to_string()))?;
    if let Some((_, Password::Given(password))) = &answers.login {
        write_new(&password_file, &format!("{}\n", password.expose()))?;
    }
    write_new(&file, &text)?;
    output::say(&format!("wrote {}", file.display()));

    let key = first_key(&config)
        .await
        .with_context(|| format!("the files are written, but {} cannot be used", data_dir.display()))?;
    let tried = if init.no_test { None } else { Some(tried(&config, answers.trial).await?) };
    finish(place, &file, &config, key, tried)
}

fn answers(place: &Place, init: &Init) -> Result<Answers> {
    match (init.yes, Asking::new()) {
        (true, _) => Answers::from_options(place, init),
        (false, Some(asking)) => Answers::asked(place, init, &asking),
        (false, None) => {
            let message = "there is no terminal to ask on. Without one:\n  \
                           postledger init --yes --relay-host HOST [--relay-user NAME --relay-password-file FILE]\n\
                           `postledger init --help` lists the other options";
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn refuse_to_overwrite(file: &Path) -> Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let message =
        format!("{} is there already and is not overwritten; --config names another file", file.display());
    Err(Failure::new(Exit::Refused, message))
}

/// The text of the configuration.
fn written(answers: &Answers, data_dir: &Path, password_file: &Path) -> Result<String> {
    let path = |path: &Path| {
        let text = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()));
        text.map(toml::Value::from).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    };
    let mut values = BTreeMap::new();
    let mut set = |key: &str, value: toml::Value| drop(values.insert(key.to_owned(), value));
    let relay = |key: &str| format!("relay.{RELAY}.{key}");
    set("store.path", path(data_dir)?);
    set(&relay("name"), RELAY.into());
    set(&relay("host"), answers.host.as_str().into());
    set(&relay("port"), i64::from(answers.port).into());
    set(&relay("tls"), toml::Value::try_from(answers.tls)?);
    if let Some((user, password)) = &answers.login {
        set(&relay("username"), user.as_str().into());
        set(
            &relay("password_file"),
            match password {
                Password::Given(_) => path(password_file)?,
                Password::In(file) => path(file)?,
            },
        );
    }
    if let Some(file) = &answers.ca_file {
        set(&relay("ca_file"), path(&std::path::absolute(file)?)?);
    }
    Ok(template(&values))
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(file: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(file).and_then(|mut open| {
        open.write_all(text.as_bytes())?;
        open.sync_all()
    });
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// Makes the data directory, and a key that can send and read.
async fn first_key(config: &Config) -> Result<Value> {
    let ledger = open_ledger(config).await?;
    let scopes = [Scope::Send, Scope::Read];
    let created = create_in(&*ledger, Tenant::default_tenant(), scopes.into(), None).await;
    ledger.close().await?;
    Ok(created?.1)
}

/// What came of trying the relay: `ok`, what it answered, and what came of a test mail.
async fn tried(config: &Config, trial: Option<(Address, Address)>) -> Result<Value> {
    let relay = config.relay.first().context("one was written")?.to_dispatcher()?;
    let mut json = relay::tried(&relay, &examine_relay(&relay).await);
    output::say(&relay::line(&json));
    if let (true, Some((from, to))) = (json["ok"] == true, trial) {
        let (is_ok, words) = sent(&relay, from, to).await?;
        output::say(&format!("{}  test mail: {words}", if is_ok { "ok    " } else { "failed" }));
        json["ok"] = is_ok.into();
        json["test_mail"] = words.into();
    }
    Ok(json)
}

/// Sends a test mail; whether the relay took it, and what it said.
async fn sent(relay: &RelayConfig, from: Address, to: Address) -> Result<(bool, String)> {
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random);
    let now = SystemClock.now();
    let mailbox = |address: &Address| Mailbox { name: None, address: address.clone() };
    let draft = Draft {
        from: mailbox(&from),
        to: vec![mailbox(&to)],
        cc: Vec::new(),
        reply_to: Vec::new(),
        subject: "Postledger test mail".to_owned(),
        text: Some("Postledger can send mail over this relay.\n".to_owned()),
        html: None,
        headers: Vec::new(),
        attachments: Vec::new(),
    };
    let rendered = MimeComposer.compose(MessageId::new(now, random), &draft)?;
    let text = [format!("Date: {}\r\n", now.rfc5322()).as_bytes(), &rendered.bytes].concat();
    let said = |reply: &Reply| {
        let reply = json!({"code": reply.code, "enhanced": reply.enhanced.map(|code| code.to_string()), "text": reply.text});
        trouble::reply(&reply).unwrap_or_default()
    };
    Ok(match send_trial(relay, from, to, &text).await {
        Outcome::Accepted(reply) => (true, said(&reply)),
        Outcome::Transient(reply) | Outcome::Permanent(reply) => (false, said(&reply)),
        Outcome::NotSent(not_sent) => {
            (false, relay::failed(&not_sent)["detail"].as_str().unwrap_or_default().to_owned())
        }
        Outcome::Unknown(_) => (false, "no answer to the whole text: it may have been taken".to_owned()),
    })
}

/// Data on stdout, what comes next on stderr.
fn finish(place: &Place, file: &Path, config: &Config, key: Value, tried: Option<Value>) -> Result<Exit> {
    let is_ok = tried.as_ref().is_none_or(|tried| tried["ok"] == true);
    let mut shown = key;
    shown["config"] = file.display().to_string().into();
    shown["data_dir"] = config.store.path.display().to_string().into();
    shown["relay"] = tried.unwrap_or_default();
    output::write(place.output, &shown, |shown| {
        let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
        format!("config  {}\ndata    {}\nkey     {}", text("config"), text("data_dir"), text("key"))
    })?;
    let option = config_option(file);
    if !is_ok {
        let message = format!(
            "the relay cannot be used as configured. Everything is written; correct {}, then:\n  \
             postledger relay test{option}\n  postledger serve{option}",
            file.display()
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    if place.output == Output::Table {
        output::say("\nThe key is shown this once; it may send and read. Next:");
        output::say(&format!("  postledger serve{option}"));
    }
    Ok(Exit::Ok)
}

/// What a command needs to find the file.
fn config_option(file: &Path) -> String {
    let implied: Option<PathBuf> = std::path::absolute("postledger.toml").ok();
    if implied.as_deref() == Some(file) { String::new() } else { format!(" --config {}", file.display()) }
}
