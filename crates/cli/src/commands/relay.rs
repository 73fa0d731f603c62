//! `postledger relay`

use crate::args::{Output, Place, Relay};
use crate::client::{Client, configuration};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::timeline;
use crate::trouble;
use anyhow::Result;
use postledger_core::name::RelayName;
use postledger_core::outcome::NotSent;
use postledger_dispatcher::{Capabilities, RelayReport};
use serde_json::{Value, json};

/// Carries out a verb on relays.
///
/// # Errors
/// The service does not answer, or the configuration cannot be read.
pub async fn run(place: &Place, verb: Relay) -> Result<Exit> {
    match verb {
        Relay::List => list(place).await,
        Relay::Test { name } => test(place, name.as_ref()).await,
    }
}

async fn list(place: &Place) -> Result<Exit> {
    let relays = Client::new(place)?.get("/v1/relays", &[]).await?;
    output::write(place.output, &relays, |relays| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let row = |relay: &Value| {
            let last = &relay["last_trouble"];
            let trouble = match last.is_null() {
                true => "-".to_owned(),
                false => format!("{} ({})", trouble::in_words(last), timeline::clock(&text(&last["at"]))),
            };
            let up = if relay["is_up"] == true {
                "up".to_owned()
            } else {
                format!("down until {}", timeline::clock(&text(&relay["retry_at"])))
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
async fn test(place: &Place, name: Option<&RelayName>) -> Result<Exit> {
    let config = configuration(place)?;
    let chosen: Vec<_> =
        config.relay.iter().filter(|relay| name.is_none_or(|name| relay.name == *name)).collect();
    if chosen.is_empty() {
        let which = name.map_or_else(|| "no relay".to_owned(), |name| format!("no relay {name}"));
        return Err(Failure::new(Exit::NotFound, format!("there is {which} in the configuration")));
    }
    let mut tested = Vec::with_capacity(chosen.len());
    for relay in chosen {
        let relay = relay.to_dispatcher()?;
        let report = postledger_dispatcher::test_relay(&relay).await;
        let mut json = report.map_or_else(|not_sent| failed(&not_sent), |report| passed(&report));
        json["relay"] = relay.name.as_str().into();
        json["host"] = relay.host.into();
        json["port"] = relay.port.into();
        if place.output == Output::Table {
            // A relay that does not answer takes its time: each line as it comes.
            output::line(&line(&json))?;
        }
        tested.push(json);
    }
    let is_ok = tested.iter().all(|relay| relay["ok"] == true);
    if place.output == Output::Json {
        output::line(&json!({"ok": is_ok, "data": tested}).to_string())?;
    }
    let unusable = tested.iter().filter(|relay| relay["ok"] != true).count();
    if unusable > 0 {
        let message = format!("{unusable} of {} relays cannot be used", tested.len());
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(Exit::Ok)
}

pub(super) fn passed(report: &RelayReport) -> Value {
    json!({
        "ok": true, "banner": report.banner, "encrypted": report.is_encrypted,
        "authenticated": report.is_authenticated, "extensions": extensions(&report.offers),
        "took_ms": report.took.as_secs_f64() * 1000.0,
    })
}

pub(super) fn failed(not_sent: &NotSent) -> Value {
    let reply = not_sent.reply.as_ref().map(|reply| {
        json!({"code": reply.code, "enhanced": reply.enhanced.map(|code| code.to_string()), "text": reply.text})
    });
    let mut json = json!({
        "ok": false, "stage": not_sent.stage.as_str(), "trouble": not_sent.trouble.as_str(), "reply": reply,
    });
    json["detail"] = trouble::in_words(&json).into();
    json
}

pub(super) fn line(tested: &Value) -> String {
    let text = |name: &str| tested[name].as_str().unwrap_or_default();
    let place = format!("{} at {}:{}", text("relay"), text("host"), tested["port"]);
    if tested["ok"] != true {
        return format!("failed  {place}: {}", text("detail"));
    }
    let tls = if tested["encrypted"] == true { "TLS, certificate valid" } else { "without TLS" };
    let login = if tested["authenticated"] == true { ", logged in" } else { "" };
    let took = tested["took_ms"].as_f64().unwrap_or_default();
    let offers: Vec<_> =
        tested["extensions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("ok      {place}: {tls}{login}, {took:.0} ms; offers {}", offers.join(" "))
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
