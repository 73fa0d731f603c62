//! A ledger of the first release opens in every later one; one of a later release is refused in words, by every verb.

use postledger_tests::service::{Relay, Service, Setup, Started};
use postledger_tests::sink::{Script, Sink, Transaction};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const MESSAGE: &str = r#"{"from":"a@a.example","to":"b@b.example","subject":"x","text":"x"}"#;

/// What an auditor would use; the service is stopped.
fn sqlite(file: &Path, statement: &str) -> String {
    let output =
        std::process::Command::new("sqlite3").arg(file).arg(statement).output().expect("sqlite3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn json(service: &Service, arguments: &[&str]) -> Value {
    let exit = service.run(arguments).await.unwrap();
    assert_eq!(exit.code, Some(0), "{arguments:?}: {exit}");
    serde_json::from_str(&exit.stdout).unwrap()
}

/// Held in the golden ledger, so that it waits however old that is.
const HELD: &str = "msg_01a20c899db471b3a634b352c85d618e";

/// A data directory as the first release left it: mail delivered, cancelled, held and open. Added to, never edited.
fn first_release() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/release_1")
}

#[tokio::test]
async fn a_ledger_of_the_first_release_goes_on() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let setup = Setup::new().relay(Relay::plain("primary", sink.addr()));
    let mut service = setup.prepare().await.unwrap();
    std::fs::remove_dir_all(service.data_dir()).unwrap();
    std::fs::create_dir(service.data_dir()).unwrap();
    for name in ["ledger.db", "anchor", "secret"] {
        std::fs::copy(first_release().join(name), service.data_dir().join(name)).unwrap();
    }
    let before = json(&service, &["audit", "verify"]).await;
    let replayed = json(&service, &["replay", "--check"]).await;
    let digests = json!({"hash": before["hash"], "state": replayed["state_digest"]});
    let expected = std::fs::read_to_string(first_release().join("digests.json")).unwrap();
    assert_eq!(
        digests,
        serde_json::from_str::<Value>(&expected).unwrap(),
        "it reads as something else than it did"
    );
    json(&service, &["migrate", "--check"]).await;
    json(&service, &["migrate"]).await;
    service.start().await.unwrap();
    json(&service, &["message", "release", HELD]).await;
    let sent = ["--from", "a@a.example", "--to", "b@b.example", "--subject", "x", "--text", "x"];
    json(&service, &[&["send"][..], &sent].concat()).await;
    let is_for = |it: &Transaction, to: &str| it.recipients.iter().any(|it| **it == *to);
    sink.wait_for(|log| {
        ["dave@example.net", "b@b.example"].iter().all(|to| log.transactions.iter().any(|it| is_for(it, to)))
    })
    .await
    .unwrap();
    service.drained(std::time::Duration::from_secs(30)).await.unwrap();
    service.terminate().await.unwrap();
    assert!(json(&service, &["audit", "verify"]).await["position"].as_i64() > before["position"].as_i64());
    json(&service, &["replay", "--check"]).await;
}

#[tokio::test]
async fn a_later_format_is_refused_by_every_verb() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    service.submit(&serde_json::from_str(MESSAGE).unwrap()).await.unwrap();
    service.drained(std::time::Duration::from_secs(30)).await.unwrap();
    service.terminate().await.unwrap();
    let ledger = service.data_dir().join("ledger.db");
    assert_eq!(sqlite(&ledger, "UPDATE ledger SET format = 99; SELECT format FROM ledger"), "99");
    let bytes = std::fs::read(&ledger).unwrap();
    let Started::Refused(exit) = service.try_start().await.unwrap() else { panic!("it started") };
    let mut exits = vec![exit];
    let id = "msg_00000000000000000000000000000000";
    for verb in [
        &["audit", "verify"][..],
        &["audit", "show", id],
        &["audit", "export"],
        &["replay", "--check"],
        &["queue"],
        &["backup", "create"],
        &["migrate", "--check"],
        &["migrate"],
        &["key", "create"],
    ] {
        exits.push(service.run(verb).await.unwrap());
    }
    for exit in exits {
        assert_eq!(exit.code, Some(4), "{exit}");
        assert!(exit.stderr.contains("format 99") && exit.stderr.contains("formats up to 1"), "{exit}");
    }
    assert_eq!(std::fs::read(&ledger).unwrap(), bytes, "nothing was changed");
    sqlite(&ledger, "UPDATE ledger SET format = 1");
    service.start().await.unwrap();
}
