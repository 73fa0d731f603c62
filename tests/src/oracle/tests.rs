//! Planted errors of each kind: an oracle that finds nothing must have been able to.

use super::*;
use crate::load::{Answer, Intent};
use crate::sink::Outcome;
use serde_json::json;
use std::time::Duration;

/// Three witnesses that agree, until one is made to lie.
struct Case {
    entries: Vec<Entry>,
    transactions: Vec<Transaction>,
    export: Vec<Value>,
}

impl Case {
    /// Two messages, the second with two recipients, all delivered at once.
    fn honest() -> Self {
        let mut case = Self { entries: Vec::new(), transactions: Vec::new(), export: Vec::new() };
        for (token, recipients) in [("t-1", 1), ("t-2", 2)] {
            case.submit(token, recipients);
            case.answer(token, 202);
            case.queued(token, recipients);
            for ordinal in 1..=recipients {
                case.event(token, ordinal, "attempted");
                case.transaction(token, ordinal, Outcome::Accepted, true);
                case.event(token, ordinal, "delivered");
            }
        }
        case
    }

    fn submit(&mut self, token: &str, recipients: u32) {
        let recipients = (1..=recipients).map(|ordinal| address(token, ordinal)).collect();
        self.entries.push(Entry::Intent(Intent { token: token.into(), key: None, recipients }));
    }

    fn answer(&mut self, token: &str, status: u16) {
        let id = (status == 202).then(|| id(token));
        self.entries.push(Entry::Answer(Answer { token: token.into(), status, id, replayed: false }));
    }

    fn queued(&mut self, token: &str, recipients: u32) {
        self.event(token, 0, "queued");
        let event = self.export.last_mut().unwrap();
        event["recipients"] =
            (1..=recipients).map(|it| json!({"recipient": address(token, it), "kind": "to"})).collect();
        event["message_id_header"] = format!("<{token}@x>").into();
    }

    fn event(&mut self, token: &str, delivery: u32, kind: &str) {
        let position = self.export.len() + 1;
        self.export
            .push(json!({"position": position, "stream": id(token), "delivery": delivery, "kind": kind}));
    }

    fn transaction(&mut self, token: &str, ordinal: u32, outcome: Outcome, written: bool) {
        self.transactions.push(Transaction {
            at: Duration::ZERO,
            connection: 1,
            from: "".into(),
            parameters: "".into(),
            recipients: vec![address(token, ordinal).into()],
            size: 0,
            digest: [0; 32],
            message: None,
            message_id: Some(format!("<{token}@x>").into()),
            token: Some(token.into()),
            outcome,
            written,
            tls: false,
        });
    }

    /// The counts of (lost, false, phantom, excess, denied).
    fn found(&self) -> [usize; 5] {
        let verdict = judge(&self.entries, &self.transactions, &self.export).unwrap();
        let Verdict { lost, falsely_delivered, phantom, excess, denied, .. } = &verdict;
        let found = [lost.len(), falsely_delivered.len(), phantom.len(), excess.len(), denied.len()];
        assert_eq!(verdict.is_clean(), found == [0; 5]);
        found
    }
}

fn id(token: &str) -> String {
    format!("msg_{token}")
}

fn address(token: &str, ordinal: u32) -> String {
    format!("to{ordinal}.{token}@x.example")
}

#[test]
fn an_honest_run_is_clean() {
    let case = Case::honest();
    assert_eq!(case.found(), [0; 5]);
    let verdict = judge(&case.entries, &case.transactions, &case.export).unwrap();
    assert_eq!(
        (verdict.accepted, verdict.messages, verdict.deliveries, verdict.copies, verdict.open),
        (2, 2, 3, 3, 0)
    );
}

#[test]
fn lost_is_found() {
    let mut case = Case::honest();
    case.submit("t-3", 1);
    case.answer("t-3", 202);
    assert_eq!(case.found(), [1, 0, 0, 0, 0]);
    case.queued("t-3", 1);
    assert_eq!(case.found(), [0; 5], "queued is a state");
}

#[test]
fn a_missing_delivery_and_a_shared_id_are_lost_mail_too() {
    let mut case = Case::honest();
    case.submit("t-3", 2);
    case.answer("t-3", 202);
    case.queued("t-3", 1);
    assert_eq!(case.found(), [1, 0, 0, 0, 0]);
    let mut case = Case::honest();
    case.submit("t-3", 1);
    let id = Some(id("t-1"));
    case.entries.push(Entry::Answer(Answer { token: "t-3".into(), status: 202, id, replayed: false }));
    assert_eq!(case.found(), [1, 0, 0, 0, 0]);
}

#[test]
fn false_is_found() {
    for spoil in [
        |case: &mut Case| drop(case.transactions.pop()),
        |case: &mut Case| case.transactions[2].written = false,
        |case: &mut Case| case.transactions[2].outcome = Outcome::Refused(451),
        |case: &mut Case| case.transactions[2].outcome = Outcome::Unclear,
    ] {
        let mut case = Case::honest();
        spoil(&mut case);
        assert_eq!(case.found(), [0, 1, 0, 0, 0]);
    }
}

#[test]
fn phantom_is_found() {
    // Never submitted at all.
    let mut case = Case::honest();
    case.transaction("t-9", 1, Outcome::Accepted, true);
    assert_eq!(case.found(), [0, 0, 1, 0, 0]);
    // Submitted, but in no event.
    case.submit("t-9", 1);
    assert_eq!(case.found(), [0, 0, 1, 0, 0]);
    // Submitted and refused, and yet queued and sent.
    case.answer("t-9", 503);
    case.queued("t-9", 1);
    assert_eq!(case.found(), [0, 0, 1, 0, 0]);
    // Accepted at a repetition: no phantom any more.
    case.answer("t-9", 202);
    assert_eq!(case.found(), [0; 5]);
    // To someone who was not asked for.
    case.transaction("t-1", 7, Outcome::Accepted, true);
    assert_eq!(case.found(), [0, 0, 1, 0, 0]);
}

#[test]
fn an_unread_answer_is_no_phantom() {
    let mut case = Case::honest();
    case.submit("t-3", 1);
    case.queued("t-3", 1);
    case.transaction("t-3", 1, Outcome::Accepted, true);
    case.event("t-3", 1, "attempted");
    case.event("t-3", 1, "delivered");
    assert_eq!(case.found(), [0; 5]);
}

#[test]
fn excess_is_found_and_unknown_attempts_are_allowed_for() {
    let mut case = Case::honest();
    case.transaction("t-1", 1, Outcome::Accepted, true);
    assert_eq!(case.found(), [0, 0, 0, 1, 0]);

    let mut case = Case::honest();
    case.submit("t-3", 1);
    case.answer("t-3", 202);
    case.queued("t-3", 1);
    case.event("t-3", 1, "attempted");
    case.transaction("t-3", 1, Outcome::Unclear, false);
    assert_eq!(case.found(), [0; 5]);
    case.event("t-3", 1, "unknown");
    case.event("t-3", 1, "attempted");
    case.transaction("t-3", 1, Outcome::Accepted, true);
    case.event("t-3", 1, "delivered");
    assert_eq!(case.found(), [0; 5], "two copies, one unknown attempt");
    case.transaction("t-3", 1, Outcome::Unclear, false);
    assert_eq!(case.found(), [0, 0, 0, 1, 0], "three copies, one unknown attempt");
    case.transactions.pop();
    case.transaction("t-3", 1, Outcome::Refused(451), true);
    assert_eq!(case.found(), [0; 5], "a refusal leaves no copy");
}

#[test]
fn an_open_attempt_counts_as_unknown() {
    let mut case = Case::honest();
    case.submit("t-3", 1);
    case.queued("t-3", 1);
    case.event("t-3", 1, "attempted");
    case.event("t-3", 1, "deferred");
    case.event("t-3", 1, "attempted");
    let verdict = judge(&case.entries, &case.transactions, &case.export).unwrap();
    assert_eq!((verdict.unknown_attempts, verdict.open), (1, 1));
}

#[test]
fn denied_is_found() {
    let mut case = Case::honest();
    case.submit("t-3", 1);
    case.answer("t-3", 202);
    case.queued("t-3", 1);
    case.event("t-3", 1, "attempted");
    case.event("t-3", 1, "failed");
    assert_eq!(case.found(), [0; 5]);
    case.transaction("t-3", 1, Outcome::Accepted, true);
    assert_eq!(case.found(), [0, 0, 0, 0, 1]);
}

#[test]
fn an_export_out_of_order_proves_nothing() {
    let mut case = Case::honest();
    case.export.swap(0, 1);
    assert!(judge(&case.entries, &case.transactions, &case.export).is_err());
}
