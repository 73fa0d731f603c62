//! Stored events of every schema are read for ever: golden files are added, never edited.

use super::{decode, encode};
use postledger_core::address::{Address, Mailbox};
use postledger_core::conformance::{keyed, submission};
use postledger_core::event::{
    Attempted, Cause, Deferral, Event, Head, HoldReason, KINDS, MailEvent, NodeEvent, Resolution,
};
use postledger_core::key::{KeyCreated, KeyEvent, Scope};
use postledger_core::name::{Actor, RouteName};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_core::policy::{OnUnknown, Prepare, Priority};
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn reply(code: u16) -> Reply {
    let enhanced = if code < 300 { "2.0.0" } else { "5.1.1" };
    Reply { code, enhanced: enhanced.parse().ok(), text: format!("{code} for ann@example.net\n\"é\"") }
}

fn full_queued() -> Event {
    let mut queued = keyed(submission(1, 3), 7, 8).queued;
    let event = Arc::make_mut(&mut queued);
    event.send_at = Some(Timestamp::from_micros(1_800_000_000_000_001));
    let policy = Arc::make_mut(&mut event.policy);
    policy.priority = Priority::Critical;
    policy.route = Some(RouteName::default_route());
    policy.retry.max_attempts = Some(7);
    policy.on_unknown = OnUnknown::Hold;
    let check_url = Some("https://shop.example/check".into());
    policy.prepare = Some(Prepare { commit_within: Duration::from_secs(300), check_url });
    let personal = event.personal.as_mut().unwrap();
    personal.from = Mailbox { name: None, address: "ünï@bücher.example".parse().unwrap() };
    personal.subject = "Grüße \u{1F600} \"quoted\"".into();
    Event::Mail(MailEvent::Queued(queued))
}

/// Samples of every kind, with the names of their files.
fn samples() -> Vec<(&'static str, Event)> {
    let by = || Actor::control();
    let due = Timestamp::from_micros(1_796_115_700_000_000);
    let return_path: Address = "bounce@shop.example".parse().unwrap();
    let head = Some(Arc::new(Head { return_path, fields: "Date: x\r\n".into() }));
    let relay = || "primary".parse().unwrap();
    let not_sent = |reply| NotSent { stage: Stage::Rcpt, trouble: Trouble::Refused, reply };
    let mail = vec![
        ("committed", MailEvent::Committed),
        ("aborted", MailEvent::Aborted),
        ("content_removed", MailEvent::ContentRemoved),
        ("erased", MailEvent::Erased),
        ("attempted", MailEvent::Attempted(Attempted { attempt: 1, relay: relay(), head })),
        ("attempted_again", MailEvent::Attempted(Attempted { attempt: 2, relay: relay(), head: None })),
        ("delivered", MailEvent::Delivered { attempt: 1, reply: reply(250) }),
        ("deferred", MailEvent::Deferred { attempt: 1, reason: Deferral::Transient(reply(450)), due }),
        (
            "deferred_not_sent",
            MailEvent::Deferred { attempt: 1, reason: Deferral::NotSent(not_sent(Some(reply(421)))), due },
        ),
        (
            "deferred_not_sent_silent",
            MailEvent::Deferred { attempt: 1, reason: Deferral::NotSent(not_sent(None)), due },
        ),
        ("unknown", MailEvent::Unknown { attempt: 1, trouble: Trouble::Interrupted, due }),
        ("failed", MailEvent::Failed { cause: Cause::Rejected, attempt: Some(3), reply: Some(reply(550)) }),
        ("failed_alone", MailEvent::Failed { cause: Cause::Expired, attempt: None, reply: None }),
        ("held", MailEvent::Held { reason: HoldReason::Operator, by: by() }),
        ("released", MailEvent::Released { by: by() }),
        ("cancelled", MailEvent::Cancelled { by: by() }),
        ("rescheduled", MailEvent::Rescheduled { send_at: due, by: by() }),
        (
            "resolved",
            MailEvent::Resolved { resolution: Resolution::Delivered, reason: "Ann has it".into(), by: by() },
        ),
        ("redriven", MailEvent::Redriven { expires_after: Duration::from_secs(60), by: by() }),
        ("bounced", MailEvent::Bounced { reply: reply(550) }),
        ("complained", MailEvent::Complained),
    ];
    let created = KeyCreated {
        digest: [3; 32],
        scopes: BTreeSet::from([Scope::Send, Scope::Admin]),
        expires_at: Some(due),
        by: by(),
    };
    let opened = |not_sent| NodeEvent::BreakerOpened { relay: relay(), not_sent, until: due, by: by() };
    let mut named = submission(1, 1).queued;
    Arc::make_mut(&mut Arc::make_mut(&mut named).policy).route = Some(RouteName::default_route());
    let mut samples = vec![
        ("queued", Event::Mail(MailEvent::Queued(named))),
        ("queued_unrouted", Event::Mail(MailEvent::Queued(submission(1, 1).queued))),
        ("queued_full", full_queued()),
        ("key_created", Event::Key(KeyEvent::Created(created))),
        ("key_revoked", Event::Key(KeyEvent::Revoked { by: by() })),
        ("started", Event::Node(NodeEvent::Started { version: "0.1.0".into() })),
        ("stopped", Event::Node(NodeEvent::Stopped)),
        (
            "breaker_opened",
            Event::Node(opened(Some(NotSent { stage: Stage::Auth, ..not_sent(Some(reply(535))) }))),
        ),
        ("breaker_opened_for_a_drill", Event::Node(opened(None))),
        ("breaker_probing", Event::Node(NodeEvent::BreakerProbing { relay: relay() })),
        ("breaker_closed", Event::Node(NodeEvent::BreakerClosed { relay: relay(), by: Actor::system() })),
    ];
    samples.extend(mail.into_iter().map(|(name, event)| (name, Event::Mail(event))));
    samples
}

/// Two lines: data, and the personal part's JSON where there is one.
fn lines(event: &Event) -> String {
    let encoded = encode(event, || [0; 16]);
    let personal = encoded.personal.map(|personal| String::from_utf8(personal.bytes[16..].to_vec()).unwrap());
    format!("{}\n{}\n", encoded.data, personal.unwrap_or_default())
}

#[test]
fn golden_files_of_every_kind_are_read_and_written_as_ever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/events");
    for (name, event) in samples() {
        let path = golden.join(format!("{name}.1.jsonl"));
        let Ok(expected) = fs::read_to_string(&path) else {
            fs::write(&path, lines(&event)).unwrap();
            panic!("{} was missing and is now written: look at it and commit it", path.display());
        };
        assert_eq!(lines(&event), expected, "{name} is written in another way: it needs a new schema");
        let (data, personal) =
            expected.trim_end_matches('\n').split_once('\n').unwrap_or((expected.trim(), ""));
        let personal = (!personal.is_empty()).then(|| [&[0; 16], personal.as_bytes()].concat());
        assert_eq!(decode(event.kind(), 1, data, personal.as_deref()), Ok(event), "{name}");
    }
}

#[test]
fn every_kind_has_a_sample() {
    let samples: BTreeSet<_> = samples().iter().map(|(_, event)| event.kind()).collect();
    let kinds: BTreeSet<_> = KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    assert_eq!(samples, kinds);
}

#[test]
fn an_erased_event_reads_as_one_without_its_personal_fields() {
    for (name, event) in samples() {
        let encoded = encode(&event, || [0; 16]);
        let erased = decode(encoded.kind, encoded.schema, &encoded.data, None);
        assert_eq!(erased.map(|event| event.kind()), Ok(event.kind()), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_named_without_being_quoted() {
    let error = decode("held", 1, r#"{"reason":"ann@example.net","by":"control"}"#, None).unwrap_err();
    assert!(error.to_string().contains("column") && !error.to_string().contains("ann"), "{error}");
    assert!(decode("held", 2, "{}", None).is_err());
    assert!(decode("levitated", 1, "{}", None).is_err());
    let error = decode("bounced", 1, r#"{"reply":{"code":550}}"#, Some(b"short")).unwrap_err();
    assert!(error.to_string().contains("personal part"), "{error}");
}
