//! `postledger relay drill`: opens a relay's breaker on purpose, proves that mail goes by another relay, closes it again.

use crate::args::{Drill, Output, Place};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{self, paint, text, time};
use crate::signals::Signals;
use crate::trouble;
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Kept back from the limit, so that the end is this program's and not the service's.
const RESERVE: Duration = Duration::from_millis(500);
/// The API has no call that returns when a delivery has ended; this is how often it is asked.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// Carries out a drill.
///
/// # Errors
/// With exit code 1 if no mail went by another relay; 3 and 4 if the service refuses.
pub async fn run(place: &Place, wish: Drill) -> Result<Exit> {
    let client = Client::new(place)?;
    let mut signals = Signals::of_session()?;
    let began = Instant::now();
    let path = format!("/v1/relays/{}/drill", wish.name);
    let limit = json!({"expires_after": format!("{}s", wish.limit.as_secs().max(1))});
    let drill = client.post(&path, &limit, None).await?.body;
    let say = |line: String| if place.output == Output::Table { output::line(&line) } else { Ok(()) };
    let until = time::moment(&drill["until"]);
    let mut account =
        json!({"relay": wish.name.as_str(), "until": drill["until"], "routes": drill["routes"]});
    let proof = async {
        say(format!(
            "{}    {}: its breaker is open, until {until} UTC at the latest",
            paint::state("open"),
            wish.name
        ))?;
        for way in drill["routes"].as_array().into_iter().flatten() {
            let what = match way["relay"].as_str() {
                Some(relay) => format!("its mail goes by {relay}"),
                None => "its mail waits: no other relay of it is up".to_owned(),
            };
            say(format!("        route {}: {what}", text(&way["route"])))?;
        }
        let way = way(&drill, &wish)?;
        match &wish.to {
            Some(to) => send(&client, &wish, to, way, began + wish.limit.saturating_sub(RESERVE)).await,
            None => probe(&client, way).await,
        }
    };
    let proved = tokio::select! {
        proved = proof => proved,
        _ = signals.next() => Err(Failure::new(Exit::Failed, "interrupted".to_owned())),
    };
    // Whatever was found, and whoever does not want to wait: the breaker closes.
    let closed = client.delete(&path).await;
    let (is_ok, line) = match &proved {
        Ok(proof) => {
            account["proof"] = proof.json.clone();
            (proof.is_ok, proof.line.clone())
        }
        Err(error) => (false, format!("{error:#}")),
    };
    say(format!("{}  {line}", paint::state(if is_ok { "ok    " } else { "failed" })))?;
    match &closed {
        Ok(_) => say(format!("{}  {}: its breaker is closed again", paint::state("closed"), wish.name))?,
        Err(error) => {
            say(format!("        {}: its breaker closes by itself at {until} UTC: {error:#}", wish.name))?
        }
    }
    account["ok"] = is_ok.into();
    account["detail"] = line.clone().into();
    account["closed"] = closed.is_ok().into();
    account["took_ms"] = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).into();
    if place.output == Output::Json {
        output::json(&account)?;
    }
    proved?;
    if is_ok { Ok(Exit::Ok) } else { Err(Failure::new(Exit::Failed, format!("the drill failed: {line}"))) }
}

/// What was found out.
struct Proof {
    is_ok: bool,
    line: String,
    json: Value,
}

/// The route whose mail goes by another relay, and that relay.
fn way<'a>(drill: &'a Value, wish: &Drill) -> Result<(&'a str, &'a str)> {
    let routes = drill["routes"].as_array().into_iter().flatten();
    let mut ways: Vec<_> =
        routes.filter_map(|way| Some((way["route"].as_str()?, way["relay"].as_str()?))).collect();
    ways.sort_by_key(|(route, _)| *route != "default");
    let wanted = wish.route.as_ref().map(|route| route.as_str());
    let way = ways.into_iter().find(|(route, _)| wanted.is_none_or(|wanted| wanted == *route));
    way.ok_or_else(|| {
        let route = wanted.unwrap_or("default");
        Failure::new(
            Exit::Refused,
            format!("route {route} has not {} and another relay that is up", wish.name),
        )
    })
}

async fn send(
    client: &Client,
    wish: &Drill,
    to: &str,
    (route, _): (&str, &str),
    deadline: Instant,
) -> Result<Proof> {
    let name = &wish.name;
    let message = json!({
        "from": wish.from.as_deref().unwrap_or(to), "to": to, "route": route, "priority": "critical",
        "subject": format!("Postledger drill: {name} is out of use"), "expires_after": "1m", "tags": ["drill"],
        "text": format!("This message was sent while the relay {name} was taken out of use on purpose.\n\
                         It came by another relay of the route {route}.\n"),
    });
    let began = Instant::now();
    let accepted = client.post("/v1/messages", &message, None).await?.body;
    let id = text(&accepted["id"]);
    loop {
        let message = client.get(&format!("/v1/messages/{id}"), &[]).await?;
        let delivery = &message["deliveries"][0];
        let (status, relay) = (text(&delivery["status"]), text(&delivery["relay"]));
        let is_final = matches!(&*status, "delivered" | "failed" | "unknown" | "cancelled");
        if is_final || Instant::now() >= deadline {
            let took = began.elapsed();
            let said = match trouble::reply(&delivery["last_reply"]) {
                None => why_not_sent(client, &id).await,
                said => said,
            };
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            let by = if relay == "-" { String::new() } else { format!(" by {relay}") };
            let still = if is_final { "" } else { "still " };
            let line = format!("{id}, route {route}: {still}{status}{by} after {}{said}", time::span(took));
            let json = json!({
                "route": route, "message": id, "status": status, "relay": delivery["relay"],
                "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            });
            return Ok(Proof { is_ok: status == "delivered" && relay != name.as_str(), line, json });
        }
        sleep(ASKED_EVERY).await;
    }
}

/// The last trouble before anything was sent, if there was one.
async fn why_not_sent(client: &Client, id: &str) -> Option<String> {
    let events = client.get(&format!("/v1/messages/{id}/events"), &[]).await.ok()?;
    let last = events["data"].as_array()?.iter().rev().find(|event| event["not_sent"].is_object())?;
    Some(trouble::in_words(&last["not_sent"]))
}

async fn probe(client: &Client, (route, relay): (&str, &str)) -> Result<Proof> {
    let probed = client.post(&format!("/v1/relays/{relay}/probe"), &json!({}), None).await?.body;
    let is_ok = probed["ok"] == true;
    let what = match is_ok {
        true => format!(
            "{relay} takes mail, after {} ms (none was sent: --to ADDRESS sends some)",
            probed["took_ms"]
        ),
        false => format!("{relay} takes no mail: {}", trouble::in_words(&probed["not_sent"])),
    };
    let json = json!({"route": route, "relay": relay, "probe": probed});
    Ok(Proof { is_ok, line: format!("route {route}: {what}"), json })
}
