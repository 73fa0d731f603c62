use super::*;
use serde_json::json;

#[test]
fn a_line_says_what_happened_and_what_happens_next() {
    let events = [
        json!({"at": "2026-12-01T09:00:00.000001Z", "delivery": 0, "kind": "queued", "priority": "high", "recipients": [{}, {}],
            "by": "control"}),
        json!({"at": "2026-12-01T09:00:00.020000Z", "delivery": 1, "kind": "attempted", "attempt": 1, "relay": "primary"}),
        json!({"at": "2026-12-01T09:00:00.030000Z", "delivery": 1, "kind": "deferred", "due": "2026-12-01T09:00:10.000000Z",
            "reply": {"code": 451, "enhanced": "4.7.1", "text": "4.7.1 later"}}),
        json!({"at": "2026-12-01T09:00:00.040000Z", "delivery": 2, "kind": "deferred", "due": "2026-12-01T09:00:00.040000Z",
            "not_sent": {"stage": "connect", "trouble": "reset", "reply": null}}),
    ];
    assert_eq!(
        of(&events),
        "2026-12-01T09:00:00.000Z        queued         2 recipients, high priority, by control\n\
         2026-12-01T09:00:00.020Z  #1    attempted      attempt 1 at primary\n\
         2026-12-01T09:00:00.030Z  #1    deferred       451 4.7.1 later; next attempt from 2026-12-01T09:00:10.000Z\n\
         2026-12-01T09:00:00.040Z  #2    deferred       not sent: no connection; next attempt at once"
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
        json!({"at": "2026-12-02T09:00:00.000000Z", "delivery": 2, "kind": "failed", "cause": "expired"});
    let cancelled =
        json!({"at": "2026-12-03T09:00:00.000000Z", "delivery": 1, "kind": "cancelled", "by": "control"});
    assert_eq!(
        of(&[unknown(1), unknown(2), held, expired, cancelled]),
        "2026-12-01T09:00:00.000Z  #1    unknown        it may have arrived: no reply to the end of the text (closed)\n\
         2026-12-01T09:00:00.000Z  #2    unknown        it may have arrived: no reply to the end of the text (closed); \
         next attempt from 2026-12-01T09:00:10.000Z\n\
         2026-12-01T09:00:00.000Z  #1    held           unknown, by system; waits for a release\n\
         2026-12-02T09:00:00.000Z  #2    failed         expired; unknown, as an attempt before may have arrived\n\
         2026-12-03T09:00:00.000Z  #1    cancelled      by control; unknown, as an attempt before may have arrived"
    );
}

#[test]
fn a_summary_names_what_waits_for_a_person() {
    let delivery = json!({"id": "dlv_1_1", "recipient": "ann@example.net", "status": "held", "hold_reason": "unknown", "attempts": 1});
    let message = json!({"id": "msg_1", "status": "held", "created_at": "2026-12-01T09:00:00.000000Z", "from": "shop@shop.example",
        "subject": "Hello", "deliveries": [delivery]});
    assert_eq!(
        summary(&message),
        "msg_1  held\n\
         2026-12-01T09:00:00.000Z  from shop@shop.example: Hello\n\n\
         #   RECIPIENT        STATUS          ATTEMPTS  RELAY  NEXT ATTEMPT  LAST REPLY\n\
         #1  ann@example.net  held (unknown)  1         -      -             -\n\n\
         dlv_1_1 waits for you: postledger message release or resolve"
    );
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
        explanation(&explained),
        "dlv_1_1  queued: example.net asked for silence at primary, until 2026-12-01T09:00:30.000Z\n\
         \u{20} priority     normal\n\
         \u{20} route        default\n\
         \u{20} due          2026-12-01T09:00:00.000Z\n\
         \u{20} expires      2026-12-02T09:00:00.000Z\n\
         \u{20} relay        primary, 3 of 16 connections\n\
         \u{20} destination  example.net, 0 of 1 under way"
    );
}
