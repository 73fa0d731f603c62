//! `relay drill`: a relay is taken out of use, the mail goes by the backup, and the relay is back, whatever happens.

use postledger_tests::service::{Relay, Service, Setup, binary};
use postledger_tests::sink::{Action, Rule, Script, Sink, Stage};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::process::Command;

async fn service(backup: Script) -> (Service, Sink, Sink) {
    let primary = Sink::start(Script::default()).await.unwrap();
    let backup = Sink::start(backup).await.unwrap();
    let route = |name: &str, relays: &str| format!("[[route]]\nname = \"{name}\"\nrelays = {relays}\n");
    let service = Setup::new()
        .relay(Relay::plain("primary", primary.addr()))
        .relay(Relay::plain("backup", backup.addr()))
        .toml(&route("default", "[\"primary\", \"backup\"]"))
        .toml(&route("alone", "[\"primary\"]"))
        .start()
        .await
        .unwrap();
    (service, primary, backup)
}

async fn closed(service: &Service) -> Value {
    let is_closed = |relays: &Value| relays["data"][0]["breaker"] == "closed";
    service.get_until("/v1/relays", is_closed).await.unwrap()["data"][0].clone()
}

/// Kind and actor of what the breaker of the primary did, from the ledger of a service that has stopped.
async fn told(mut service: Service) -> Vec<(String, String)> {
    service.terminate().await.unwrap();
    let exit = service.run(&["audit", "node", "--relay", "primary"]).await.unwrap();
    let events: Value = serde_json::from_str(&exit.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (text(&event["kind"]), text(&event["by"])))
        .collect()
}

fn by_control(kinds: [&str; 2]) -> Vec<(String, String)> {
    kinds.map(|kind| (kind.to_owned(), "control".to_owned())).to_vec()
}

const BOTH: [&str; 2] = ["breaker_opened", "breaker_closed"];

#[tokio::test]
async fn a_drill_proves_that_mail_goes_by_the_backup() {
    let (service, primary, backup) = service(Script::default()).await;
    let exit = service.run(&["relay", "drill", "primary", "--to", "ops@example.net"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let account: Value = serde_json::from_str(&exit.stdout).unwrap();
    let ways = json!([{"route": "alone", "relay": null}, {"route": "default", "relay": "backup"}]);
    assert_eq!((&account["ok"], &account["closed"], &account["routes"]), (&json!(true), &json!(true), &ways));
    assert_eq!(
        (&account["proof"]["relay"], &account["proof"]["status"]),
        (&json!("backup"), &json!("delivered"))
    );
    assert_eq!((primary.log().accepted(), backup.log().accepted()), (0, 1));
    let message = backup.log().transactions[0].message.clone().unwrap();
    assert!(String::from_utf8_lossy(&message).contains("Subject: Postledger drill: primary is out of use"));
    closed(&service).await;

    // Without an address nothing is sent.
    let exit = service.run(&["relay", "drill", "primary"]).await.unwrap();
    let account: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!((exit.code, &account["proof"]["probe"]["ok"]), (Some(0), &json!(true)), "{exit}");
    assert_eq!(backup.log().accepted(), 1);
    let told = told(service).await;
    assert_eq!(told, [by_control(BOTH), by_control(BOTH)].concat());
}

#[tokio::test]
async fn a_drill_that_fails_or_is_refused_says_so_and_leaves_the_relay_in_use() {
    let refuses = Rule::at(Stage::Rcpt).then(Action::reply(550, "5.1.1 nobody"));
    let (service, _primary, mut backup) = service(Script::default().rule(refuses)).await;
    let exit = service.run(&["relay", "drill", "primary", "--to", "ops@example.net"]).await.unwrap();
    let account: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!(
        (exit.code, &account["ok"], &account["closed"]),
        (Some(1), &json!(false), &json!(true)),
        "{exit}"
    );
    assert!(exit.stderr.contains("failed by backup") && exit.stderr.contains("550"), "{exit}");
    for (arguments, code) in [
        (&["relay", "drill", "nobody"][..], 3),
        (&["relay", "drill", "primary", "--route", "alone"], 4),
        (&["relay", "drill", "primary", "--limit", "11m"], 2),
    ] {
        let exit = service.run(arguments).await.unwrap();
        assert_eq!(exit.code, Some(code), "{arguments:?}: {exit}");
        closed(&service).await;
    }
    // While one is under way, another is refused.
    let body = json!({"expires_after": "60s"});
    service.post("/v1/relays/primary/drill", &body).await.unwrap().expect(200).unwrap();
    let exit = service.run(&["relay", "drill", "primary"]).await.unwrap();
    assert!(exit.code == Some(4) && exit.stderr.contains("its breaker is not closed"), "{exit}");
    // And a backup that is not there is named, with what is wrong with it.
    let ended = service.call(Method::DELETE, "/v1/relays/primary/drill", None, &[]).await.unwrap();
    assert_eq!(ended.status, 204);
    backup.down().await;
    let drill = ["relay", "drill", "primary", "--to", "ops@example.net", "--limit", "2s"];
    let exit = service.run(&drill).await.unwrap();
    let said =
        exit.stderr.contains("still deferred by backup after") && exit.stderr.contains(": no connection");
    assert!(exit.code == Some(1) && said, "{exit}");
    closed(&service).await;
}

#[tokio::test]
async fn nobody_has_to_end_a_drill() {
    let silent = Rule::at(Stage::Dot).then(Action::Hang);
    let (service, _primary, backup) = service(Script::default().rule(silent)).await;
    // Interrupted while the test message is on its way.
    let mut command = Command::new(binary().unwrap());
    command
        .args(["relay", "drill", "primary", "--to", "ops@example.net", "--data-dir"])
        .arg(service.data_dir());
    let drill =
        command.current_dir(service.directory()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let drill = drill.unwrap();
    backup.wait_for(|log| log.passes(Stage::Dot) > 0).await.unwrap();
    let relays = service.get("/v1/relays").await.unwrap().json;
    assert_eq!(
        (&relays["data"][0]["breaker"], &relays["data"][0]["drilled_by"]),
        (&json!("open"), &json!("control"))
    );
    kill_process(Pid::from_raw(drill.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = drill.wait_with_output().await.unwrap();
    let (shown, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{shown}{said}");
    assert!(
        shown.contains("primary: its breaker is closed again") && said.contains("interrupted"),
        "{shown}{said}"
    );
    closed(&service).await;

    // And one whose beginner is gone for good ends by its time.
    let body = json!({"expires_after": "1s"});
    service.post("/v1/relays/primary/drill", &body).await.unwrap().expect(200).unwrap();
    assert!(closed(&service).await["drilled_by"].is_null());
    let told = told(service).await;
    let (opened, ended) = (&told[2], &told[3]);
    assert_eq!((&*opened.0, &*ended.0, &*ended.1), ("breaker_opened", "breaker_closed", "system"));
    assert!(opened.1.starts_with("key_"), "who began it: {told:?}");
}
