//! One changed byte in an event is found, and its position named (G14).

use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::{Value, json};

/// Stands in the event's personal part alone: tags are not sent.
const CANARY: &[u8] = b"canary-in-a-tag-3f9a1c";

#[tokio::test]
async fn a_changed_byte_is_found_and_named() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let mut last = String::new();
    for tag in ["before", std::str::from_utf8(CANARY).unwrap(), "after"] {
        let message =
            json!({"from": "a@a.example", "to": "b@b.example", "subject": "x", "text": "x", "tags": [tag]});
        let message = service.submit(&message).await.unwrap();
        let id = message["id"].as_str().unwrap();
        service.settled(id).await.unwrap();
        if tag != "after" {
            id.clone_into(&mut last);
        }
    }
    service.terminate().await.unwrap();
    let exit = service.run(&["audit", "verify"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let export = service.export().await.unwrap();
    let position =
        export.iter().find(|it| it["stream"] == last && it["kind"] == "queued").unwrap()["position"].clone();

    let file = service.data_dir().join("ledger.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<_> = bytes.windows(CANARY.len()).enumerate().filter(|(_, it)| *it == CANARY).collect();
    let [(at, _)] = places[..] else { panic!("the tag stands {} times in the ledger", places.len()) };
    bytes[at + 3] ^= 1;
    std::fs::write(&file, bytes).unwrap();

    let exit = service.run(&["audit", "verify"]).await.unwrap();
    assert_eq!(exit.code, Some(5), "{exit}");
    let found: Value = serde_json::from_str(exit.stdout.trim()).unwrap();
    assert_eq!(found["position"], position, "{exit}");
    let exit = service.run(&["replay", "--check"]).await.unwrap();
    assert_eq!(exit.code, Some(5), "{exit}");
}
