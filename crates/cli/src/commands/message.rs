//! `postledger message`: through the running service.

use crate::args::{Message, Place, Subject};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::timeline;
use anyhow::Result;
use postledger_core::id::Ordinal;
use serde_json::{Value, json};

/// Characters of a subject that a line of a list has room for.
const SUBJECT: usize = 48;

/// Carries out a verb on messages.
///
/// # Errors
/// The service refuses, with its words.
pub async fn run(place: &Place, verb: Message) -> Result<Exit> {
    let client = Client::new(place)?;
    match verb {
        Message::Show { id } => show(place, &client, id).await?,
        Message::List { status, recipient, tag, priority, limit, cursor } => {
            let given = [
                ("status", status),
                ("recipient", recipient),
                ("tag", tag),
                ("priority", priority),
                ("cursor", cursor),
            ];
            let mut query: Vec<_> =
                given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            query.push(("limit", limit.to_string()));
            list(place, &client.get("/v1/messages", &query).await?)?;
        }
        Message::Events { id } => {
            let events = json!({ "data": events(&client, id).await? });
            output::write(place.output, &events, |events| timeline::of(&list_of(events)))?;
        }
        Message::Explain { id } => explain(place, &client, id).await?,
        Message::Cancel { id } => act(place, &client, id, "cancel", json!({})).await?,
        Message::Hold { id } => act(place, &client, id, "hold", json!({})).await?,
        Message::Release { id } => act(place, &client, id, "release", json!({})).await?,
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
    output::write(place.output, &both, timeline::whole)
}

/// The events of a message; of a delivery, its own and those of the whole message.
async fn events(client: &Client, id: Subject) -> Result<Vec<Value>> {
    let message = Subject::Message(id.message());
    let events = client.get(&format!("{}/events", message.path()), &[]).await?;
    let mut events = list_of(&events);
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
        list_of(explained).iter().map(timeline::explanation).collect::<Vec<_>>().join("\n\n")
    })
}

async fn act(place: &Place, client: &Client, id: Subject, action: &str, body: Value) -> Result<()> {
    let message = client.post(&format!("{}/{action}", id.path()), &body, None).await?.body;
    output::write(place.output, &message, timeline::summary)
}

fn list(place: &Place, page: &Value) -> Result<()> {
    output::write(place.output, page, |page| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let row = |message: &Value| {
            let deliveries = message["deliveries"].as_array().map_or(0, Vec::len);
            let [created, id, status, priority, subject] =
                ["created_at", "id", "status", "priority", "subject"].map(|column| text(&message[column]));
            let created = timeline::clock(&created);
            vec![created, id, status, priority, deliveries.to_string(), output::clipped(&subject, SUBJECT)]
        };
        let table = output::table(
            &["created", "id", "status", "priority", "to", "subject"],
            list_of(page).iter().map(row),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => format!("{table}\n\nmore: --cursor {cursor}"),
            None => table,
        }
    })
}

fn list_of(page: &Value) -> Vec<Value> {
    page["data"].as_array().cloned().unwrap_or_default()
}
