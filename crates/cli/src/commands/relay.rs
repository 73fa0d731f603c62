//! `postledger relay`

mod drill;

use crate::args::{Output, Place, Relay};
use crate::client::{Client, configuration};
use crate::exit::{Exit, Failure};
use crate::output::{self, Column, paint, text, time};
use crate::system::SystemClock;
use crate::trouble;
use anyhow::Result;
use postledger_core::clock::Clock;
use postledger_core::name::RelayName;
use postledger_core::outcome::NotSent;
use postledger_core::time::Timestamp;
use postledger_dispatcher::{
    Capabilities, Certificate, RelayConfig, RelayExamined, RelayReport, examine_relay,
};
use serde_json::{Value, json};

/// Carries out a verb on relays.
///
/// # Errors
/// The service does not answer, or the configuration cannot be read.
pub async fn run(place: &Place, verb: Relay) -> Result<Exit> {
    match verb {
        Relay::List => list(place).await,
        Relay::Drill(wish) => drill::run(place, wish).await,
        Relay::Test { name } => test(place, name.as_ref()).await,
    }
}

async fn list(place: &Place) -> Result<Exit> {
    let relays = Client::new(place)?.get("/v1/relays", &[]).await?;
    output::write(place.output, &relays, |relays| {
        let now = SystemClock.now();
        let row = |relay: &Value| {
            let since = time::of(&relay["since"]).map(|at| time::from(at, now));
            let state = state(relay, since.as_deref(), now);
            let trouble = match (&relay["last_trouble"], since) {
                (Value::Null, _) => "-".to_owned(),
                (last, Some(_)) if relay["breaker"] != "closed" => trouble::in_words(last),
                (last, _) => {
                    let at = time::of(&last["at"]).map(|at| time::from(at, now)).unwrap_or_default();
                    format!("{at}: {}", trouble::in_words(last))
                }
            };
            let address = format!("{}:{}", text(&relay["host"]), relay["port"]);
            let [connections, in_flight] = ["connections", "in_flight"].map(|column| text(&relay[column]));
            vec![text(&relay["name"]), address, paint::state(&state), connections, in_flight, trouble]
        };
        let columns = [
            Column::Text("name"),
            Column::Clipped("address"),
            Column::Text("state"),
            Column::Number("connections"),
            Column::Number("in flight"),
            Column::Clipped("trouble"),
        ];
        output::table(&columns, relays["data"].as_array().into_iter().flatten().map(row))
    })?;
    Ok(Exit::Ok)
}

/// Whether mail goes there, since when, and when it is tried again.
fn state(relay: &Value, since: Option<&str>, now: Timestamp) -> String {
    let next = time::of(&relay["retry_at"]).map(|at| time::from(at, now)).unwrap_or_default();
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    match (relay["breaker"].as_str(), relay["drilled_by"].as_str()) {
        (Some("open"), Some(by)) => format!("open{since}, for a drill by {by}, ends {next}"),
        (Some("open"), None) => format!("open{since}, probed {next}"),
        (Some("probing"), _) => format!("probing{since}"),
        _ => format!("up{since}"),
    }
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
        let json = tried(&relay, &examine_relay(&relay).await);
        if place.output == Output::Table {
            // A relay that does not answer takes its time: each line as it comes.
            output::line(&line(&json))?;
        }
        tested.push(json);
    }
    let is_ok = tested.iter().all(|relay| relay["ok"] == true);
    if place.output == Output::Json {
        output::json(&json!({"ok": is_ok, "data": tested}))?;
    }
    let unusable = tested.iter().filter(|relay| relay["ok"] != true).count();
    if unusable > 0 {
        let message = format!("{unusable} of {} relays cannot be used", tested.len());
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(Exit::Ok)
}

/// A try as JSON: `ok`, and what was answered, or `detail` in words.
pub fn tried(relay: &RelayConfig, examined: &RelayExamined) -> Value {
    let mut json = match &examined.answer {
        Ok(report) => passed(report),
        Err(not_sent) => failed(not_sent),
    };
    if let Some(Certificate { not_after, refused }) = &examined.certificate {
        json["certificate"] = json!({
            "trusted": refused.is_none(), "not_after": not_after.map(|end| end.to_string()),
        });
        if let Some(refused) = refused {
            json["detail"] = trouble::refused(*refused).into();
        }
    }
    json["relay"] = relay.name.as_str().into();
    json["host"] = relay.host.as_str().into();
    json["port"] = relay.port.into();
    json
}

fn passed(report: &RelayReport) -> Value {
    json!({
        "ok": true, "banner": report.banner, "encrypted": report.is_encrypted,
        "authenticated": report.is_authenticated, "extensions": extensions(&report.offers),
        "took_ms": report.took.as_secs_f64() * 1000.0,
    })
}

/// A failed try as JSON, with `detail` in words.
pub fn failed(not_sent: &NotSent) -> Value {
    let reply = not_sent.reply.as_ref().map(|reply| {
        json!({"code": reply.code, "enhanced": reply.enhanced.map(|code| code.to_string()), "text": reply.text})
    });
    let mut json = json!({
        "ok": false, "stage": not_sent.stage.as_str(), "trouble": not_sent.trouble.as_str(), "reply": reply,
    });
    json["detail"] = trouble::in_words(&json).into();
    json
}

/// A try in a line.
pub fn line(tested: &Value) -> String {
    let text = |name: &str| tested[name].as_str().unwrap_or_default();
    let place = format!("{} at {}:{}", text("relay"), text("host"), tested["port"]);
    if tested["ok"] != true {
        return format!("{}  {place}: {}", paint::state("failed"), text("detail"));
    }
    let end = tested["certificate"]["not_after"].as_str().and_then(|end| end.split('T').next());
    let tls = match (tested["encrypted"] == true, end) {
        (true, Some(day)) => format!("TLS, certificate valid until {day}"),
        (true, None) => "TLS, certificate valid".to_owned(),
        (false, _) => "without TLS".to_owned(),
    };
    let login = if tested["authenticated"] == true { ", logged in" } else { "" };
    let took = tested["took_ms"].as_f64().unwrap_or_default();
    let offers: Vec<_> =
        tested["extensions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("{}      {place}: {tls}{login}, {took:.0} ms; offers {}", paint::state("ok"), offers.join(" "))
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
