//! `postledger demo`: the main job on this machine alone, with sample mail of each kind.

mod samples;

use super::dev::catch_all;
use super::key::create_in;
use super::replay;
use crate::args::{Output, Place, Subject};
use crate::client::Client;
use crate::config::{Config, Relay, Route};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::service::Service;
use crate::signals::Signals;
use crate::system::SystemClock;
use crate::timeline;
use anyhow::{Context, Result};
use postledger_core::clock::Clock;
use postledger_core::key::Scope;
use postledger_core::ledger::{Committed, Ledger, Subscriber};
use postledger_core::name::Tenant;
use postledger_store::{Reader, Until};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longer than the slowest sample by far; a demo that hangs is a defect that must show.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends the samples over HTTP, waits until each has settled, prints what the ledger knows, and leaves API and
/// mailbox open until Ctrl-C, unless `exit`.
///
/// # Errors
/// A sample did not settle as it should, or the ledger does not verify.
pub async fn run(place: &Place, exit: bool) -> Result<Exit> {
    let data = tempfile::Builder::new().prefix("postledger-demo-").tempdir()?;
    let mut config = Config::default();
    config.store.path = data.path().join("data");
    config.server.listen = ([127, 0, 0, 1], free_or_any(8250)).into();
    let mailbox = catch_all(&mut config).await?;
    // Nobody listens there: mail of the route `failover` reaches the mailbox by its second relay.
    config.relay.push(Relay::plaintext("unreachable", ([127, 0, 0, 1], closed_port()?).into())?);
    config.route = vec![route("default", &["mailbox"])?, route("failover", &["unreachable", "mailbox"])?];

    let signals = Signals::of_session()?;
    let service = Service::start(&config, Some(mailbox)).await?;
    let scopes = [Scope::Send, Scope::Read, Scope::Operate];
    let (key, _) = create_in(&*service.ledger, Tenant::default_tenant(), scopes.into(), None).await?;
    let base = format!("http://{}", service.listening);
    let client = Client::remote(&base.parse()?, Some(key.expose().to_owned()))?;
    let commits = Commits::of(&*service.ledger);
    // For programs all of it is one document, at the end.
    let tell = |text: &str| if place.output == Output::Table { output::line(text) } else { Ok(()) };
    tell(&format!("Postledger runs on {base}; its relay is a mailbox on this machine.\n"))?;
    let mut told = Vec::new();
    for sample in samples::all(SystemClock.now()) {
        let message = client.post("/v1/messages", &sample.request, None).await?.body;
        let id = message["id"].as_str().context("an accepted message has an id")?.to_owned();
        if let Some(action) = sample.then {
            client.post(&format!("/v1/messages/{id}/{action}"), &serde_json::json!({}), None).await?;
        }
        let settled = tokio::time::timeout(PATIENCE, settled(&client, &id, commits.clone()));
        let message = settled.await.with_context(|| format!("{}: it did not settle", sample.title))??;
        let events = client.get(&format!("/v1/messages/{id}/events"), &[]).await?;
        let whole = json!({"title": sample.title, "message": message, "events": events["data"]});
        tell(&format!(
            "== {}\n{}\n",
            sample.title,
            timeline::whole(&whole, Subject::Message(id.parse()?), SystemClock.now())
        ))?;
        if whole["message"]["status"] != sample.expected {
            let is = &whole["message"]["status"];
            let what = format!("{}: expected {}, is {is}", sample.title, sample.expected);
            return Err(Failure::new(Exit::Failed, what));
        }
        told.push(whole);
    }
    let ledger = balance(&config.store.path).await?;
    tell(&format!(
        "== The ledger: {} events, chain verified\n{}\n",
        ledger["position"],
        replay::table(&ledger)
    ))?;
    if place.output == Output::Json {
        let address = if exit { None } else { Some(service.listening) };
        let json = json!({"listening": address, "key": key.expose(), "samples": told, "ledger": ledger});
        output::json(&json)?;
    }
    if exit {
        service.stop().await?;
        return Ok(Exit::Ok);
    }
    tell(&format!(
        "mailbox     {base}/dev/mailbox
reference   {base}/docs
key         {}
another     curl {base}/v1/messages -H 'Authorization: Bearer {}' \\
              --json '{{\"from\":\"shop@shop.example\",\"to\":\"ann@example.net\",\"subject\":\"Hello\",\"text\":\"It works.\"}}'

Ctrl-C ends the demo and removes its data.",
        key.expose(),
        key.expose()
    ))?;
    service.run_until(signals, |_| {}).await?;
    Ok(Exit::Ok)
}

fn route(name: &str, relays: &[&str]) -> Result<Route> {
    let relays = relays.iter().map(|relay| relay.parse()).collect::<Result<_, _>>()?;
    Ok(Route { name: name.parse()?, relays, matching: None })
}

/// The port that the documents name, if nobody has it.
fn free_or_any(port: u16) -> u16 {
    TcpListener::bind(("127.0.0.1", port)).map_or(0, |_| port)
}

fn closed_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Wakes whoever waits for something to be committed.
struct Commits(watch::Sender<()>);

impl Commits {
    fn of(ledger: &dyn Ledger) -> watch::Receiver<()> {
        let (sender, receiver) = watch::channel(());
        ledger.subscribe(Arc::new(Self(sender)));
        receiver
    }
}

impl Subscriber for Commits {
    fn committed(&self, _: &Arc<Committed>) {
        self.0.send_replace(());
    }
}

/// The message once every delivery has ended or waits for something other than the dispatcher.
async fn settled(client: &Client, id: &str, mut commits: watch::Receiver<()>) -> Result<Value> {
    loop {
        commits.borrow_and_update();
        let message = client.get(&format!("/v1/messages/{id}"), &[]).await?;
        let waits = ["queued", "sending", "deferred"];
        let mut deliveries = message["deliveries"].as_array().into_iter().flatten();
        if !deliveries.any(|delivery| waits.iter().any(|status| delivery["status"] == *status)) {
            return Ok(message);
        }
        commits.changed().await.context("the ledger is gone")?;
    }
}

/// Verifies the ledger and folds it.
async fn balance(data_dir: &Path) -> Result<Value> {
    let reader = Reader::open(data_dir).await.map_err(crate::service::open_failure)?;
    let broken = |error: String| Failure::new(Exit::Verification, error);
    reader.verify(&mut |_| {}).await.map_err(|error| broken(error.to_string()))?;
    let replayed = reader.replay(Until::End, &mut |_| {}).await.map_err(|error| broken(error.to_string()))?;
    Ok(replay::summary(&replayed))
}
