//! A relay that goes wrong in more ways than those of the matrix (`smtp_matrix`): never a false delivered, and the backup
//! has the mail soon if the first is known not to have it (G4, G6).

use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Action, Rule, Script, Sink, Stage};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const TIMEOUTS: &str =
    r#"timeouts = { connect = "1s", command = "1s", data = "1s", body = "1s", dot = "2s", quit = "1s" }"#;

/// Mail that is known not sent is at the backup well within this: one stage's deadline and some time to think.
const SOON: Duration = Duration::from_secs(5);

/// One service, a backup, and a relay of its own for each thing that goes wrong: what the service learns about one of
/// them must not touch another's test.
struct Bench {
    service: Service,
    backup: Sink,
    wrong: Vec<(String, Sink)>,
}

impl Bench {
    async fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let backup = Sink::start(Script::default()).await.unwrap();
        let mut setup = Setup::new()
            .relay(Relay::plain("backup", backup.addr()))
            .toml("[[route]]\nname = \"default\"\nrelays = [\"backup\"]");
        let mut wrong = Vec::new();
        for rule in rules {
            let name = format!("wrong{}", wrong.len());
            let sink = Sink::start(Script::default().rule(rule)).await.unwrap();
            let route = format!("[[route]]\nname = \"{name}\"\nrelays = [\"{name}\", \"backup\"]");
            setup = setup.relay(Relay::plain(&name, sink.addr()).line(TIMEOUTS)).toml(&route);
            wrong.push((name, sink));
        }
        Self { service: setup.start().await.unwrap(), backup, wrong }
    }

    /// Sends one message over each relay, all at once; returns their deliveries at the end.
    async fn deliver(&self) -> Vec<Value> {
        let mut ids = Vec::new();
        for (name, _) in &self.wrong {
            let message = json!({
                "from": "a@a.example", "to": format!("{name}@b.example"), "subject": "x", "text": "x", "route": name,
                "retry": {"schedule": ["1s"], "max_attempts": 3},
            });
            ids.push(self.service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        let mut deliveries = Vec::new();
        for (id, (name, sink)) in ids.iter().zip(&self.wrong) {
            let message = self.service.settled(id).await.unwrap();
            let delivery = message["deliveries"][0].clone();
            self.assert_honest(&delivery, name, sink);
            deliveries.push(delivery);
        }
        deliveries
    }

    /// Delivered only what was accepted, and no more copies than one and one for each unknown attempt.
    fn assert_honest(&self, delivery: &Value, name: &str, sink: &Sink) {
        let to = format!("{name}@b.example");
        let (logs, unknown) =
            ([sink.log(), self.backup.log()], delivery["unknown_attempts"].as_u64().unwrap());
        let transactions: Vec<_> = logs.iter().flat_map(|log| log.of(&to)).collect();
        let copies = transactions.iter().filter(|it| it.is_copy()).count() as u64;
        assert!(copies <= 1 + unknown, "{copies} copies: {delivery:#}");
        if delivery["status"] == "delivered" {
            assert!(transactions.iter().any(|it| it.is_accepted()), "a false delivered: {delivery:#}");
        }
    }
}

/// Whatever goes wrong at this stage, nothing was sent, and the backup has the mail soon.
async fn known_not_sent_at(stage: Stage) {
    let actions = [
        Action::Hang,
        Action::StopReading,
        Action::Reset,
        Action::Close,
        Action::cut(250),
        Action::garbage(),
        Action::code_change(250, 550),
        Action::drip(Duration::from_secs(1), 250, "2.0.0 ok, and a little more text"),
    ];
    let bench = Bench::new(actions.iter().map(|action| Rule::at(stage).then(action.clone()))).await;
    let start = Instant::now();
    let deliveries = bench.deliver().await;
    let elapsed = start.elapsed();
    for ((action, delivery), (_, sink)) in actions.iter().zip(&deliveries).zip(&bench.wrong) {
        let seen = (&delivery["status"], &delivery["relay"], &delivery["unknown_attempts"]);
        assert_eq!(seen, (&json!("delivered"), &json!("backup"), &json!(0)), "{action:?}: {delivery:#}");
        assert_eq!(sink.log().transactions.len(), 0, "{action:?}");
    }
    assert!(elapsed < SOON, "{elapsed:?}");
}

#[tokio::test]
async fn at_rcpt_it_is_known_not_sent() {
    known_not_sent_at(Stage::Rcpt).await;
}

#[tokio::test]
async fn after_the_dot_only_a_complete_2yz_delivers() {
    // What happens to the first attempt, and how many attempts are unknown in the end.
    let cells = [
        (Action::Hang, 1),
        (Action::StopReading, 1),
        (Action::Reset, 1),
        (Action::Close, 1),
        (Action::cut(250), 1),
        (Action::garbage(), 1),
        (Action::code_change(250, 550), 1),
        (Action::reply(354, "go on"), 1),
        (Action::reply(999, "what"), 1),
        (Action::drip(Duration::from_secs(1), 250, "2.0.0 ok"), 1),
        (Action::late(Duration::from_secs(4), 250, "2.0.0 ok"), 1),
        (Action::late(Duration::from_secs(1), 250, "2.0.0 ok"), 0),
        (Action::reply_then_reset(250, "2.0.0 ok"), 0),
        (Action::reply(451, "4.3.0 later"), 0),
        (Action::non_utf8(250), 0),
    ];
    let rule = |action: &Action| Rule::at(Stage::Dot).attempts(1..=1).then(action.clone());
    let bench = Bench::new(cells.iter().map(|(action, _)| rule(action))).await;
    for ((cell, delivery), (name, _)) in cells.iter().zip(bench.deliver().await).zip(&bench.wrong) {
        // An unknown one stays with its relay, where a repetition may be recognised.
        let seen = (&delivery["status"], &delivery["relay"], &delivery["unknown_attempts"]);
        assert_eq!(seen, (&json!("delivered"), &json!(name), &json!(cell.1)), "{cell:?}: {delivery:#}");
    }
    assert_eq!(bench.backup.log().transactions.len(), 0);
}

#[tokio::test]
async fn endless_replies_are_taken_honestly_and_refusals_for_good() {
    let cells = [
        (Action::megabyte_line(250), None),
        (Action::many_lines(250, 10_000), None),
        (Action::reply(554, "5.7.1 no"), Some("failed")),
        (Action::reply(451, "4.3.0 later"), Some("failed")),
    ];
    let bench = Bench::new(cells.iter().map(|(action, _)| Rule::at(Stage::Dot).then(action.clone()))).await;
    for (cell, delivery) in cells.iter().zip(bench.deliver().await) {
        if let Some(status) = cell.1 {
            assert_eq!(
                (&delivery["status"], &delivery["unknown_attempts"]),
                (&json!(status), &json!(0)),
                "{cell:?}"
            );
        }
    }
}
