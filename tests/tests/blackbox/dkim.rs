//! Signatures that a second implementation verifies, and that are the same bytes on every attempt (G5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postledger_tests::python::Python;
use postledger_tests::service::{Relay, Service, Setup, Started};
use postledger_tests::sink::{Action, Rule, Script, Sink, Stage};
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt;

/// `[[dkim]]` entries whose key files `generate` makes in the service's directory.
fn dkim(entries: &[(&str, &str)]) -> String {
    let entry = |(selector, domain): &(&str, &str)| {
        let name = format!("{selector}_{}", domain.replace('.', "_"));
        format!(
            "[[dkim]]\nname = \"{name}\"\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"{name}.pem\"\n"
        )
    };
    entries.iter().map(entry).collect()
}

/// Makes the key of an entry of [`dkim`], and gives its DNS record.
async fn generate(service: &Service, selector: &str, domain: &str, kind: &str) -> (String, Value) {
    let file = format!("{selector}_{}.pem", domain.replace('.', "_"));
    let place = ["--domain", domain, "--selector", selector, "--type", kind, "--to", &file];
    let exit = service.run(&[&["dkim", "generate"], &place[..]].concat()).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let made: Value = serde_json::from_str(&exit.stdout).unwrap();
    (made["name"].as_str().unwrap().to_owned(), made["value"].clone())
}

/// dkimpy with the records that DNS would have.
struct Verifier {
    python: Python,
    records: Map<String, Value>,
}

impl Verifier {
    fn new(records: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { python: Python::start("dkim_verify").unwrap(), records: records.into_iter().collect() }
    }

    /// Every signature of a message: selector, and whether it verifies.
    fn verify(&mut self, message: &[u8]) -> Vec<(String, bool)> {
        let request = json!({"message": STANDARD.encode(message), "records": self.records});
        let answer = self.python.ask(&request).unwrap();
        let signatures = answer["signatures"].as_array().unwrap();
        let verdict = |it: &Value| (it["selector"].as_str().unwrap().to_owned(), it["is_valid"] == true);
        signatures.iter().map(verdict).collect()
    }
}

fn every(selectors: &[&str], is_valid: bool) -> Vec<(String, bool)> {
    selectors.iter().map(|&selector| (selector.to_owned(), is_valid)).collect()
}

/// Bodies and headers that are easily canonicalised wrongly.
fn awkward() -> Vec<Value> {
    let texts = [
        "".to_owned(),
        " ".to_owned(),
        "\n\n\n".to_owned(),
        "a\n \n\t\n  \t \n".to_owned(),
        " \n\t\n".to_owned(),
        "trailing spaces   \nand\ttabs\t\t\n\n  leading \t mixed\n".to_owned(),
        "\r\nfirst line is empty, CRLF already\r\n\r\n".to_owned(),
        ".\n..\n.dots\n...\n".to_owned(),
        "long ".repeat(2000),
        "x".repeat(5000),
        "x".repeat(998),
        "Grüße aus Łódź, 日本語, \u{1f4e7}\nFrom here on\n>From there\n".to_owned(),
        "no line end".to_owned(),
        "= equals =20 and soft breaks=\n".to_owned(),
        "DKIM-Signature: v=1; a=rsa-sha256; b=forged\n\nbody\n".to_owned(),
    ];
    let mut messages: Vec<_> = texts
        .iter()
        .map(|text| json!({"from": "shop@shop.example", "to": "ann@example.net", "subject": "x", "text": text}))
        .collect();
    let file = STANDARD.encode((0..=255u8).cycle().take(3000).collect::<Vec<_>>());
    messages.extend([
        json!({
            "from": "Ładny \"Sklep\", Sp. z o.o. <shop@shop.example>",
            "to": (0..50).map(|n| format!("Empfänger Nummer {n} <r{n}@example.net>")).collect::<Vec<_>>(),
            "reply_to": "Help <help@shop.example>",
            "subject": "Bestätigung: ".to_owned() + &"ein sehr langer Betreff mit Wörtern ".repeat(20),
            "text": "a", "html": "<p>ä</p>\n \n",
            "headers": {"List-Unsubscribe": "<https://shop.example/u>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "References": (0..40).map(|n| format!("<{n}@shop.example>")).collect::<Vec<_>>().join(" "), "X-Order": "17"},
        }),
        json!({
            "from": "shop@news.shop.example", "to": "ann@example.net", "subject": "  spaces   in    between  ", "html": "<p>x</p>",
            "attachments": [
                {"filename": "Übersicht.pdf", "content": file, "content_type": "application/pdf"},
                {"filename": "logo.png", "content": file, "content_type": "image/png", "content_id": "logo"},
                {"filename": "empty.txt", "content": "", "content_type": "text/plain"},
            ],
        }),
        json!({"from": "shop@shop.example", "bcc": "ann@example.net", "subject": "", "text": "only Bcc"}),
    ]);
    messages
}

#[tokio::test]
async fn every_signature_verifies_elsewhere_and_none_of_what_was_changed() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let keys = dkim(&[("r1", "shop.example"), ("e1", "shop.example"), ("k", "other.example")]);
    let mut service =
        Setup::new().relay(Relay::plain("primary", sink.addr())).toml(&keys).prepare().await.unwrap();
    let records = [
        generate(&service, "r1", "shop.example", "rsa").await,
        generate(&service, "e1", "shop.example", "ed25519").await,
        generate(&service, "k", "other.example", "ed25519").await,
    ];
    service.start().await.unwrap();
    let mut verifier = Verifier::new(records);

    let awkward = awkward();
    let mut deliveries = 0;
    for message in &awkward {
        let accepted = service.submit(message).await.unwrap();
        deliveries += accepted["deliveries"].as_array().unwrap().len();
    }
    let unsigned =
        json!({"from": "a@bookshop.example", "to": "ann@example.net", "subject": "x", "text": "x"});
    service.submit(&unsigned).await.unwrap();
    let log = sink.wait_for(|log| log.accepted() == deliveries + 1).await.unwrap();
    let messages: Vec<_> = log.transactions.iter().map(|it| it.message.clone().unwrap()).collect();
    let mut unsigned = 0;
    for message in &messages {
        if find(message, b"bookshop.example").is_some() {
            assert_eq!(verifier.verify(message), []);
            unsigned += 1;
            continue;
        }
        let text = String::from_utf8_lossy(message);
        assert_eq!(verifier.verify(message), every(&["r1", "e1"], true), "{text}");
    }
    assert_eq!(unsigned, 1);

    // Controls. White space at the end is no part of what is signed; anything else is.
    let message = messages.iter().find(|it| find(it, b"no line end").is_some()).unwrap();
    let changed = |from: &[u8], to: &[u8]| -> Vec<u8> {
        let at = find(message, from).unwrap();
        [&message[..at], to, &message[at + from.len()..]].concat()
    };
    for forged in [
        changed(b"no line end", b"nO line end"),
        changed(b"Subject: x", b"Subject: y"),
        changed(b"Subject: x", b"Subject: x\r\nSubject: x"),
        changed(b"To: ", b"Cc: eve@example.net\r\nTo: "),
        changed(b"To: ", b"Reply-To: eve@example.net\r\nTo: "),
        [&b"From: eve@example.net\r\n"[..], &message[..]].concat(),
        [&b"Date: Tue, 01 Dec 2026 09:00:00 +0000\r\n"[..], &message[..]].concat(),
        [&message[..], &b"more\r\n"[..]].concat(),
    ] {
        let text = String::from_utf8_lossy(&forged);
        assert_eq!(verifier.verify(&forged), every(&["r1", "e1"], false), "{text}");
    }
    assert_eq!(verifier.verify(&[&message[..], &b" \r\n\r\n"[..]].concat()), every(&["r1", "e1"], true));
}

#[tokio::test]
async fn a_retry_after_a_restart_with_another_key_sends_the_same_bytes() {
    let later = Rule::at(Stage::Dot).recipient("ann@example.net").attempts(1..=1);
    let later = later.then(Action::reply(451, "4.3.0 later"));
    let sink = Sink::start(Script::default().rule(later)).await.unwrap();
    let mut service = Setup::new()
        .relay(Relay::plain("primary", sink.addr()))
        .toml(&dkim(&[("s1", "shop.example")]))
        .prepare()
        .await
        .unwrap();
    let first = generate(&service, "s1", "shop.example", "ed25519").await;
    service.start().await.unwrap();
    let message = json!({
        "from": "shop@shop.example", "to": "ann@example.net", "subject": "x", "text": "one", "retry": {"schedule": ["1s"]},
    });
    let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
    service.message_until(&id, |it| it["deliveries"][0]["attempts"] == 1).await.unwrap();
    service.message_until(&id, |it| it["deliveries"][0]["status"] != "sending").await.unwrap();
    service.kill().unwrap();

    let config = std::fs::read_to_string(service.config_file()).unwrap();
    let with = |selector: &str| {
        config.replace("\"s1\"", &format!("\"{selector}\"")).replace("s1_shop", &format!("{selector}_shop"))
    };
    std::fs::write(service.config_file(), with("s2")).unwrap();
    let second = generate(&service, "s2", "shop.example", "ed25519").await;
    service.start().await.unwrap();
    let message = service.settled(&id).await.unwrap();
    assert_eq!(message["status"], "delivered", "{message:#}");
    let next = json!({"from": "shop@shop.example", "to": "bob@example.net", "subject": "x", "text": "two"});
    let next = service.submit(&next).await.unwrap()["id"].as_str().unwrap().to_owned();
    service.settled(&next).await.unwrap();

    // The next by a signal, while it serves.
    let third = generate(&service, "s3", "shop.example", "ed25519").await;
    std::fs::write(service.config_file(), with("s3")).unwrap();
    service.signal(Signal::HUP).unwrap();
    service.stderr_until(|log| log.contains("configuration read again")).await.unwrap();
    let last = json!({"from": "shop@shop.example", "to": "cat@example.net", "subject": "x", "text": "three"});
    let last = service.submit(&last).await.unwrap()["id"].as_str().unwrap().to_owned();
    service.settled(&last).await.unwrap();

    let log = sink.log();
    let sent = |to: &str| log.of(to).map(|it| it.message.clone().unwrap()).collect::<Vec<_>>();
    let attempts = sent("ann@example.net");
    assert!(attempts.len() >= 2, "a first attempt was refused, and another made");
    assert!(attempts.iter().all(|it| *it == attempts[0]));
    let mut verifier = Verifier::new([first, second, third]);
    assert_eq!(verifier.verify(&attempts[0]), every(&["s1"], true));
    assert_eq!(verifier.verify(&sent("bob@example.net")[0]), every(&["s2"], true));
    assert_eq!(verifier.verify(&sent("cat@example.net")[0]), every(&["s3"], true));
    let path = format!("/v1/deliveries/{}/content", message["deliveries"][0]["id"].as_str().unwrap());
    let content = service.get(&path).await.unwrap().body;
    assert_eq!(content, attempts[0], "the ledger has what was sent");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_refused_at_the_start_with_words() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let setup =
        Setup::new().relay(Relay::plain("primary", sink.addr())).toml(&dkim(&[("s", "shop.example")]));
    let mut service = setup.prepare().await.unwrap();
    let file = service.directory().join("s_shop_example.pem");
    let config = service.config_file();
    let check = ["config", "check", "--config", config.to_str().unwrap()];
    for (content, words) in [
        (None, "cannot read s_shop_example.pem: No such file or directory"),
        (Some("hello"), "there is no private key in PEM in it"),
        (
            Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            "the key is neither RSA nor Ed25519",
        ),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let checked = service.run(&check).await.unwrap();
        let Started::Refused(served) = service.try_start().await.unwrap() else {
            panic!("it started: {words}")
        };
        for exit in [&checked, &served] {
            assert_eq!(exit.code, Some(2), "{exit}");
            assert!(exit.stderr.contains("dkim.s_shop_example.key_file: "), "{exit}");
            assert!(exit.stderr.contains(words), "{exit}");
        }
    }
    std::fs::remove_file(&file).unwrap();

    let record = generate(&service, "s", "shop.example", "rsa").await;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again =
        ["dkim", "generate", "--domain", "shop.example", "--selector", "s", "--to", "s_shop_example.pem"];
    let again = service.run(&again).await.unwrap();
    assert_eq!(again.code, Some(1), "a key is never written over: {again}");
    let shown = service
        .run(&["dkim", "record", "s_shop_example", "--config", config.to_str().unwrap()])
        .await
        .unwrap();
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (shown["data"][0]["name"].as_str().unwrap(), &shown["data"][0]["value"]),
        (&*record.0, &record.1)
    );

    let good = service.run(&check).await.unwrap();
    assert_eq!(good.code, Some(0), "{good}");
    assert!(good.stdout.contains(r#""warnings":[]"#), "{good}");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let open = service.run(&check).await.unwrap();
    assert_eq!(open.code, Some(0), "{open}");
    assert!(open.stdout.contains("everybody on this machine can read s_shop_example.pem"), "{open}");
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
