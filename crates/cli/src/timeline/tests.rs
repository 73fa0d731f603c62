use super::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-12-01T09:00:04Z".parse().unwrap()
}

fn shown(text: &str) -> String {
    console::strip_ansi_codes(text).into_owned()
}

fn told(events: &[Value]) -> String {
    shown(&of(events))
}

#[test]
fn a_line_says_what_happened_and_what_happens_next() {
    let events = [
        json!({"at": "2026-12-01T09:00:00.000001Z", "delivery": 0, "kind": "queued", "priority": "high", "recipients": [{}, {}],
            "by": "control"}),
        json!({"at": "2026-12-01T09:00:00.020000Z", "delivery": 1, "kind": "attempted", "attempt": 1, "relay": "primary"}),
        json!({"at": "2026-12-01T09:00:00.030000Z", "delivery": 1, "kind": "deferred", "due": "2026-12-01T09:00:10.030000Z",
            "reply": {"code": 451, "enhanced": "4.7.1", "text": "4.7.1 later"}}),
        json!({"at": "2026-12-01T09:00:01.240000Z", "delivery": 2, "kind": "deferred", "due": "2026-12-01T09:00:01.240000Z",
            "not_sent": {"stage": "connect", "trouble": "reset", "reply": null}}),
        json!({"at": "2026-12-02T09:00:10.030000Z", "delivery": 1, "kind": "content_removed"}),
    ];
    assert_eq!(
        told(&events),
        "2026-12-01 UTC\n\
         09:00:00.000               queued           by control, high priority\n\
         09:00:00.020  +19 ms  #1   attempted        attempt 1 at primary\n\
         09:00:00.030  +10 ms  #1   deferred         451 4.7.1 later; again after 10 s\n\
         09:00:01.240  +1.2 s  #2   deferred         not sent: no connection; again at once\n\
         2026-12-02 UTC\n\
         09:00:10.030    +1 d  #1   content removed"
    );
}

#[test]
fn what_is_held_or_ended_at_once_promises_no_next_attempt() {
    let unknown = |delivery: u16| {
        json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": delivery, "kind": "unknown", "trouble": "closed",
            "due": "2026-12-01T09:00:10.000000Z"})
    };
    let held = json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": 1, "kind": "held", "reason": "unknown", "by": "system"});
    let expired =
        json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": 2, "kind": "failed", "cause": "expired"});
    let cancelled =
        json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": 3, "kind": "cancelled", "by": "control"});
    for (followed, is_promised) in
        [(held, [false, true, true]), (expired, [true, false, true]), (cancelled, [true, true, false])]
    {
        let story = told(&[unknown(1), unknown(2), unknown(3), followed]);
        let promised: Vec<_> =
            story.lines().skip(1).take(3).map(|line| line.contains("again after 10 s")).collect();
        assert_eq!(promised, is_promised, "{story}");
    }
}

#[test]
fn an_end_after_an_unknown_attempt_says_so() {
    let unknown = json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": 1, "kind": "unknown", "trouble": "timeout",
        "due": "2026-12-01T09:00:10.000000Z"});
    let resolved = json!({"at": "2026-12-01T09:00:01.000000Z", "delivery": 1, "kind": "resolved",
        "resolution": "not_delivered", "reason": "not in its log", "by": "control"});
    let failed =
        json!({"at": "2026-12-01T09:00:02.000000Z", "delivery": 1, "kind": "failed", "cause": "expired"});
    let caveat = "an attempt before may have arrived";
    assert!(told(&[unknown.clone(), failed.clone()]).contains(caveat));
    assert!(!told(&[unknown, resolved, failed]).contains(caveat));
}

fn delivery(ordinal: u16, status: &str, more: Value) -> Value {
    let mut delivery = json!({"id": format!("dlv_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f_{ordinal}"), "kind": "to",
        "recipient": format!("ann{ordinal}@example.net"), "status": status, "attempts": 1, "relay": "primary",
        "expires_at": "2026-12-02T09:00:00Z"});
    delivery.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    delivery
}

fn message(deliveries: &[Value]) -> Value {
    json!({"id": "msg_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f", "status": "in_progress", "created_at": "2026-12-01T09:00:00Z",
        "from": "shop@shop.example", "subject": "Hello", "deliveries": deliveries})
}

/// What stands below the head.
fn ending(deliveries: &[Value]) -> String {
    let message = message(deliveries);
    let subject = Subject::Message(message["id"].as_str().unwrap().parse().unwrap());
    let whole = shown(&whole(&json!({"message": message, "events": []}), subject, now()));
    whole.split_once("4 s ago\n").unwrap().1.trim().to_owned()
}

#[test]
fn the_last_line_of_what_is_open_says_what_happens_next() {
    let table = [
        (
            "queued",
            json!({"next_attempt_at": "2026-12-01T09:00:00Z", "attempts": 0}),
            "next  attempt 1, due 4 s ago; given up in 23 h",
        ),
        (
            "deferred",
            json!({"next_attempt_at": "2026-12-01T09:01:04Z"}),
            "2026-12-01 UTC\n09:01:04.000  in 1 min  next  attempt 2; given up in 23 h",
        ),
        ("sending", json!({}), "now  attempt 1 is open at primary"),
        (
            "held",
            json!({"hold_reason": "operator", "expires_at": null}),
            "waits  for a release; does not expire\n\n\
            1 delivery is held. What you can do:\n  \
            postledger message release dlv_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f_1\n  \
            postledger message cancel dlv_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f_1",
        ),
        ("delivered", json!({}), ""),
    ];
    for (status, more, expected) in table {
        assert_eq!(ending(&[delivery(1, status, more)]), expected, "{status}");
    }
}

#[test]
fn many_that_wait_are_spoken_of_together() {
    let held: Vec<_> =
        (1..=50).map(|ordinal| delivery(ordinal, "held", json!({"hold_reason": "restored"}))).collect();
    let ending = ending(&held);
    assert!(ending.contains("50 deliveries are held"), "{ending}");
    assert!(ending.contains("postledger message release msg_0198c5f0b5a07c3e9d2f4a6b8c0d1e2f\n"), "{ending}");
    assert!(!ending.contains("message release dlv_"), "{ending}");
}

#[test]
fn an_explanation_shows_the_rule_then_its_figures() {
    let explained = json!({"id": "dlv_1_1", "status": "queued", "rule": "destination_parked",
        "explanation": "example.net asked for silence at primary", "until": "2026-12-01T09:00:30.000000Z",
        "priority": "normal", "route": "default", "due": "2026-12-01T09:00:00.000000Z",
        "expires_at": "2026-12-02T09:00:00.000000Z",
        "relay": {"name": "primary", "in_flight": 3, "allowed": 16},
        "destination": {"domain": "example.net", "in_flight": 0, "window": 1}});
    assert_eq!(
        shown(&explanation(&explained, now())),
        "dlv_1_1  queued: example.net asked for silence at primary, until 2026-12-01 09:00:30 UTC, in 26 s\n\
         \u{20} priority     normal\n\
         \u{20} route        default\n\
         \u{20} due          2026-12-01 09:00:00 UTC, 4 s ago\n\
         \u{20} expires      2026-12-02 09:00:00 UTC, in 23 h\n\
         \u{20} relay        primary, 3 of 16 connections\n\
         \u{20} destination  example.net, 0 of 1 under way"
    );
}

#[test]
fn what_breakers_did_is_told_with_cause_and_span() {
    let events = [
        json!({"at": "2026-12-01T09:00:00.000000Z", "delivery": 0, "kind": "started", "program": "0.1.0"}),
        json!({"at": "2026-12-01T09:00:01.000000Z", "delivery": 0, "kind": "breaker_opened", "relay": "primary", "by": "system",
            "until": "2026-12-01T09:00:02.500000Z",
            "not_sent": {"stage": "auth", "trouble": "refused", "reply": {"code": 535, "enhanced": "5.7.8", "text": "no"}}}),
        json!({"at": "2026-12-01T09:00:02.500000Z", "delivery": 0, "kind": "breaker_probing", "relay": "primary"}),
        json!({"at": "2026-12-01T09:00:03.000000Z", "delivery": 0, "kind": "breaker_closed", "relay": "primary", "by": "system"}),
        json!({"at": "2026-12-01T09:01:00.000000Z", "delivery": 0, "kind": "breaker_opened", "relay": "primary",
            "by": "control", "until": "2026-12-01T09:02:00.000000Z"}),
    ];
    assert_eq!(
        shown(&node(&events)),
        "2026-12-01 UTC\n\
         09:00:00.000           started          version 0.1.0\n\
         09:00:01.000   +1.0 s  breaker opened   primary: it refused AUTH: 535 5.7.8 no; for 1.5 s\n\
         09:00:02.500   +1.5 s  breaker probing  primary\n\
         09:00:03.000  +500 ms  breaker closed   primary, by system\n\
         09:01:00.000    +57 s  breaker opened   primary: for a drill, by control; for 1 min"
    );
}
