//! What must go now goes now, whatever hangs; and who waits is told for what.

use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Action, Rule, Script, Sink, Stage};
use serde_json::{Value, json};

/// Recipients whose relay never answers the dot.
fn silent() -> Script {
    Script::default().rule(Rule::at(Stage::Dot).starting("silent").then(Action::Hang))
}

async fn submit(service: &Service, to: &str, priority: &str) -> Value {
    let message =
        json!({"from": "shop@shop.example", "to": to, "subject": "x", "text": "x", "priority": priority});
    service.submit(&message).await.unwrap()
}

async fn explain(service: &Service, message: &Value) -> Value {
    let id = message["deliveries"][0]["id"].as_str().unwrap();
    service.get(&format!("/v1/deliveries/{id}/explain")).await.unwrap().expect(200).unwrap()
}

async fn under_way(sink: &Sink, transactions: usize) {
    sink.wait_for(|log| log.passes(Stage::Body) as usize >= transactions).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_message_passes_those_that_hang() {
    let sink = Sink::start(silent()).await.unwrap();
    let relay = Relay::plain("primary", sink.addr()).line("max_connections = 4");
    let service = Setup::new().relay(relay).start().await.unwrap();
    let mut low = Vec::new();
    for n in 0..10 {
        low.push(submit(&service, &format!("silent{n}@example.net"), "low").await);
    }
    under_way(&sink, 3).await;
    let waiting = explain(&service, &low[9]).await;
    assert_eq!(waiting["rule"], "relay_full", "{waiting:#}");
    assert_eq!(waiting["relay"], json!({"name": "primary", "in_flight": 3, "allowed": 3}));
    assert_eq!(waiting["explanation"], "all connections of primary that low mail may use are busy");

    let critical = submit(&service, "now@example.net", "critical").await;
    let critical = service.settled(critical["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(critical["status"], "delivered", "{critical:#}");
    assert_eq!(explain(&service, &critical).await["rule"], "ended");
    assert_eq!(explain(&service, &low[0]).await["rule"], "sending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_takes_what_the_operator_allows_and_delays_no_other() {
    let sink = Sink::start(silent()).await.unwrap();
    let table = "[[destination]]\nname = \"small\"\ndomains = [\"*.example.net\"]\nmax_connections = 1\n";
    let setup = Setup::new().relay(Relay::plain("primary", sink.addr())).toml(table);
    let service = setup.start().await.unwrap();
    submit(&service, "silent@small.example.net", "normal").await;
    under_way(&sink, 1).await;
    let second = submit(&service, "ann@small.example.net", "critical").await;
    let waiting = explain(&service, &second).await;
    assert_eq!(waiting["rule"], "destination_full", "{waiting:#}");
    let small = json!({"domain": "small.example.net", "in_flight": 1, "window": 1});
    assert_eq!(waiting["destination"], small);

    let other = submit(&service, "ann@other.example", "low").await;
    assert_eq!(service.settled(other["id"].as_str().unwrap()).await.unwrap()["status"], "delivered");
    assert_eq!(explain(&service, &second).await["rule"], "destination_full");
}
