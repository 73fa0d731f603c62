//! `postledger relay`

use crate::args::{Place, Relay};
use crate::client::{Client, configuration};
use crate::exit::{Exit, Failure};
use crate::output;
use anyhow::Result;
use postledger_core::outcome::NotSent;
use postledger_dispatcher::Capabilities;
use serde_json::{Value, json};

/// Carries out a verb on relays.
///
/// # Errors
/// The service does not answer, or the configuration cannot be read.
pub async fn run(place: &Place, verb: Relay) -> Result<Exit> {
    match verb {
        Relay::List => list(place).await,
        Relay::Test { name } => test(place, name.as_deref()).await,
    }
}

async fn list(place: &Place) -> Result<Exit> {
    let relays = Client::new(place)?.get("/v1/relays", &[]).await?;
    output::write(place.output, &relays, |relays| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let row = |relay: &Value| {
            let trouble = &relay["last_trouble"];
            let trouble = match trouble.is_null() {
                true => "-".to_owned(),
                false => format!(
                    "{} at {} ({})",
                    text(&trouble["trouble"]),
                    text(&trouble["stage"]),
                    text(&trouble["at"])
                ),
            };
            let up = if relay["is_up"] == true {
                "up".to_owned()
            } else {
                format!("down until {}", text(&relay["retry_at"]))
            };
            let address = format!("{}:{}", text(&relay["host"]), relay["port"]);
            let counts = ["connections", "in_flight"].map(|column| relay[column].to_string());
            vec![text(&relay["name"]), address, up, counts[0].clone(), counts[1].clone(), trouble]
        };
        let names = ["name", "address", "state", "connections", "in flight", "last trouble"];
        output::table(&names, relays["data"].as_array().into_iter().flatten().map(row))
    })?;
    Ok(Exit::Ok)
}

/// Says hello to each relay and logs in; exit code 1 if one cannot be used.
async fn test(place: &Place, name: Option<&str>) -> Result<Exit> {
    let config = configuration(place)?;
    let chosen: Vec<_> =
        config.relay.iter().filter(|relay| name.is_none_or(|name| relay.name.as_str() == name)).collect();
    if chosen.is_empty() {
        return Err(Failure::new(Exit::NotFound, "there is no such relay in the configuration"));
    }
    let mut exit = Exit::Ok;
    for relay in chosen {
        let relay = relay.to_dispatcher()?;
        let place_of = format!("{} at {}:{}", relay.name, relay.host, relay.port);
        let (line, json) = match postledger_dispatcher::test_relay(&relay).await {
            Ok(report) => {
                let offers = extensions(&report.offers);
                let json = json!({
                    "relay": relay.name.as_str(), "ok": true, "banner": report.banner, "encrypted": report.is_encrypted,
                    "authenticated": report.is_authenticated, "extensions": offers,
                    "took_ms": report.took.as_secs_f64() * 1000.0,
                });
                let tls = if report.is_encrypted { "TLS, certificate valid" } else { "without TLS" };
                let login = if report.is_authenticated { ", logged in" } else { "" };
                let took = report.took.as_millis();
                (format!("ok      {place_of}: {tls}{login}, {took} ms; offers {}", offers.join(" ")), json)
            }
            Err(not_sent) => {
                exit = Exit::Failed;
                let words = in_words(&not_sent);
                let json = json!({
                    "relay": relay.name.as_str(), "ok": false, "stage": not_sent.stage.as_str(),
                    "trouble": not_sent.trouble.as_str(), "detail": words,
                });
                (format!("failed  {place_of}: {words}"), json)
            }
        };
        output::write(place.output, &json, |_| line)?;
    }
    Ok(exit)
}

fn in_words(not_sent: &NotSent) -> String {
    let reply =
        not_sent.reply.as_ref().map(|reply| format!(": {} {}", reply.code, reply.text.replace('\n', " ")));
    format!("{} at {}{}", not_sent.trouble, not_sent.stage, reply.unwrap_or_default())
}

/// What it offers, by the names of EHLO.
fn extensions(offers: &Capabilities) -> Vec<String> {
    let named = [
        (offers.pipelining, "PIPELINING"),
        (offers.eight_bit_mime, "8BITMIME"),
        (offers.smtp_utf8, "SMTPUTF8"),
        (offers.starttls, "STARTTLS"),
        (offers.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
        (offers.auth_plain, "AUTH=PLAIN"),
        (offers.auth_login, "AUTH=LOGIN"),
    ];
    let named = named.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, name)| name.to_owned());
    named.chain(offers.size.map(|size| format!("SIZE={size}"))).collect()
}
