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
    let Send { text, .. } = &message;
    let text = match text.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read the text from standard input")?;
            Some(text)
        }
        _ => text.clone(),
    };
    let attachments = message.attach.iter().map(|file| attachment(file)).collect::<Result<Vec<_>>>()?;
    let named = |pairs: Vec<(String, String)>| {
        Value::Object(pairs.into_iter().map(|(name, value)| (name, value.into())).collect())
    };
    let mut request = Map::new();
    let fields = [
        ("from", json!(message.from)),
        ("to", json!(message.to)),
        ("cc", json!(message.cc)),
        ("bcc", json!(message.bcc)),
        ("reply_to", json!(message.reply_to)),
        ("return_path", json!(message.return_path)),
        ("subject", json!(message.subject)),
        ("text", json!(text)),
        ("html", json!(message.html)),
        ("headers", named(message.header)),
        ("attachments", json!(attachments)),
        ("priority", json!(message.priority)),
        ("send_at", json!(message.send_at.map(|at| at.to_string()))),
        ("expires_after", json!(message.expires_after.map(|lifetime| format!("{}s", lifetime.as_secs())))),
        ("retry", message.max_attempts.map_or(Value::Null, |count| json!({"max_attempts": count}))),
        ("on_unknown", json!(message.on_unknown)),
        ("route", json!(message.route)),
        ("tags", json!(message.tag)),
        ("metadata", named(message.metadata)),
    ];
    let is_given = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
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
