//! `postledger message`: through the running service.

mod list;

use crate::args::{Message, Place, Subject};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::system::SystemClock;
use crate::timeline;
use anyhow::Result;
use postledger_core::clock::Clock;
use postledger_core::id::Ordinal;
use serde_json::{Value, json};
use std::io::Write;

/// Carries out a verb on messages.
///
/// # Errors
/// The service refuses, with its words.
pub async fn run(place: &Place, verb: Message) -> Result<Exit> {
    let client = Client::new(place)?;
    match verb {
        Message::Show { id } => show(place, &client, id).await?,
        Message::List(filter) => list::run(place, &client, filter).await?,
        Message::Events { id } => {
            let events = json!({ "data": events(&client, id).await? });
            let table = |events: &Value| timeline::of(events["data"].as_array().map_or(&[], Vec::as_slice));
            output::write(place.output, &events, table)?;
        }
        Message::Content { id } => {
            let bytes = client.bytes(&format!("{}/content", id.path())).await?;
            output::unless_closed(std::io::stdout().lock().write_all(&bytes))?;
        }
        Message::Explain { id } => explain(place, &client, id).await?,
        Message::Cancel { id } => act(place, &client, id, "cancel", json!({})).await?,
        Message::Hold { id } => act(place, &client, id, "hold", json!({})).await?,
        Message::Release { id } => act(place, &client, id, "release", json!({})).await?,
        Message::Reschedule { id, send_at } => {
            let body = json!({"send_at": send_at.to_string()});
            let subject = Subject::Message(id);
            changed(place, subject, &client.patch(&subject.path(), &body).await?)?;
        }
        Message::Redrive { id, expires_after } => {
            let seconds = expires_after.map(|after| format!("{}s", after.as_secs()));
            let body = seconds.map_or_else(|| json!({}), |after| json!({ "expires_after": after }));
            act(place, &client, id, "redrive", body).await?;
        }
        Message::Resolve { id, outcome, reason } => {
            let body = json!({"outcome": outcome, "reason": reason});
            act(place, &client, Subject::Delivery(id), "resolve", body).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn show(place: &Place, client: &Client, id: Subject) -> Result<()> {
    let message = client.get(&Subject::Message(id.message()).path(), &[]).await?;
    let both = json!({"message": message, "events": events(client, id).await?});
    output::write(place.output, &both, |both| timeline::whole(both, id, SystemClock.now()))
}

/// The events of a message; of a delivery, its own and those of the whole message.
async fn events(client: &Client, id: Subject) -> Result<Vec<Value>> {
    let message = Subject::Message(id.message());
    let mut answer = client.get(&format!("{}/events", message.path()), &[]).await?;
    let Value::Array(mut events) = answer["data"].take() else { return Ok(Vec::new()) };
    events.retain(|event| {
        let ordinal = event["delivery"].as_u64().and_then(|ordinal| u16::try_from(ordinal).ok());
        ordinal.is_none_or(|ordinal| id.concerns(Ordinal(ordinal)))
    });
    if let Subject::Delivery(delivery) = id
        && !events.iter().any(|event| {
            event["recipients"].as_array().is_some_and(|all| all.len() >= delivery.ordinal.0.into())
        })
    {
        return Err(Failure::new(Exit::NotFound, format!("{message} has no delivery {id}")));
    }
    Ok(events)
}

/// One explanation for each delivery asked for.
async fn explain(place: &Place, client: &Client, id: Subject) -> Result<()> {
    let ids = match id {
        Subject::Delivery(id) => vec![id.to_string()],
        Subject::Message(_) => {
            let message = client.get(&id.path(), &[]).await?;
            let deliveries = message["deliveries"].as_array().into_iter().flatten();
            deliveries.filter_map(|delivery| Some(delivery["id"].as_str()?.to_owned())).collect()
        }
    };
    let mut explained = Vec::with_capacity(ids.len());
    for id in ids {
        explained.push(client.get(&format!("/v1/deliveries/{id}/explain"), &[]).await?);
    }
    output::write(place.output, &json!({ "data": explained }), |explained| {
        let now = SystemClock.now();
        let each = explained["data"].as_array().into_iter().flatten();
        each.map(|one| timeline::explanation(one, now)).collect::<Vec<_>>().join("\n\n")
    })
}

async fn act(place: &Place, client: &Client, id: Subject, action: &str, body: Value) -> Result<()> {
    let message = client.post(&format!("{}/{action}", id.path()), &body, None).await?.body;
    changed(place, id, &message)
}

fn changed(place: &Place, id: Subject, message: &Value) -> Result<()> {
    output::write(place.output, message, |message| timeline::summary(message, id, SystemClock.now()))
}
