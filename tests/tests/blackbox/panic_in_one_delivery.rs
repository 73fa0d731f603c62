//! A panic while one message is sent ends that attempt and nothing else; what it was doing is classed by whether its dot
//! had left, and what the panic says stays out of the log.

use postledger_tests::service::{Program, Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::{Value, json};

const SUBJECT: &str = "a poison subject";

struct Bench {
    service: Service,
    sink: Sink,
    poison: String,
}

/// One connection, so that the one that the panic took with it is missed by all who come after.
async fn among_others(mistake: &'static str) -> Bench {
    let sink = Sink::start(Script::default()).await.unwrap();
    let relay = Relay::plain("primary", sink.addr()).line("max_connections = 1");
    let setup = Setup::new().program(Program::Sabotaged(mistake)).relay(relay);
    let service = setup.start().await.unwrap();
    let mut others = Vec::new();
    let mut poison = String::new();
    for n in 0..20 {
        let (to, subject) = if n == 5 { ("poison", SUBJECT) } else { ("ann", "an order") };
        let message = json!({
            "from": "a@a.example", "to": format!("{to}@b.example"), "subject": subject, "text": "x",
            "on_unknown": "hold", "retry": {"schedule": ["1h"]},
        });
        let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
        if n == 5 { poison = id } else { others.push(id) }
    }
    for id in &others {
        assert_eq!(service.settled(id).await.unwrap()["status"], "delivered");
    }
    Bench { service, sink, poison }
}

impl Bench {
    /// The poisoned delivery, the copies at the sink, and the kinds of its events, once it is in this state.
    async fn ends(mut self, status: &str) -> (Value, usize, Vec<String>) {
        let message = self
            .service
            .message_until(&self.poison, |message| message["deliveries"][0]["status"] == status)
            .await
            .unwrap();
        let events = self.service.get(&format!("/v1/messages/{}/events", self.poison)).await.unwrap();
        let kinds = events.json["data"].as_array().unwrap().iter();
        let kinds = kinds.map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(self.service.terminate().await.unwrap().code, Some(0), "it has lived on");
        let log = self.service.stderr().unwrap();
        assert!(log.contains("a panic") && log.contains("sabotage.rs"), "it is seen where it was:\n{log}");
        assert!(!log.contains(SUBJECT), "it quotes what was worked on:\n{log}");
        let log = self.sink.stop().await;
        assert_eq!(log.of("ann@b.example").count(), 19, "everybody else's once");
        (message["deliveries"][0].clone(), log.of("poison@b.example").count(), kinds)
    }
}

#[tokio::test]
async fn before_anything_is_sent_it_is_held() {
    let (delivery, copies, kinds) = among_others("panic_before_mail").await.ends("held").await;
    assert_eq!(delivery["hold_reason"], "quarantined", "it would fail again");
    assert_eq!((copies, &kinds[..]), (0, &["queued", "held"].map(str::to_owned)[..]));
}

#[tokio::test]
async fn in_the_text_nothing_was_sent() {
    let (delivery, copies, kinds) = among_others("panic_in_body").await.ends("deferred").await;
    assert_eq!((&delivery["attempts"], &delivery["unknown_attempts"]), (&json!(1), &json!(0)));
    assert_eq!((copies, &kinds[..]), (0, &["queued", "attempted", "deferred"].map(str::to_owned)[..]));
}

#[tokio::test]
async fn after_the_dot_it_is_unknown() {
    let (delivery, copies, kinds) = among_others("panic_after_dot").await.ends("held").await;
    assert_eq!((&delivery["hold_reason"], &delivery["unknown_attempts"]), (&json!("unknown"), &json!(1)));
    let expected = ["queued", "attempted", "unknown", "held"].map(str::to_owned);
    assert_eq!((copies, &kinds[..]), (1, &expected[..]));
}
