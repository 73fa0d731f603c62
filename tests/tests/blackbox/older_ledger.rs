//! A ledger that is shorter than its anchor says is refused at start, in words for an operator (G14).

use postledger_tests::service::{Relay, Service, Setup, Started};
use postledger_tests::sink::{Script, Sink};
use serde_json::json;

async fn deliver_one(service: &Service) {
    let message = json!({"from": "a@a.example", "to": "b@b.example", "subject": "x", "text": "x"});
    service.settled(service.submit(&message).await.unwrap()["id"].as_str().unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_older_ledger_is_refused() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    deliver_one(&service).await;
    service.terminate().await.unwrap();
    let ledger = service.data_dir().join("ledger.db");
    let older = std::fs::read(&ledger).unwrap();
    service.start().await.unwrap();
    deliver_one(&service).await;
    service.terminate().await.unwrap();
    let newer = std::fs::read(&ledger).unwrap();
    assert!(
        !service.data_dir().join("ledger.db-wal").exists(),
        "a clean stop leaves everything in the ledger itself"
    );

    std::fs::write(&ledger, &older).unwrap();
    let Started::Refused(exit) = service.try_start().await.unwrap() else {
        panic!("it started on an older ledger")
    };
    assert_eq!(exit.code, Some(5), "{exit}");
    assert!(exit.stderr.contains("anchor") && exit.stderr.contains("restore"), "it does not help: {exit}");
    let log = std::fs::metadata(service.data_dir().join("ledger.db-wal")).map_or(0, |log| log.len());
    assert!(std::fs::read(&ledger).unwrap() == older && log == 0, "what is refused is left as it was");
    let exit = service.run(&["audit", "verify"]).await.unwrap();
    assert_eq!(exit.code, Some(5), "{exit}");

    std::fs::write(&ledger, newer).unwrap();
    service.start().await.unwrap();
    deliver_one(&service).await;
}
