//! One multipart message to fifty: one recipient's refusal neither delays nor repeats another's mail, and nobody learns
//! of a blind copy (G7, G5).

use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink, Transaction};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TEXT: &str = "Grüße aus Köln: Ihre Bestellung ist unterwegs.\n.\nEine Zeile mit einem Punkt davor.";

fn recipients() -> (Vec<String>, Vec<String>, Vec<String>) {
    let to = (0..30).map(|n| format!("Zoë Nummer {n} <to{n}@kunde.example>")).collect();
    let mut cc: Vec<_> = (0..10).map(|n| format!("cc{n}@bücher.example")).collect();
    cc[0] = "cc0+rcpt-550@bücher.example".to_owned();
    cc[1] = "cc1+dot-451-1@bücher.example".to_owned();
    let mut bcc: Vec<_> = (0..10).map(|n| format!("geheim{n}@kunde.example")).collect();
    bcc[0] = "geheim0+rcpt-553@kunde.example".to_owned();
    bcc[1] = "geheim1+dot-554@kunde.example".to_owned();
    bcc[2] = "geheim2+rcpt-450-1@kunde.example".to_owned();
    (to, cc, bcc)
}

fn statuses(message: &Value) -> BTreeMap<&str, usize> {
    let mut statuses = BTreeMap::new();
    for delivery in message["deliveries"].as_array().unwrap() {
        *statuses.entry(delivery["status"].as_str().unwrap()).or_default() += 1;
    }
    statuses
}

#[tokio::test]
async fn fifty_recipients_of_whom_three_refuse_and_two_wait() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let (to, cc, bcc) = recipients();
    let message = json!({
        "from": "Süßwaren Müller <versand@müller.example>", "to": to, "cc": cc, "bcc": bcc,
        "subject": "Ihre Bestellung № 17 – unterwegs 🚚", "text": TEXT, "html": format!("<p>{TEXT}</p>"),
        "attachments": [
            {"filename": "Rechnung März.pdf", "content": "JVBERi0xLjQK", "content_type": "application/pdf"},
            {"filename": "data.bin", "content": "AAEC/w0KLg0K", "content_type": "application/octet-stream"},
        ],
        "headers": {"X-Order": "17"},
        "retry": {"max_attempts": 5, "schedule": ["2s"]},
    });
    let accepted = service.submit(&message).await.unwrap();
    let id = accepted["id"].as_str().unwrap();
    assert_eq!(accepted["deliveries"].as_array().unwrap().len(), 50);

    // At once: everyone else has it while the two still wait.
    let early = service
        .message_until(id, |it| {
            statuses(it).get("delivered") == Some(&45) && statuses(it).get("failed") == Some(&3)
        })
        .await
        .unwrap();
    assert_eq!(statuses(&early).get("deferred"), Some(&2), "{early:#}");
    let message = service.settled(id).await.unwrap();
    assert_eq!(statuses(&message), [("delivered", 47), ("failed", 3)].into());
    assert_eq!(message["status"], "partial");

    for delivery in message["deliveries"].as_array().unwrap() {
        let address = delivery["recipient"].as_str().unwrap();
        let (cause, attempts) = match address {
            it if it.contains("-1@") => (Value::Null, 2),
            it if it.contains("+rcpt-55") || it.contains("+dot-554") => (json!("rejected"), 1),
            _ => (Value::Null, 1),
        };
        assert_eq!((&delivery["cause"], &delivery["attempts"]), (&cause, &json!(attempts)), "{delivery:#}");
    }

    let log = sink.stop().await;
    let accepted: Vec<&Transaction> = log.transactions.iter().filter(|it| it.is_accepted()).collect();
    assert_eq!(accepted.len(), 47);
    let mut seen: Vec<_> = accepted.iter().flat_map(|it| &it.recipients).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 47, "one copy each, one recipient per transaction");
    let message_id = accepted[0].message_id.clone().unwrap();
    for transaction in &accepted {
        assert_eq!(transaction.message_id.as_ref(), Some(&message_id));
        let text = String::from_utf8_lossy(transaction.message.as_deref().unwrap());
        assert!(!text.to_lowercase().contains("geheim"), "a blind copy stands in the message:\n{text}");
        assert_eq!(transaction.header("Bcc"), None);
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "lines end with CRLF alone");
        assert!(text.lines().all(|line| line.len() <= 998));
    }
    // The IDN domain is in its ASCII form on the wire: nobody had to offer SMTPUTF8 for it.
    assert!(seen.iter().any(|it| &***it == "cc2@xn--bcher-kva.example"), "{seen:?}");
    assert!(log.transactions.iter().all(|it| !it.parameters.contains("SMTPUTF8")));
    // A deferral repeats the same bytes.
    let repeated: Vec<_> = log.of("cc1+dot-451-1@xn--bcher-kva.example").map(|it| it.digest).collect();
    assert_eq!(repeated.len(), 2);
    assert_eq!(repeated[0], repeated[1]);
}
