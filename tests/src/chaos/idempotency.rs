//! One key from many clients at once, and the process dies in between.
//!
//! The fault model. Clients repeat a request whose answer they did not get until they get one, as an application must;
//! SIGKILL comes after any number of answers; the next start knows only what the ledger knows.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{PATIENCE, release_quarantined};
use crate::dice::Dice;
use crate::load::{Answer, Entry, Intent};
use crate::oracle;
use crate::service::{Caller, Relay, Service, Setup};
use crate::sink::{Script, Sink};
use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const CLIENTS: u64 = 20;
/// Keys at the same time, between two kills.
const KEYS: u64 = 5;
/// Before a client asks again that was told to, or that nobody answered.
const PAUSE: Duration = Duration::from_millis(20);

/// What a client got: the key and the message.
type Got = (String, String);

/// Five keys, twenty clients each, one kill; and in the end every key once more.
pub(super) async fn idempotency(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    let sink = Sink::start(Script::fast()).await?;
    let relay = Relay::plain("primary", sink.addr());
    let setup = Setup::new().program(plan.program).variable("POSTLEDGER_LOG", "warn").relay(relay);
    let mut service = setup.start().await?;
    let mut messages: HashMap<String, String> = HashMap::new();
    let mut entries = Vec::new();
    for round in 0..plan.rounds {
        let keys: Vec<_> = (0..KEYS).map(|n| format!("order-{}", round * KEYS + n)).collect();
        let got = race(&mut service, &keys, dice.below(CLIENTS * KEYS)).await?;
        entries.extend(keys.iter().map(|key| Entry::Intent(intent(key))));
        for (key, id) in got {
            entries.push(answer(&key, &id));
            same(&mut messages, key, id)?;
        }
        figures.add("rounds", 1);
        figures.add("keys", KEYS);
        figures.add("answers", KEYS * CLIENTS);
    }
    for key in messages.keys().cloned().collect::<Vec<_>>() {
        let (_, again) = insist(service.caller(), key.clone()).await?;
        entries.push(answer(&key, &again));
        same(&mut messages, key, again)?;
        figures.add("asked again", 1);
    }
    release_quarantined(&service, figures).await?;
    service.drained(PATIENCE).await.map_err(|error| missed(format!("{error:#}")))?;
    service.terminate().await?;
    let export = service.export().await?;
    let queued = export.iter().filter(|event| event["kind"] == "queued").count();
    figures.add("messages", queued as u64);
    if queued != messages.len() {
        return Err(missed(format!("{queued} messages of {} keys", messages.len())));
    }
    let verdict = oracle::judge(&entries, &sink.stop().await.transactions, &export)?;
    figures.judged(&verdict);
    if verdict.is_clean() { Ok(()) } else { Err(missed(verdict.to_string())) }
}

/// All clients of all keys at once; SIGKILL after so many answers.
async fn race(service: &mut Service, keys: &[String], answers: u64) -> Result<Vec<Got>> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS * KEYS {
        let key = keys[usize::try_from(client % KEYS)?].clone();
        let (caller, tell) = (service.caller(), tell.clone());
        clients.spawn(async move {
            let got = insist(caller, key).await?;
            tell.send(got).context("somebody listens")
        });
    }
    drop(tell);
    let mut got = Vec::new();
    while (got.len() as u64) < answers {
        got.push(next(&mut told).await?);
    }
    service.kill()?;
    service.start().await.map_err(|error| missed(format!("{error:#}")))?;
    while (got.len() as u64) < CLIENTS * KEYS {
        got.push(next(&mut told).await?);
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(got)
}

async fn next(told: &mut mpsc::UnboundedReceiver<Got>) -> Result<Got> {
    let got = tokio::time::timeout(PATIENCE, told.recv()).await;
    let got = got.map_err(|_| missed(format!("a client was not answered within {PATIENCE:?}")))?;
    got.ok_or_else(|| missed("a client got an answer that no repetition can mend"))
}

/// Submits until it is accepted. Only what says "not now" is asked again.
async fn insist(caller: Caller, key: String) -> Result<Got> {
    let message = json!({
        "from": "shop@a.example", "to": intent(&key).recipients[0], "subject": format!("token:{key}"), "text": "Thanks",
        "retry": {"schedule": ["1s"], "max_attempts": 20},
    });
    loop {
        let header = [("Idempotency-Key", key.as_str())];
        match caller.call(Method::POST, "/v1/messages", Some(&message), &header).await {
            Ok(answer) if answer.status == 202 => {
                let id = answer.json["id"].as_str().context("a message has an id")?.to_owned();
                return Ok((key, id));
            }
            Ok(answer) if !matches!(answer.status, 409 | 503) => {
                return Err(missed(format!("{key}: {} {}", answer.status, answer.json)));
            }
            // Dead, or not yet there, or another with the same key is under way.
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn intent(key: &str) -> Intent {
    let recipients = vec![format!("{key}@b.example")];
    Intent { token: key.to_owned(), key: Some(key.to_owned()), recipients }
}

fn answer(key: &str, id: &str) -> Entry {
    let (token, id) = (key.to_owned(), Some(id.to_owned()));
    Entry::Answer(Answer { token, status: 202, id, replayed: false })
}

fn same(messages: &mut HashMap<String, String>, key: String, id: String) -> Result<()> {
    match messages.get(&key) {
        Some(first) if *first != id => Err(missed(format!("{key} made {first} and {id}"))),
        Some(_) => Ok(()),
        None => {
            messages.insert(key, id);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_message_of_one_key_is_a_miss() {
        let mut messages = HashMap::new();
        let mut tell = |id: &str| same(&mut messages, "key".to_owned(), id.to_owned());
        assert!(tell("msg_1").is_ok() && tell("msg_1").is_ok() && tell("msg_2").is_err());
    }
}
