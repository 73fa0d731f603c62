//! A relay that cannot be used: its mail goes by the backup, soon, and whoever looks is told why.

use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Action, Extensions, Rule, Script, Sink, Stage};
use serde_json::{Value, json};

async fn submit(service: &Service, priority: &str) -> Value {
    let message = json!({
        "from": "shop@shop.example", "to": "ann@example.net", "subject": "x", "text": "x", "priority": priority,
    });
    let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
    service.settled(&id).await.unwrap()["deliveries"][0].clone()
}

async fn breakers(service: &Service) -> Vec<Value> {
    let exit = service.run(&["audit", "node", "--relay", "primary"]).await.unwrap();
    let events: Value = serde_json::from_str(&exit.stdout).unwrap_or_else(|_| panic!("{exit}"));
    events["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_wrong_password_opens_the_breaker_and_its_mail_goes_by_the_backup() {
    let auth = Some(Some(("me".to_owned(), "right".to_owned())));
    let wants_login = Script::default().offering(Extensions { auth, ..Extensions::default() });
    let primary = Sink::start(wants_login).await.unwrap();
    let backup = Sink::start(Script::default()).await.unwrap();
    let login = "username = \"me\"\npassword = \"wrong-secret\"";
    let mut service = Setup::new()
        .relay(Relay::plain("primary", primary.addr()).line(login))
        .relay(Relay::plain("backup", backup.addr()))
        .start()
        .await
        .unwrap();
    let delivery = submit(&service, "normal").await;
    assert_eq!((&delivery["status"], &delivery["relay"]), (&json!("delivered"), &json!("backup")));
    assert_eq!(delivery["attempts"], 2);
    // The next one does not even try.
    assert_eq!(submit(&service, "normal").await["attempts"], 1);

    let exit = service.run(&["relay", "list"]).await.unwrap();
    let relays: Value = serde_json::from_str(&exit.stdout).unwrap();
    let [primary, backup] = [0, 1].map(|at| relays["data"][at].clone());
    assert_ne!(primary["breaker"], "closed", "{primary:#}");
    assert!(primary["since"].is_string() && primary["is_up"].is_boolean(), "{primary:#}");
    let trouble = &primary["last_trouble"];
    assert_eq!((&trouble["stage"], &trouble["trouble"]), (&json!("auth"), &json!("refused")), "{primary:#}");
    assert_eq!(trouble["reply"]["code"], 535);
    assert_eq!((&backup["breaker"], &backup["since"]), (&json!("closed"), &Value::Null));

    service.terminate().await.unwrap();
    let events = breakers(&service).await;
    let first = &events[0];
    assert_eq!((&first["kind"], &first["by"]), (&json!("breaker_opened"), &json!("system")));
    assert_eq!(
        (&first["not_sent"]["stage"], &first["not_sent"]["reply"]["code"]),
        (&json!("auth"), &json!(535))
    );
    assert!(first["until"].as_str() > first["at"].as_str(), "{first:#}");
    assert!(!service.stderr().unwrap().contains("wrong-secret"));
    assert_eq!(service.run(&["audit", "verify"]).await.unwrap().code, Some(0));
}

/// With the timeouts as they are: what hangs at its greeting costs seconds, and costs them once.
#[tokio::test]
async fn a_relay_that_hangs_at_its_banner_delays_a_critical_message_by_seconds() {
    let silent = Rule::at(Stage::Banner).then(Action::Hang);
    let primary = Sink::start(Script::default().rule(silent)).await.unwrap();
    let backup = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new()
        .relay(Relay::plain("primary", primary.addr()))
        .relay(Relay::plain("backup", backup.addr()))
        .start()
        .await
        .unwrap();
    let took = |delivery: &Value| {
        let time = |name: &str| delivery[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        time("delivered_at").duration_since(time("ready_at")).as_secs_f64()
    };
    let first = submit(&service, "critical").await;
    assert_eq!(first["relay"], "backup", "{first:#}");
    assert!((4.0..6.0).contains(&took(&first)), "{} s", took(&first));
    let second = submit(&service, "critical").await;
    assert!(took(&second) < 1.0, "{} s", took(&second));
}
