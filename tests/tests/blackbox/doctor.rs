//! What `doctor` finds on a healthy installation, and on one with everything wrong: each by its name, with a remedy.

use postledger_tests::faults::Faults;
use postledger_tests::service::{Exit, Relay, Service, Setup, binary};
use postledger_tests::sink::{Authority, Extensions, Script, Sink, Tls};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tokio::net::UdpSocket;

const MESSAGE: &str = r#"{"from":"a@shop.example","to":"b@b.example","subject":"x","text":"x"}"#;

/// A DNS server for TXT records alone; what it does not know does not exist (RFC 1035 4.1).
async fn dns(records: &[(&str, &[&str])]) -> SocketAddr {
    let known: HashMap<String, Vec<String>> = records
        .iter()
        .map(|(name, texts)| ((*name).to_owned(), texts.iter().map(ToString::to_string).collect()))
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((size, peer)) = socket.recv_from(&mut query).await {
            let _gone = socket.send_to(&answer(&query[..size], &known), peer).await;
        }
    });
    address
}

fn answer(query: &[u8], known: &HashMap<String, Vec<String>>) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    let texts = known.get(&labels.join(".")).map(Vec::as_slice).unwrap_or_default();
    let code = if texts.is_empty() { 3 } else { 0 };
    let mut answer =
        [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, u8::try_from(texts.len()).unwrap(), 0, 0, 0, 0]].concat();
    answer.extend_from_slice(&query[12..at + 5]);
    for text in texts {
        let length = u8::try_from(text.len()).unwrap();
        answer.extend_from_slice(&[0xC0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length]);
        answer.extend_from_slice(text.as_bytes());
    }
    answer
}

/// What it finds, how it ends, and that every finding that needs something says what.
fn found(exit: &Exit) -> (Value, i32) {
    let document: Value =
        serde_json::from_str(&exit.stdout).unwrap_or_else(|error| panic!("{error}: {exit}"));
    for finding in document["findings"].as_array().unwrap() {
        let needs = finding["state"] == "warning" || finding["state"] == "failure";
        assert!(!needs || finding["remedy"].is_string(), "{finding:#}");
    }
    (document, exit.code.unwrap())
}

/// The states of a check's findings; what depends on this machine alone is left out of the exit code's reckoning.
fn states(document: &Value, check: &str) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter().filter(|it| it["check"] == check);
    findings.map(|it| it["state"].as_str().unwrap().to_owned()).collect()
}

fn seen(document: &Value, check: &str) -> String {
    let findings = document["findings"].as_array().unwrap().iter().filter(|it| it["check"] == check);
    findings.map(|it| format!("{} {} -> {}\n", it["subject"], it["seen"], it["remedy"])).collect()
}

fn secured(certificate: postledger_tests::sink::Certificate) -> Script {
    let auth = Some(Some(("me".to_owned(), "secret".to_owned())));
    Script::default().tls(Tls::Starttls(certificate)).offering(Extensions { auth, ..Extensions::default() })
}

async fn delivered(service: &Service) {
    let accepted = service.submit(&serde_json::from_str(MESSAGE).unwrap()).await.unwrap();
    service.settled(accepted["id"].as_str().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_healthy_installation() {
    let authority = Authority::new().unwrap();
    let sinks = [
        Sink::start(secured(authority.good().unwrap())).await.unwrap(),
        Sink::start(secured(authority.good().unwrap())).await.unwrap(),
    ];
    let login = "username = \"me\"\npassword_file = \"password\"";
    let relay =
        |name, sink: &Sink| Relay::tls(name, sink.addr(), "starttls", &authority.ca_file()).line(login);
    let setup = Setup::new().relay(relay("primary", &sinks[0])).relay(relay("backup", &sinks[1]));
    let mut service = setup.prepare().await.unwrap();
    fs::write(service.directory().join("password"), "secret\n").unwrap();
    fs::set_permissions(service.directory().join("password"), Permissions::from_mode(0o600)).unwrap();
    service.start().await.unwrap();
    delivered(&service).await;
    assert_eq!(service.run(&["backup", "create"]).await.unwrap().code, Some(0));
    let resolver = dns(&[
        ("shop.example", &["site=17", "v=spf1 include:_spf.relay.example -all"]),
        ("_dmarc.shop.example", &["v=DMARC1; p=reject"]),
        (
            "mail._domainkey.shop.example",
            &["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
        ),
    ])
    .await
    .to_string();
    for is_running in [true, false] {
        if !is_running {
            service.terminate().await.unwrap();
        }
        let before = fs::read(service.data_dir().join("ledger.db")).unwrap();
        let arguments = ["doctor", "--resolver", &resolver, "--dkim", "mail"];
        let (document, code) = found(&service.run(&arguments).await.unwrap());
        assert_eq!(states(&document, "service"), [if is_running { "ok" } else { "note" }]);
        for check in ["configuration", "permissions", "sqlite", "ledger", "log", "spf", "dkim", "dmarc"] {
            assert_eq!(states(&document, check), ["ok"], "{check}: {}", seen(&document, check));
        }
        for check in ["relay", "certificate"] {
            assert_eq!(states(&document, check), ["ok", "ok"], "{check}: {}", seen(&document, check));
        }
        assert_eq!(states(&document, "backup")[0], "ok", "{}", seen(&document, "backup"));
        assert!(seen(&document, "relay").contains("TLS, logged in"));
        assert!(seen(&document, "spf").contains("shop.example"), "the domain is the sender's");
        assert_eq!(document["ok"] == true, code == 0, "{document:#}");
        assert_eq!(fs::read(service.data_dir().join("ledger.db")).unwrap(), before);
    }
    assert!(!sinks[0].read(|log| log.transactions.len() > 1), "nothing is sent");
}

#[tokio::test]
async fn one_with_much_wrong() {
    let authority = Authority::new().unwrap();
    let expired = Sink::start(secured(authority.expired().unwrap())).await.unwrap();
    let other = Sink::start(secured(authority.wrong_name().unwrap())).await.unwrap();
    let login = "username = \"me\"\npassword_file = \"password\"";
    let relay =
        |name, sink: &Sink| Relay::tls(name, sink.addr(), "starttls", &authority.ca_file()).line(login);
    let setup = Setup::new().relay(relay("primary", &expired)).relay(relay("backup", &other));
    let mut service = setup.prepare().await.unwrap();
    let password = service.directory().join("password");
    fs::write(&password, "secret\n").unwrap();
    fs::set_permissions(&password, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(service.data_dir().join("secret"), Permissions::from_mode(0o664)).unwrap();
    fs::create_dir(service.directory().join("backups")).unwrap();
    let resolver = dns(&[
        ("a.example", &["v=spf1 -all", "v=spf1 mx -all"]),
        ("b.example", &["v=spf1 ipv4:192.0.2.1 -all"]),
        ("_dmarc.b.example", &["v=DMARC1; p=none"]),
        ("c.b.example", &["v=spf1 +all"]),
    ])
    .await
    .to_string();
    let domains = ["--domain", "a.example", "--domain", "b.example", "--domain", "c.b.example"];
    let arguments = [&["doctor", "--resolver", &resolver, "--dkim", "mail"][..], &domains].concat();
    let (document, code) = found(&service.run(&arguments).await.unwrap());
    assert_eq!(code, 1, "{document:#}");
    assert_eq!(states(&document, "spf"), ["warning"; 3], "{}", seen(&document, "spf"));
    assert_eq!(states(&document, "dkim"), ["warning"; 3], "{}", seen(&document, "dkim"));
    assert_eq!(states(&document, "dmarc"), ["warning", "note", "note"], "{}", seen(&document, "dmarc"));
    assert_eq!(states(&document, "relay"), ["failure"; 2]);
    let relays = seen(&document, "relay");
    assert!(relays.contains("certificate has expired") && relays.contains("of another host"), "{relays}");
    assert_eq!(states(&document, "certificate"), ["failure"]);
    let tested = service.run(&["relay", "test"]).await.unwrap();
    assert!(tested.code == Some(1) && tested.stdout.contains("its certificate has expired"), "{tested}");
    assert_eq!(states(&document, "permissions"), ["warning"; 2], "{}", seen(&document, "permissions"));
    let permissions = seen(&document, "permissions");
    assert!(permissions.contains("chmod 600") && permissions.contains("chmod 640"), "{permissions}");
    assert_eq!(states(&document, "backup"), ["warning"], "{}", seen(&document, "backup"));

    // Nobody listens there.
    let (document, _) =
        found(&service.run(&["doctor", "--resolver", "127.0.0.1:9", "--domain", "a.example"]).await.unwrap());
    assert_eq!(states(&document, "resolver"), ["note"], "{}", seen(&document, "resolver"));
    assert_eq!(states(&document, "spf"), [""; 0]);

    fs::remove_file(&password).unwrap();
    let (document, _) = found(&service.run(&["doctor", "--offline"]).await.unwrap());
    assert_eq!(states(&document, "configuration"), ["failure"; 2], "{}", seen(&document, "configuration"));
    fs::write(&password, "secret\n").unwrap();

    fs::rename(service.data_dir().join("anchor"), service.directory().join("away")).unwrap();
    let (document, code) = found(&service.run(&["doctor", "--offline"]).await.unwrap());
    assert_eq!((code, states(&document, "ledger")), (5, vec!["failure".to_owned()]));
    assert!(seen(&document, "ledger").contains("Put the anchor back"), "{}", seen(&document, "ledger"));
    fs::rename(service.directory().join("away"), service.data_dir().join("anchor")).unwrap();

    let config = fs::read_to_string(service.config_file()).unwrap();
    let (cert, key) = authority.good_files("api").unwrap();
    let (_, other_key) = authority.good_files("other").unwrap();
    let dkim =
        "[[dkim]]\nname = \"shop\"\ndomain = \"a.example\"\nselector = \"s1\"\nkey_file = \"nowhere\"\n";
    fs::write(service.config_file(), format!("{config}\n{dkim}")).unwrap();
    let (document, _) = found(&service.run(&["doctor", "--offline"]).await.unwrap());
    assert!(seen(&document, "configuration").contains("nowhere"), "{document:#}");
    let (document, _) = found(&service.run(&["doctor", "--resolver", &resolver]).await.unwrap());
    assert!(seen(&document, "dkim").contains("s1._domainkey.a.example"), "{document:#}");
    for (key, state) in [(&key, "ok"), (&other_key, "failure")] {
        let tls = format!("[server]\ntls = {{ cert = {cert:?}, key = {key:?} }}");
        fs::write(service.config_file(), config.replace("[server]", &tls)).unwrap();
        let (document, _) = found(&service.run(&["doctor", "--offline"]).await.unwrap());
        assert_eq!(states(&document, "configuration"), [state], "{}", seen(&document, "configuration"));
        assert!(seen(&document, "certificate").contains("it is good for"), "{document:#}");
    }
    fs::write(service.config_file(), config.replace("[store]", "[stone]")).unwrap();
    let (document, code) = found(&service.run(&["doctor", "--offline"]).await.unwrap());
    assert_eq!((code, states(&document, "configuration")), (1, vec!["failure".to_owned()]));
    assert_eq!(states(&document, "ledger"), ["ok"], "the rest is examined all the same");
    fs::write(service.config_file(), config).unwrap();
    service.environment(Vec::new());
}

#[tokio::test]
async fn a_full_disk() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    // Reading needs room too: SQLite makes a file beside the ledger.
    let faults = Faults::new().unwrap().on("/data").space(0).free(0);
    let mut command = Command::new(binary().unwrap());
    command
        .args(["doctor", "--offline", "--output", "json"])
        .current_dir(service.directory())
        .envs(faults.environment());
    let output = tokio::process::Command::from(command).output().await.unwrap();
    let (document, code) = found(&Exit::from(output));
    assert_eq!((code, states(&document, "space")), (1, vec!["failure".to_owned()]), "{document:#}");
    assert!(seen(&document, "space").contains("refused with 507"), "{}", seen(&document, "space"));
    assert_eq!(
        states(&document, "ledger"),
        ["failure"],
        "it cannot be read, and nobody says that it is damaged"
    );
    assert!(seen(&document, "ledger").contains("make room"), "{}", seen(&document, "ledger"));
}
