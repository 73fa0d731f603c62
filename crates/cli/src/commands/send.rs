//! `postledger send`

use crate::args::{Output, Place, Send};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use anyhow::{Context, Result};
use base64::Engine;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

/// Submits one message and prints its id.
///
/// # Errors
/// The service refuses it, naming the field.
pub async fn run(place: &Place, message: Send) -> Result<Exit> {
    let client = Client::new(place)?;
    let key = message.idempotency_key.clone();
    let answer = client.post("/v1/messages", &request(message)?, key.as_deref()).await?;
    output::write(place.output, &answer.body, |body| body["id"].as_str().unwrap_or_default().to_owned())?;
    if place.output == Output::Table && answer.is_replayed {
        output::say("it was accepted before, under the same idempotency key");
    }
    Ok(Exit::Ok)
}

fn request(message: Send) -> Result<Value> {
    let Send { from, to, cc, bcc, subject, text, html, attach, priority, send_at, tag, idempotency_key: _ } =
        message;
    let text = match text.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read the text from standard input")?;
            Some(text)
        }
        _ => text,
    };
    let attachments = attach.iter().map(|file| attachment(file)).collect::<Result<Vec<_>>>()?;
    let mut request = Map::new();
    let fields = [
        ("from", json!(from)),
        ("to", json!(to)),
        ("cc", json!(cc)),
        ("bcc", json!(bcc)),
        ("subject", json!(subject)),
        ("text", json!(text)),
        ("html", json!(html)),
        ("attachments", json!(attachments)),
        ("priority", json!(priority)),
        ("send_at", json!(send_at.map(|at| at.to_string()))),
        ("tags", json!(tag)),
    ];
    let is_given = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    request.extend(
        fields.into_iter().filter(|(_, value)| is_given(value)).map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(Value::Object(request))
}

fn attachment(file: &Path) -> Result<Value> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot read {}: {error}", file.display())))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let content_type = mime_guess::from_path(file).first_or_octet_stream().to_string();
    let content = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok(json!({"filename": name, "content": content, "content_type": content_type}))
}
