//! `postledger audit`: reads the ledger itself and never changes it.

use crate::args::{Audit, Output, Place, Subject};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::service::open_failure;
use crate::timeline;
use anyhow::Result;
use postledger_api::{EventJson, MessageJson};
use postledger_core::clock::Clock;
use postledger_core::event::Recorded;
use postledger_core::id::{Hex, Position};
use postledger_core::message::Message;
use postledger_store::{Reader, VerifyError};
use serde_json::{Value, json};

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
    let reader = Reader::open(&store.path).await.map_err(open_failure)?;
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
    let message = serde_json::to_value(MessageJson::new(&message, crate::system::SystemClock.now()))?;
    output::write(place.output, &json!({"message": message, "events": events}), timeline::whole)?;
    Ok(Exit::Ok)
}

async fn verify(place: &Place, reader: &Reader) -> Result<Exit> {
    match reader.verify(&mut |_| {}).await {
        Ok(verified) => {
            let json = json!({
                "ok": true, "ledger_id": verified.ledger.to_string(), "position": verified.position.0,
                "hash": Hex(&verified.hash).to_string(), "epoch": verified.epoch.0, "messages": verified.messages,
                "contents": verified.contents, "erased": verified.erased,
                "anchored": verified.anchored.map(|position| position.0),
            });
            output::write(place.output, &json, |json| {
                format!(
                    "ok: {} events, {} messages and {} contents verify; hash {}",
                    json["position"],
                    json["messages"],
                    json["contents"],
                    json["hash"].as_str().unwrap_or_default()
                )
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
                output::line(&json.to_string())?;
            }
            Err(Failure::new(Exit::Verification, error.to_string()))
        }
    }
}

async fn export(reader: &Reader, mut after: Position) -> Result<Exit> {
    loop {
        let page = reader.page(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(Exit::Ok) };
        after = last.position;
        for event in &page {
            output::line(&serde_json::to_string(&EventJson::new(event, true))?)?;
        }
    }
}

/// An event as the API shows it to an administrator.
fn event_json(event: &Recorded) -> Result<Value> {
    Ok(serde_json::to_value(EventJson::new(event, true))?)
}
