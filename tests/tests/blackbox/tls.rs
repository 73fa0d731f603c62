//! TLS that is required is required: to a peer without it, or with the wrong kind, no mail and no password goes (G23).

use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Action, Authority, Extensions, Log, Rule, Script, Sink, Stage, Tls};
use serde_json::Value;

const MESSAGE: &str = r#"{"from":"a@a.example","to":"b@b.example","subject":"x","text":"x","retry":{"schedule":["1s"],"max_attempts":5}}"#;

/// With AUTH on offer, so that a client which is too trusting has something to give away.
fn script(tls: Tls) -> Script {
    let auth = Some(Some(("me".to_owned(), "secret".to_owned())));
    Script::default().tls(tls).offering(Extensions { auth, ..Extensions::default() }).logging_bytes()
}

async fn send(script: Script, mode: &str, authority: &Authority, delivered: bool) -> (Value, Log) {
    let sink = Sink::start(script).await.unwrap();
    let relay = Relay::tls("primary", sink.addr(), mode, &authority.ca_file())
        .line("username = \"me\"\npassword = \"secret\"\ntimeouts = { connect = \"2s\", command = \"2s\" }");
    let service = Setup::new().relay(relay).start().await.unwrap();
    let id = service.submit(&serde_json::from_str(MESSAGE).unwrap()).await.unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let message = if delivered {
        service.settled(&id).await.unwrap()
    } else {
        service.message_until(&id, |it| it["deliveries"][0]["attempts"].as_u64() >= Some(1)).await.unwrap()
    };
    (message["deliveries"][0].clone(), sink.stop().await)
}

#[tokio::test]
async fn the_good_certificate_is_trusted_in_both_modes() {
    let authority = Authority::new().unwrap();
    let good = authority.good().unwrap();
    for (mode, tls) in [("starttls", Tls::Starttls(good.clone())), ("implicit", Tls::Implicit(good))] {
        let (delivery, log) = send(script(tls), mode, &authority, true).await;
        assert_eq!(delivery["status"], "delivered", "{mode}: {delivery:#}");
        assert!(
            log.transactions[0].tls && log.connections.iter().any(|it| it.login.as_deref() == Some("me"))
        );
    }
}

#[tokio::test]
async fn anything_less_gets_nothing() {
    let authority = Authority::new().unwrap();
    let good = authority.good().unwrap();
    let injected = Rule::at(Stage::Starttls).then(Action::inject("250-sink\r\n250 AUTH PLAIN LOGIN\r\n"));
    let refused = Rule::at(Stage::Starttls).then(Action::reply(454, "4.7.0 not now"));
    let cells = [
        ("expired", script(Tls::Starttls(authority.expired().unwrap())), "starttls"),
        ("of another host", script(Tls::Starttls(authority.wrong_name().unwrap())), "starttls"),
        ("self-signed", script(Tls::Starttls(Authority::self_signed().unwrap())), "starttls"),
        ("expired from the first byte", script(Tls::Implicit(authority.expired().unwrap())), "implicit"),
        ("not offered", script(Tls::Off), "starttls"),
        ("plaintext where TLS begins", script(Tls::Off), "implicit"),
        ("refused", script(Tls::Starttls(good.clone())).rule(refused), "starttls"),
        ("injected", script(Tls::Starttls(good)).rule(injected), "starttls"),
    ];
    for (what, script, mode) in cells {
        let (delivery, log) = send(script, mode, &authority, false).await;
        assert_ne!(delivery["status"], "delivered", "{what}: {delivery:#}");
        assert_eq!(delivery["unknown_attempts"], 0, "{what}");
        assert!(!log.connections.is_empty(), "{what}: it never came");
        let forbidden = [Stage::Auth, Stage::Mail, Stage::Data];
        assert!(!log.sightings.iter().any(|it| forbidden.contains(&it.stage)), "{what}: {:?}", log.sightings);
        for connection in &log.connections {
            let said = String::from_utf8_lossy(&connection.received).to_uppercase();
            assert!(!said.contains("AUTH") && !said.contains("MAIL FROM"), "{what}: {said}");
        }
        assert_eq!(log.transactions.len(), 0, "{what}");
    }
}
