//! Every verb beside a service and without it: its exit code, one JSON document on stdout, talk on stderr.

use postledger_tests::service::{Exit, Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const NO_MESSAGE: &str = "msg_00000000000000000000000000000000";

/// Runs it and checks how it ends; gives the document that it prints, null where it prints nothing.
async fn ends(service: &Service, code: i32, arguments: &[&str]) -> Value {
    let exit: Exit = service.run(arguments).await.unwrap();
    assert_eq!(exit.code, Some(code), "{arguments:?}: {exit}");
    if code == 0 {
        assert!(!exit.stderr.contains("error"), "{arguments:?}: {exit}");
        return serde_json::from_str(&exit.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {exit}"));
    }
    assert!(exit.stderr.contains("error: "), "{arguments:?} says nothing: {exit}");
    if exit.stdout.is_empty() { Value::Null } else { serde_json::from_str(&exit.stdout).unwrap() }
}

fn send<'a>(to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed =
        ["send", "--from", "shop@shop.example", "--subject", "Hello", "--text", "It works.", "--to", to];
    [&fixed[..], more].concat()
}

#[tokio::test]
async fn beside_a_service() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let sent = ends(&service, 0, &send("ann@example.net", &["--idempotency-key", "17"])).await;
    let id = sent["id"].as_str().unwrap();
    let delivery = format!("{}_1", id.replace("msg_", "dlv_"));
    let missing = format!("{}_2", id.replace("msg_", "dlv_"));
    assert_eq!(ends(&service, 0, &send("ann@example.net", &["--idempotency-key", "17"])).await["id"], id);
    ends(&service, 4, &send("eve@example.net", &["--idempotency-key", "17"])).await;
    ends(&service, 2, &send("nobody", &[])).await;
    ends(&service, 2, &send("ann@example.net", &["--priority", "urgent"])).await;
    let settled = service.settled(id).await.unwrap();
    assert_eq!(settled["status"], "delivered");

    let shown = ends(&service, 0, &["message", "show", id]).await;
    assert_eq!(shown["message"], settled);
    assert_eq!(ends(&service, 0, &["audit", "show", id]).await["message"], settled);
    for verb in [["message", "show"], ["audit", "show"], ["message", "events"]] {
        let of_delivery = ends(&service, 0, &[&verb[..], &[&delivery]].concat()).await;
        let events = of_delivery.get("events").or(of_delivery.get("data")).unwrap();
        assert_eq!(events.as_array().unwrap().len(), 3, "{verb:?}: {events:#}");
        ends(&service, 3, &[&verb[..], &[&missing]].concat()).await;
        ends(&service, 3, &[&verb[..], &[NO_MESSAGE]].concat()).await;
        ends(&service, 2, &[&verb[..], &["17"]].concat()).await;
    }
    for verb in ["cancel", "hold", "redrive"] {
        ends(&service, 4, &["message", verb, id]).await;
        ends(&service, 3, &["message", verb, NO_MESSAGE]).await;
        ends(&service, 2, &["message", verb, "17"]).await;
    }
    ends(&service, 2, &send("bob@example.net", &["--send-at", "2099-01-01T00:00:00Z"])).await;
    ends(&service, 2, &["message", "resolve", id, "--outcome", "delivered", "--reason", "it is there"]).await;
    ends(
        &service,
        4,
        &["message", "resolve", &delivery, "--outcome", "delivered", "--reason", "it is there"],
    )
    .await;
    assert_eq!(ends(&service, 0, &["message", "list", "--status", "delivered"]).await["data"][0]["id"], id);
    ends(&service, 2, &["message", "list", "--cursor", "made up"]).await;

    let key = ends(&service, 0, &["key", "create", "--expires", "90d"]).await["id"].clone();
    assert_eq!(
        ends(&service, 0, &["key", "revoke", key.as_str().unwrap()]).await,
        json!({"id": key, "revoked": true})
    );
    ends(&service, 3, &["key", "revoke", "key_0000000000000000"]).await;
    ends(&service, 2, &["key", "create", "--scope", "everything"]).await;
    ends(&service, 0, &["key", "list"]).await;
    assert_eq!(ends(&service, 0, &["relay", "list"]).await["data"][0]["is_up"], true);
    assert_eq!(ends(&service, 0, &["relay", "test"]).await["data"][0]["ok"], true);
    ends(&service, 3, &["relay", "test", "other"]).await;

    let url = format!("http://{}", *service.target().borrow());
    ends(&service, 0, &["--url", &url, "--key", service.key(), "message", "show", id]).await;
    ends(&service, 1, &["--url", &url, "--key", "plk_wrong", "message", "show", id]).await;
    let metrics = service.get("/metrics").await.unwrap();
    let metrics = String::from_utf8_lossy(&metrics.body);
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
    reads_the_ledger(&service).await;
    let second = ends(&service, 1, &["dev", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second, Value::Null, "one process has a data directory");
}

#[tokio::test]
async fn a_service_outlives_a_hangup_and_ends_with_zero() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    service.signal(Signal::HUP).unwrap();
    let exit = service.terminate().await.unwrap();
    assert_eq!((exit.code, exit.signal), (Some(0), None), "{exit}");
}

#[tokio::test]
async fn without_a_service() {
    let mut sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    service.kill().unwrap();
    sink.down().await;
    for arguments in [&["message", "list"][..], &["relay", "list"], &send("ann@example.net", &[])] {
        ends(&service, 6, arguments).await;
        // A port that nobody listens on.
        ends(&service, 6, &[&["--url", "http://127.0.0.1:9"], arguments].concat()).await;
    }
    let refused = ends(&service, 1, &["relay", "test"]).await;
    assert_eq!((&refused["ok"], &refused["data"][0]["stage"]), (&json!(false), &json!("connect")));
    let key = ends(&service, 0, &["key", "create"]).await["id"].clone();
    ends(&service, 0, &["key", "revoke", key.as_str().unwrap()]).await;
    ends(&service, 3, &["key", "revoke", "key_0000000000000000"]).await;
    ends(&service, 2, &["key", "create", "--tenant", "A b"]).await;
    ends(&service, 0, &["config", "check"]).await;
    reads_the_ledger(&service).await;
    for file in std::fs::read_dir(service.data_dir()).unwrap().map(Result::unwrap) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is not its owner's alone: {mode:o}", file.path().display());
    }
}

/// What needs no service, and changes nothing.
async fn reads_the_ledger(service: &Service) {
    assert_eq!(ends(service, 0, &["audit", "verify"]).await["ok"], true);
    assert_eq!(ends(service, 0, &["replay", "--check"]).await["balance"], 0);
    assert_eq!(ends(service, 0, &["replay", "--until", "1"]).await["position"], 1);
    assert_eq!(ends(service, 0, &["queue"]).await["deliveries"], json!([]));
    ends(service, 2, &["replay", "--until", "yesterday"]).await;
    let exported = service.export().await.unwrap();
    assert_eq!(exported[0]["position"], 1);

    let folder = ends(service, 0, &["backup", "create"]).await["folder"].clone();
    let folder = folder.as_str().unwrap();
    ends(service, 0, &["backup", "verify", folder]).await;
    assert_eq!(ends(service, 0, &["backup", "list"]).await["data"][0]["folder"], folder);
    ends(service, 4, &["restore", "--from", folder, "--into", "data"]).await;
    ends(service, 0, &["restore", "--from", folder, "--into", "again", "--secret", "data/secret"]).await;
    let nowhere = service.directory().join("nowhere");
    for arguments in [&["audit", "verify"][..], &["queue"], &["backup", "create"]] {
        let exit = service.run_on(&nowhere, arguments).await.unwrap();
        assert_eq!(exit.code, Some(3), "{arguments:?}: {exit}");
    }
    assert!(!nowhere.exists(), "reading makes nothing");
    let backups = std::fs::read_dir(service.directory().join("backups")).unwrap();
    assert_eq!(backups.count(), 1, "a backup of nothing leaves nothing");
}
