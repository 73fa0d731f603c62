//! `postledger message`: through the running service.

use crate::args::{Message, Place};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::timeline;
use anyhow::Result;
use serde_json::{Value, json};

/// Carries out a verb on messages.
///
/// # Errors
/// The service refuses, with its words.
pub async fn run(place: &Place, verb: Message) -> Result<Exit> {
    let client = Client::new(place)?;
    match verb {
        Message::Show { id } => show(place, &client, &id).await?,
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
            let events = client.get(&format!("/v1/messages/{id}/events"), &[]).await?;
            output::write(place.output, &events, |events| timeline::of(&list_of(events)))?;
        }
        Message::Cancel { id } => act(place, &client, &id, "cancel", json!({})).await?,
        Message::Hold { id } => act(place, &client, &id, "hold", json!({})).await?,
        Message::Release { id } => act(place, &client, &id, "release", json!({})).await?,
        Message::Redrive { id, expires_after } => {
            let body = expires_after.map_or_else(|| json!({}), |after| json!({ "expires_after": after }));
            act(place, &client, &id, "redrive", body).await?;
        }
        Message::Resolve { id, outcome, reason } => {
            act(place, &client, &id, "resolve", json!({"outcome": outcome, "reason": reason})).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn show(place: &Place, client: &Client, id: &str) -> Result<()> {
    let message = client.get(&format!("/v1/messages/{id}"), &[]).await?;
    let events = client.get(&format!("/v1/messages/{id}/events"), &[]).await?;
    let both = json!({"message": message, "events": events["data"]});
    output::write(place.output, &both, |both| {
        let events = both["events"].as_array().cloned().unwrap_or_default();
        format!("{}\n\n{}", timeline::summary(&both["message"]), timeline::of(&events))
    })
}

async fn act(place: &Place, client: &Client, id: &str, action: &str, body: Value) -> Result<()> {
    let kind = match id.get(..4) {
        Some("msg_") => "messages",
        Some("dlv_") => "deliveries",
        _ => return Err(Failure::new(Exit::Usage, format!("{id} is neither msg_… nor dlv_…"))),
    };
    let message = client.post(&format!("/v1/{kind}/{id}/{action}"), &body, None).await?.body;
    output::write(place.output, &message, timeline::summary)
}

fn list(place: &Place, page: &Value) -> Result<()> {
    output::write(place.output, page, |page| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let row = |message: &Value| {
            let deliveries = message["deliveries"].as_array().map_or(0, Vec::len);
            let columns = ["created_at", "id", "status", "priority"].map(|column| text(&message[column]));
            [columns.to_vec(), vec![deliveries.to_string(), text(&message["subject"])]].concat()
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
