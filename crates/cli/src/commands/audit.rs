//! `postledger audit`: reads the ledger itself and never changes it.

use crate::args::{Audit, Output, Place, Subject};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::output::progress::Progress;
use crate::output::{self, paint, text};
use crate::service::open_failure;
use crate::system::SystemClock;
use crate::timeline;
use anyhow::Result;
use postledger_api::{EventJson, MessageJson};
use postledger_core::clock::Clock;
use postledger_core::event::Recorded;
use postledger_core::id::{Hex, Position, Stream};
use postledger_core::message::Message;
use postledger_core::name::RelayName;
use postledger_store::{OpenError, Reader, Verified, VerifyError};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

/// Events read at a time.
const PAGE: usize = 1000;

/// Carries out a verb on the ledger.
///
/// # Errors
/// With exit code 5 where what was verified does not hold.
pub async fn run(place: &Place, verb: Audit) -> Result<Exit> {
    let reader = open(place).await?;
    match verb {
        Audit::Show { id } => show(place, &reader, id).await,
        Audit::Node { relay, limit } => node(place, &reader, relay.as_ref(), limit).await,
        Audit::Verify => verify(place, &reader).await,
        Audit::Export { after } => export(&reader, Position(after)).await,
    }
}

/// Opens the ledger of the data directory for reading, beside a running service or without one.
///
/// # Errors
/// There is none, or it cannot be read.
pub async fn open(place: &Place) -> Result<Reader> {
    let store = configuration(place)?.store;
    let reader = Reader::open(&store.path).await.map_err(|error| match error {
        OpenError::Missing(_) => {
            let message = format!("there is no ledger at {}\nname its directory with --data-dir, or the configuration with --config", store.path.display());
            Failure::new(Exit::NotFound, message)
        }
        other => open_failure(other),
    })?;
    Ok(match store.anchor_path {
        Some(anchor) => reader.with_anchor(anchor),
        None => reader,
    })
}

async fn show(place: &Place, reader: &Reader, id: Subject) -> Result<Exit> {
    let history = reader.history(id.message()).await?;
    let message =
        Message::fold(&history).map_err(|broken| Failure::new(Exit::Verification, broken.to_string()))?;
    let message = message.filter(|message| match id {
        Subject::Message(_) => true,
        Subject::Delivery(id) => message.deliveries.iter().any(|delivery| delivery.id == id),
    });
    let message =
        message.ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no {id} in this ledger")))?;
    let events = history.iter().filter(|event| id.concerns(event.ordinal));
    let events: Vec<Value> = events.map(event_json).collect::<Result<_>>()?;
    let now = SystemClock.now();
    let message = serde_json::to_value(MessageJson::new(&message, now))?;
    let both = json!({"message": message, "events": events});
    output::write(place.output, &both, |both| timeline::whole(both, id, now))?;
    Ok(Exit::Ok)
}

/// The last of what happened to the service itself.
async fn node(place: &Place, reader: &Reader, relay: Option<&RelayName>, limit: usize) -> Result<Exit> {
    let history = reader.stream(Stream::Node).await?;
    let events: Vec<Value> = history.iter().map(event_json).collect::<Result<_>>()?;
    let is_wanted = |event: &&Value| relay.is_none_or(|relay| event["relay"] == relay.as_str());
    let events: Vec<Value> = events.iter().filter(is_wanted).cloned().collect();
    let last = &events[events.len().saturating_sub(limit)..];
    output::write(place.output, &json!({"data": last}), |_| timeline::node(last))?;
    Ok(Exit::Ok)
}

async fn verify(place: &Place, reader: &Reader) -> Result<Exit> {
    match verified(reader).await {
        Ok(verified) => {
            let json = json!({
                "ok": true, "ledger_id": verified.ledger.to_string(), "position": verified.position.0,
                "hash": Hex(&verified.hash).to_string(), "epoch": verified.epoch.0, "messages": verified.messages,
                "contents": verified.contents, "erased": verified.erased,
                "anchored": verified.anchored.map(|position| position.0),
            });
            output::write(place.output, &json, |json| {
                let row = |name: &str, value: String| format!("{name:<10}{value}");
                let anchor = match &json["anchored"] {
                    Value::Null => "none: nothing shows that the end was not cut off".to_owned(),
                    position => format!("position {position}"),
                };
                let lines = [
                    paint::state("ok: the ledger is what it says"),
                    row("events", text(&json["position"])),
                    row("messages", text(&json["messages"])),
                    row("contents", text(&json["contents"])),
                    row("erased", text(&json["erased"])),
                    row("epoch", text(&json["epoch"])),
                    row("anchor", anchor),
                    row("ledger", text(&json["ledger_id"])),
                    row("hash", text(&json["hash"])),
                ];
                lines.join("\n")
            })?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            if place.output == Output::Json {
                let position = match &error {
                    VerifyError::Damaged { position, .. } => Some(position.0),
                    VerifyError::Anchor(_) | VerifyError::File(_) | VerifyError::Unreadable { .. } => None,
                };
                let json = json!({"ok": false, "position": position, "detail": error.to_string()});
                output::json(&json)?;
            }
            Err(Failure::new(Exit::Verification, error.to_string()))
        }
    }
}

/// Verifies the ledger, and shows how far it has come.
///
/// # Errors
/// As for [`Reader::verify`].
pub async fn verified(reader: &Reader) -> Result<Verified, VerifyError> {
    let progress = Progress::new("verifying");
    if let Ok(head) = reader.head().await {
        progress.goes_on("verifying", Position(0), head.position);
    }
    reader.verify(&mut |position| progress.at(position)).await
}

/// One event per line. Lines are written by the page: a million of them are not a million writes.
async fn export(reader: &Reader, mut after: Position) -> Result<Exit> {
    // On a terminal the events themselves show how far it has come.
    let progress = match std::io::stdout().is_terminal() {
        true => None,
        false => Some(Progress::over("exporting", after, reader.head().await?.position)),
    };
    loop {
        let page = reader.page(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(Exit::Ok) };
        after = last.position;
        let mut lines = Vec::new();
        for event in &page {
            serde_json::to_writer(&mut lines, &EventJson::new(event, true))?;
            lines.push(b'\n');
        }
        output::unless_closed(std::io::stdout().lock().write_all(&lines))?;
        progress.iter().for_each(|progress| progress.at(after));
    }
}

/// An event as the API shows it to an administrator.
fn event_json(event: &Recorded) -> Result<Value> {
    Ok(serde_json::to_value(EventJson::new(event, true))?)
}
