//! `postledger key`: through the control socket while the service runs, on the data directory while it does not.

use super::audit;
use crate::args::{Key, Output, Place};
use crate::client::{Client, configuration, data_dir};
use crate::exit::{Exit, Failure};
use crate::output::{self, Column, paint, text, time};
use crate::service::{control_path, open_ledger};
use crate::system::{SystemClock, SystemEntropy};
use anyhow::Result;
use postledger_core::clock::{Clock, Entropy};
use postledger_core::event::{Event, Recorded};
use postledger_core::id::{KeyId, Ordinal, Stream};
use postledger_core::key::{KeyCreated, KeyEvent, KeyRing, KeyText, Scope};
use postledger_core::ledger::{Append, Change, Ledger};
use postledger_core::name::{Actor, Tenant};
use postledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Carries out a verb on keys.
///
/// # Errors
/// The service refuses, or the data directory cannot be opened.
pub async fn run(place: &Place, verb: Key) -> Result<Exit> {
    if place.url.is_some() || is_running(place).await? {
        through_service(place, verb).await
    } else {
        on_data_directory(place, verb).await
    }
}

/// Whether somebody listens on the control socket. One that a crash left behind refuses.
async fn is_running(place: &Place) -> Result<bool> {
    Ok(tokio::net::UnixStream::connect(control_path(&data_dir(place)?)).await.is_ok())
}

async fn through_service(place: &Place, verb: Key) -> Result<Exit> {
    let client = Client::new(place)?;
    match verb {
        Key::Create { tenant, scope, expires } => {
            let scopes: Vec<_> = scope.into_iter().map(Scope::as_str).collect();
            let expires = expires.map(|lifetime| format!("{}s", lifetime.as_secs()));
            let body = json!({"tenant": tenant.as_str(), "scopes": scopes, "expires_after": expires});
            let created = client.post("/v1/keys", &body, None).await?.body;
            show_created(&created)?;
        }
        Key::List => show_list(place.output, &client.get("/v1/keys", &[]).await?)?,
        Key::Revoke { id } => {
            client.delete(&format!("/v1/keys/{id}")).await?;
            show_revoked(place.output, id)?;
        }
    }
    Ok(Exit::Ok)
}

async fn on_data_directory(place: &Place, verb: Key) -> Result<Exit> {
    match verb {
        // Reading is no start: it raises no epoch.
        Key::List => {
            let events = audit::open(place).await?.key_events().await?;
            let keys: Vec<_> = ring(&events).list().into_iter().map(key_json).collect();
            show_list(place.output, &json!({ "data": keys }))?;
        }
        Key::Create { tenant, scope, expires } => {
            let until = expires.map(|lifetime| SystemClock.now().plus(lifetime));
            let scopes = scope.into_iter().collect();
            let create = async |ledger: &dyn Ledger| create_in(ledger, tenant, scopes, until).await;
            show_created(&in_ledger(place, create).await?.1)?;
        }
        Key::Revoke { id } => {
            in_ledger(place, async |ledger: &dyn Ledger| revoke_in(ledger, id).await).await?;
            show_revoked(place.output, id)?;
        }
    }
    Ok(Exit::Ok)
}

async fn in_ledger<T>(place: &Place, work: impl AsyncFnOnce(&dyn Ledger) -> Result<T>) -> Result<T> {
    let ledger = open_ledger(&configuration(place)?).await?;
    let done = work(&*ledger).await;
    ledger.close().await?;
    done
}

/// Issues a key in a ledger that this process has open; gives its text and what `key create` prints.
///
/// # Errors
/// The ledger does not take it.
pub async fn create_in(
    ledger: &dyn Ledger,
    tenant: Tenant,
    scopes: BTreeSet<Scope>,
    expires_at: Option<Timestamp>,
) -> Result<(KeyText, Value)> {
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    SystemEntropy.fill(&mut id);
    SystemEntropy.fill(&mut secret);
    let (id, text) = (KeyId(id), KeyText::new(KeyId(id), &secret));
    let (_, digest) = KeyText::parse(text.expose()).expect("what KeyText writes, it reads");
    let created = KeyCreated { digest, scopes: scopes.clone(), expires_at, by: Actor::control() };
    append(ledger, id, tenant.clone(), 0, KeyEvent::Created(created)).await?;
    let scopes: Vec<_> = scopes.into_iter().map(Scope::as_str).collect();
    let shown =
        json!({"id": id.to_string(), "key": text.expose(), "tenant": tenant.as_str(), "scopes": scopes});
    Ok((text, shown))
}

async fn revoke_in(ledger: &dyn Ledger, id: KeyId) -> Result<()> {
    let ring = ring(&ledger.key_events().await?);
    let key = ring.get(id).ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no key {id}")))?;
    if key.revoked_at.is_none() {
        append(ledger, id, key.tenant.clone(), key.version, KeyEvent::Revoked { by: Actor::control() })
            .await?;
    }
    Ok(())
}

async fn append(ledger: &dyn Ledger, id: KeyId, tenant: Tenant, version: u32, event: KeyEvent) -> Result<()> {
    let append = Append {
        stream: Stream::Key(id),
        tenant,
        at: SystemClock.now(),
        message_version: None,
        changes: Change::run(Ordinal::MESSAGE, version, [Event::Key(event)]),
    };
    ledger.append(append).await?;
    Ok(())
}

fn ring(events: &[Recorded]) -> KeyRing {
    let mut ring = KeyRing::default();
    events.iter().for_each(|event| ring.apply(event));
    ring
}

fn key_json(key: &postledger_core::key::Key) -> Value {
    json!({
        "id": key.id.to_string(),
        "tenant": key.tenant.as_str(),
        "scopes": key.created.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "expires_at": key.created.expires_at.map(|at| at.to_string()),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}

/// JSON whatever `--output` says, as the contract wants: the one chance to read the key.
fn show_created(created: &Value) -> Result<()> {
    output::write(Output::Json, created, |_| String::new())
}

fn show_revoked(output: Output, id: KeyId) -> Result<()> {
    let revoked = json!({"id": id.to_string(), "revoked": true});
    output::write(output, &revoked, |_| format!("{id} is revoked"))
}

fn show_list(output: Output, list: &Value) -> Result<()> {
    output::write(output, list, |list| {
        let now = SystemClock.now();
        let row = |key: &Value| {
            let scopes: Vec<_> = key["scopes"].as_array().into_iter().flatten().map(text).collect();
            let is_expired = time::of(&key["expires_at"]).is_some_and(|at| at <= now);
            let state = match (key["revoked_at"].is_null(), is_expired) {
                (false, _) => "revoked",
                (true, true) => "expired",
                (true, false) => "active",
            };
            let [created, expires] = ["created_at", "expires_at"].map(|column| time::moment(&key[column]));
            vec![
                text(&key["id"]),
                text(&key["tenant"]),
                scopes.join(","),
                paint::state(state),
                created,
                expires,
            ]
        };
        let columns = ["id", "tenant", "scopes", "state", "created", "expires"].map(Column::Text);
        let keys = list["data"].as_array().map_or(&[][..], Vec::as_slice);
        if keys.is_empty() {
            "there are no keys: make one with `postledger key create`".to_owned()
        } else {
            output::table(&columns, keys.iter().map(row))
        }
    })
}
