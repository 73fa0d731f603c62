//! SIGHUP: what can change while mail flows does, what cannot is named, and a wrong file changes nothing.

use postledger_tests::load::{Entry, Load, Lost, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Action, Authority, Extensions, Rule, Script, Sink, Stage};
use reqwest::{Certificate, Client};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a wrong file and the run of the tests leave as it is.
fn head(service: &Service) -> String {
    let data = service.data_dir().display().to_string();
    format!("[server]\nlisten = \"127.0.0.1:0\"\n[store]\npath = {data:?}\n")
}

fn relay(name: &str, sink: &Sink, more: &str) -> String {
    let port = sink.addr().port();
    format!("[[relay]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n{more}\n")
}

/// Writes the file, sends the signal, and gives what the log says from then on until the reload has ended.
async fn reload(service: &Service, text: &str) -> Vec<Value> {
    std::fs::write(service.config_file(), text).unwrap();
    let before = service.stderr().unwrap().len();
    service.signal(Signal::HUP).unwrap();
    let ended = |log: &str| {
        let new = log.get(before..).unwrap_or_default();
        new.lines()
            .any(|line| line.contains("configuration read again") || line.contains("configuration refused"))
    };
    let log = service.stderr_until(ended).await.unwrap();
    log[before..].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The keys that lines with this message name.
fn keys<'a>(log: &'a [Value], message: &str) -> Vec<&'a str> {
    log.iter().filter(|line| line["message"] == message).filter_map(|line| line["key"].as_str()).collect()
}

const APPLIED: &str = "configuration changed and applied";
const WAITING: &str = "configuration changed; it needs a restart";

async fn relay_names(service: &Service) -> Vec<String> {
    let relays = service.get("/v1/relays").await.unwrap().expect(200).unwrap();
    relays["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|relay| relay["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn under_load_a_relay_goes_and_another_comes_and_nothing_is_lost_or_sent_twice() {
    // Its replies come late, so that attempts are in flight whenever the signal comes.
    let late = Rule::at(Stage::Dot).then(Action::late(Duration::from_millis(150), 250, "2.0.0 taken"));
    let [going, staying] = [Script::default().rule(late), Script::default()];
    let (going, staying) = (Sink::start(going).await.unwrap(), Sink::start(staying).await.unwrap());
    let coming = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new()
        .relay(Relay::plain("going", going.addr()))
        .relay(Relay::plain("staying", staying.addr()))
        .start()
        .await
        .unwrap();
    let ledger = service.directory().join("load");
    let load = Load {
        connections: 8,
        rate: Some(400.0),
        lost: Lost::Fails,
        body_bytes: 512,
        ledger: Some(ledger.clone()),
        ..Load::new(service.target(), service.key(), Until::Stopped)
    };
    let load = load.start().unwrap();
    going.wait_for(|log| log.accepted() >= 100).await.unwrap();

    let mut next = head(&service);
    next.push_str(&relay("coming", &coming, ""));
    next.push_str(&relay("staying", &staying, ""));
    let log = reload(&service, &next).await;
    let applied = keys(&log, APPLIED);
    assert_eq!(applied, ["relay.coming", "relay.going"], "{log:#?}");
    assert_eq!(keys(&log, WAITING), [""; 0]);
    assert_eq!(relay_names(&service).await, ["coming", "staying"]);

    // What was in flight has its answer, the connections are closed, and none is opened again.
    going.wait_for(|log| log.open() == 0).await.unwrap();
    let begun = going.read(|log| log.passes(Stage::Mail));
    coming.wait_for(|log| log.accepted() >= 100).await.unwrap();

    // A wrong file in the middle of it.
    let log = reload(&service, &next.replace("host = ", "hots = ")).await;
    let refused = log.iter().find(|line| line["level"] == "ERROR").unwrap();
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("`hots`") && error.contains("did you mean `host`"), "{error}");
    assert_eq!((keys(&log, APPLIED).len(), keys(&log, WAITING).len()), (0, 0));
    assert_eq!(relay_names(&service).await, ["coming", "staying"]);
    std::fs::write(service.config_file(), &next).unwrap();
    let accepted = load.accepted();
    assert!(load.reaches(accepted + 100, PATIENCE).await, "mail is accepted as before");

    load.stop();
    load.finish().await.unwrap();
    service.drained(PATIENCE).await.unwrap();
    assert_eq!(going.read(|log| log.passes(Stage::Mail)), begun, "a removed relay got a new attempt");
    let transactions = {
        let logs = [going.stop().await, staying.stop().await, coming.stop().await];
        logs.into_iter().flat_map(|log| log.transactions).collect::<Vec<_>>()
    };
    let export = service.export().await.unwrap();
    let verdict = oracle::judge(&Entry::read(&ledger).unwrap(), &transactions, &export).unwrap();
    assert!(verdict.is_clean() && verdict.open == 0 && verdict.unknown_attempts == 0, "{verdict}");
    assert_eq!(verdict.copies, verdict.deliveries, "{verdict}");
}

#[tokio::test]
async fn credentials_and_policies_are_read_again_and_what_needs_a_restart_is_named() {
    let auth = Some(Some(("me@shop.example".to_owned(), "new".to_owned())));
    let script = Script::default().offering(Extensions { auth, ..Extensions::default() });
    let sink = Sink::start(script).await.unwrap();
    let service = Setup::new().prepare().await.unwrap();
    let password = service.directory().join("password");
    std::fs::write(&password, "old\n").unwrap();
    let login = format!("username = \"me@shop.example\"\npassword_file = {password:?}\n");
    let mut text = head(&service);
    text.push_str(&relay("primary", &sink, &login));
    std::fs::write(service.config_file(), &text).unwrap();
    let mut service = service;
    service.start().await.unwrap();
    let message = json!({
        "from": "Shop <shop@shop.example>", "to": "ann@example.net", "subject": "x", "text": "x",
        "retry": {"schedule": ["1s"]},
    });
    let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
    let tried = |it: &Value| it["deliveries"][0]["attempts"].as_u64() >= Some(1);
    service.message_until(&id, tried).await.unwrap();

    // The file holds another password; no key says so.
    std::fs::write(&password, "new\n").unwrap();
    let log = reload(&service, &text).await;
    assert_eq!(keys(&log, APPLIED), ["relay.primary"]);
    let message_1 = service.settled(&id).await.unwrap();
    assert_eq!(message_1["status"], "delivered", "{message_1:#}");

    let listening = *service.target().borrow();
    let mut text = text.replace("127.0.0.1:0", "127.0.0.1:1");
    let _infallible = write!(
        text,
        "max_connections = 3\n[bounce]\naddress = \"bounces@shop.example\"\n[retry]\nexpires_after = \"2h\"\n"
    );
    let log = reload(&service, &text).await;
    let applied = keys(&log, APPLIED);
    assert_eq!(applied, ["bounce.address", "relay.primary.max_connections", "retry.expires_after"]);
    assert_eq!(keys(&log, WAITING), ["server.listen"]);
    let whole = service.stderr().unwrap();
    assert!(!whole.contains('@'), "no address stands in the log: {whole}");
    let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
    let message_2 = service.settled(&id).await.unwrap();
    assert_eq!(*service.target().borrow(), listening, "it still answers where it did");
    let span = |it: &Value| {
        let time = |key: &str| it["deliveries"][0][key].as_str().unwrap()[11..13].parse::<i32>().unwrap();
        (time("expires_at") - time("ready_at")).rem_euclid(24)
    };
    assert_eq!((span(&message_1), span(&message_2)), (0, 2));
    let log = sink.stop().await;
    let senders: Vec<&str> = log.transactions.iter().map(|it| &*it.from).collect();
    assert_eq!(senders, ["shop@shop.example", "bounces@shop.example"]);

    // It is told of again until it is restarted.
    let log = reload(&service, &text).await;
    assert_eq!((keys(&log, APPLIED).len(), keys(&log, WAITING)), (0, vec!["server.listen"]));
}

#[tokio::test]
async fn the_certificate_of_the_api_is_read_again() {
    let (old, new) = (Authority::new().unwrap(), Authority::new().unwrap());
    let (cert, key) = old.good_files("api").unwrap();
    let nobody = Relay::plain("primary", std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    let tls = format!("tls = {{ cert = {cert:?}, key = {key:?} }}");
    let service = Setup::new().relay(nobody).server(&tls).start().await.unwrap();
    let answers = async |authority: &Authority| {
        let roots = Certificate::from_pem_bundle(&std::fs::read(authority.ca_file()).unwrap()).unwrap();
        // A client of its own, so that the handshake is a new one.
        let client = Client::builder().no_proxy().tls_certs_only(roots).build().unwrap();
        client.get(format!("https://{}/livez", *service.target().borrow())).send().await.is_ok()
    };
    assert_eq!((answers(&old).await, answers(&new).await), (true, false));
    let text = std::fs::read_to_string(service.config_file()).unwrap();
    let (next_cert, next_key) = new.good_files("next").unwrap();
    std::fs::copy(&next_key, &key).unwrap();
    let log = reload(&service, &text).await;
    assert!(log.iter().any(|line| line["level"] == "ERROR"), "a key of another certificate: {log:#?}");
    assert_eq!((answers(&old).await, answers(&new).await), (true, false));
    std::fs::copy(&next_cert, &cert).unwrap();
    let log = reload(&service, &text.replace("[store]", "[log]\nlevel = \"debug\"\n[store]")).await;
    assert_eq!(keys(&log, APPLIED), ["log.level"], "{log:#?}");
    assert_eq!((answers(&old).await, answers(&new).await), (false, true));
}
