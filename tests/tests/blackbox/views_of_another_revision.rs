//! Views of another revision are rebuilt while mail flows: lists say so until they are whole, and submitting, sending
//! and asking for one message never wait for them.

use postledger_tests::faults::Faults;
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Makes a rebuild last for seconds.
const WRITE: Duration = Duration::from_millis(100);
const MESSAGES: usize = 5;

fn sqlite(file: &Path, statement: &str) -> String {
    let output = Command::new("sqlite3").arg(file).arg(statement).output().expect("sqlite3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn mail_flows_while_they_are_rebuilt() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let message =
        |n| json!({"from": "a@a.example", "to": format!("to{n}@b.example"), "subject": "x", "text": "x"});
    for n in 0..MESSAGES {
        let accepted = service.submit(&message(n)).await.unwrap();
        service.settled(accepted["id"].as_str().unwrap()).await.unwrap();
    }
    let all = |list: &Value| list["data"].as_array().is_some_and(|data| data.len() == MESSAGES);
    let before = service.get_until("/v1/messages", all).await.unwrap();
    service.terminate().await.unwrap();
    let views = service.data_dir().join("views.db");
    let revision = sqlite(&views, "SELECT revision FROM checkpoint");
    sqlite(&views, "UPDATE checkpoint SET revision = 99; UPDATE message SET status = 'failed'");

    let faults = Faults::new().unwrap().on("/views.db").slow_writes(WRITE);
    service.environment(faults.environment());
    service.start().await.unwrap();
    let rebuilding = service.get("/v1/messages").await.unwrap().expect(503).unwrap();
    assert_eq!(rebuilding["code"], "views_rebuilding", "{rebuilding:#}");
    let accepted = service.submit(&message(MESSAGES)).await.unwrap();
    let id = accepted["id"].as_str().unwrap();
    assert_eq!(service.settled(id).await.unwrap()["status"], "delivered");

    let more = |list: &Value| list["data"].as_array().is_some_and(|data| data.len() == MESSAGES + 1);
    let after = service.get_until("/v1/messages", more).await.unwrap();
    assert_eq!(after["data"].as_array().unwrap()[1..], before["data"].as_array().unwrap()[..]);
    service.terminate().await.unwrap();
    assert_eq!(sqlite(&views, "SELECT revision FROM checkpoint"), revision);
    let exit = service.run(&["replay", "--check"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
}
