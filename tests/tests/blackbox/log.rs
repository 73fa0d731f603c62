//! The log: where the configuration says, in the form it says, and nothing of it where data is expected.

use postledger_tests::service::{Exit, Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::Value;

const RELAY: &str = "[[relay]]\nname = \"primary\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n";

/// What stderr holds after a start and a stop.
async fn logged(table: &str) -> String {
    let sink = Sink::start(Script::default()).await.unwrap();
    let setup = Setup::new().relay(Relay::plain("primary", sink.addr())).toml(table);
    let mut service = setup.start().await.unwrap();
    let exit = service.terminate().await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    exit.stderr
}

#[tokio::test]
async fn json_is_an_object_per_line() {
    let log = logged("[log]\nformat = \"json\"").await;
    let messages: Vec<_> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert!(messages.iter().any(|it| it == "serving") && messages.iter().any(|it| it == "stopped"), "{log}");
}

#[tokio::test]
async fn text_is_for_people_and_a_level_silences() {
    let log = logged("[log]\nformat = \"text\"").await;
    assert!(log.lines().any(|line| line.contains("INFO") && line.ends_with("stopped")), "{log}");
    assert!(!log.contains('\u{1b}'), "no colours in a file: {log}");
    assert_eq!(logged("[log]\nlevel = \"error\"").await, "");
}

#[tokio::test]
async fn what_cannot_be_is_a_mistake_of_the_configuration() {
    let service = Setup::new().toml(RELAY).prepare().await.unwrap();
    let config = service.config_file();
    let check = ["config", "check", "--config", config.to_str().unwrap()];
    let with = |log: &str| std::fs::write(&config, format!("[log]\n{log}\n{RELAY}")).unwrap();
    let ends = async |arguments: &[&str], words: &str| {
        let exit: Exit = service.run(arguments).await.unwrap();
        assert!(exit.code == Some(2) && exit.stderr.contains(words), "{arguments:?}: {exit}");
    };
    with("format = \"xml\"");
    ends(&check, "log.format: expected one of text, json").await;
    with("to = \"stdout\"");
    ends(&["serve", "--config", config.to_str().unwrap()], "log.to").await;
}
