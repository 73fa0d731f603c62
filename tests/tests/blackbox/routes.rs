//! Which relay a delivery goes to: by what its request names, by what a route matches, by default; and after a reload.

use jiff::{SignedDuration, Timestamp};
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;

const ROUTES: &str = r#"
[[route]]
name = "default"
relays = ["plain"]
[[route]]
name = "domain"
relays = ["first", "plain"]
match = { domain = ["example.org", "*.example.org"] }
[[route]]
name = "tag"
relays = ["second"]
match = { tag = "news" }
[[route]]
name = "priority"
relays = ["third"]
match.priority = ["critical", "high"]
[[route]]
name = "foreign"
relays = ["plain"]
match = { tenant = "other", domain = "tenant.example" }
[[route]]
name = "tenant"
relays = ["fourth"]
match = { tenant = "default", domain = "tenant.example" }
"#;

async fn submit(service: &Service, to: &Value, more: Value) -> Value {
    let mut message = json!({"from": "shop@shop.example", "to": to, "subject": "x", "text": "x"});
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    service.submit(&message).await.unwrap()
}

#[tokio::test]
async fn a_delivery_goes_by_what_it_is_named_then_by_the_first_match_then_by_default() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut setup = Setup::new();
    for name in ["plain", "first", "second", "third", "fourth"] {
        setup = setup.relay(Relay::plain(name, sink.addr()));
    }
    let service = setup.toml(ROUTES).start().await.unwrap();
    let table = [
        (json!("a@example.net"), json!({}), vec!["plain"]),
        (
            json!(["a@example.net", "b@Mail.example.ORG", "c@example.org"]),
            json!({}),
            vec!["plain", "first", "first"],
        ),
        (json!("a@example.org"), json!({"route": "default", "tags": ["news"]}), vec!["plain"]),
        (json!("a@example.net"), json!({"route": "tag"}), vec!["second"]),
        (json!("a@example.org"), json!({"tags": ["news"]}), vec!["first"]),
        (json!("a@example.net"), json!({"tags": ["x", "news"], "priority": "high"}), vec!["second"]),
        (json!("a@example.net"), json!({"priority": "high"}), vec!["third"]),
        (json!("a@tenant.example"), json!({}), vec!["fourth"]),
    ];
    for (to, more, relays) in table {
        let id = submit(&service, &to, more.clone()).await["id"].as_str().unwrap().to_owned();
        let message = service.settled(&id).await.unwrap();
        let deliveries = message["deliveries"].as_array().unwrap();
        let gone: Vec<_> = deliveries.iter().map(|it| it["relay"].as_str().unwrap()).collect();
        assert_eq!(gone, relays, "{to} {more}");
    }
}

/// What waits goes where the configuration says now: that is what an operator reloads for.
#[tokio::test]
async fn a_reload_moves_what_waits_and_its_request_named_no_route() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let setup =
        Setup::new().relay(Relay::plain("plain", sink.addr())).relay(Relay::plain("first", sink.addr()));
    let default = "[[route]]\nname = \"default\"\nrelays = [\"plain\"]";
    let mut service = setup.toml(default).start().await.unwrap();
    let later = json!(in_hours(1));
    let (org, net) = (json!("a@example.org"), json!("a@example.net"));
    let waiting = submit(&service, &org, json!({"send_at": later})).await;
    let named = submit(&service, &org, json!({"send_at": later, "route": "default"})).await;
    let tagged = submit(&service, &net, json!({"send_at": later, "tags": ["news"]})).await;
    assert_eq!(chosen(&service, &waiting).await, json!(["default", "default"]));

    let mut text = std::fs::read_to_string(service.config_file()).unwrap();
    for (name, matching) in [("domain", "domain = \"example.org\""), ("tag", "tag = \"news\"")] {
        let relays = "relays = [\"first\"]";
        let _infallible = writeln!(text, "[[route]]\nname = \"{name}\"\n{relays}\nmatch = {{ {matching} }}");
    }
    std::fs::write(service.config_file(), text).unwrap();
    service.signal(Signal::HUP).unwrap();
    service.stderr_until(|log| log.contains("configuration read again")).await.unwrap();
    assert_eq!(chosen(&service, &waiting).await, json!(["domain", "matched"]));
    assert_eq!(chosen(&service, &named).await, json!(["default", "named"]));
    // Nobody asked for its tag when it came; a start reads it again.
    assert_eq!(chosen(&service, &tagged).await, json!(["default", "default"]));
    service.terminate().await.unwrap();
    service.start().await.unwrap();
    assert_eq!(chosen(&service, &tagged).await, json!(["tag", "matched"]));

    for (message, relay) in [(&waiting, "first"), (&named, "plain"), (&tagged, "first")] {
        let id = message["id"].as_str().unwrap();
        let now = json!({"send_at": in_hours(0)});
        let moved =
            service.call(Method::PATCH, &format!("/v1/messages/{id}"), Some(&now), &[]).await.unwrap();
        moved.expect(200).unwrap();
        assert_eq!(service.settled(id).await.unwrap()["deliveries"][0]["relay"], relay);
    }
}

#[expect(clippy::disallowed_methods, reason = "the service under test has the real clock")]
fn in_hours(hours: i64) -> String {
    (Timestamp::now() + SignedDuration::from_hours(hours)).to_string()
}

async fn chosen(service: &Service, message: &Value) -> Value {
    let id = message["deliveries"][0]["id"].as_str().unwrap();
    let explained = service.get(&format!("/v1/deliveries/{id}/explain")).await.unwrap().expect(200).unwrap();
    json!([explained["route"], explained["route_reason"]])
}
