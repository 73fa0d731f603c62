//! What becomes of writes that cannot be done.

use super::support::{lively, open, raw};
use crate::Reader;
use postledger_core::conformance::{deliver, submission};
use postledger_core::event::{Event, HoldReason, MailEvent};
use postledger_core::id::{Ordinal, Stream};
use postledger_core::ledger::{Append, Change, Ledger, LedgerError, Submission};
use postledger_core::name::Actor;
use std::sync::Arc;

/// A hold that was decided on version `after`.
fn hold(submission: &Submission, after: u32) -> Append {
    let event = MailEvent::Held { reason: HoldReason::Operator, by: Actor::control() };
    Append {
        stream: Stream::Message(submission.id),
        tenant: submission.tenant.clone(),
        at: submission.at,
        message_version: Some(1),
        changes: Change::run(Ordinal(1), after, [Event::Mail(event)]),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_appends_fail_alone_however_they_are_batched() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let all: Vec<_> = (0..100).map(|n| submission(n, 1)).collect();
    ledger.submit(all.clone()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for submission in all {
        // Of three that were decided on the same version exactly one comes first.
        for _ in 0..3 {
            let (ledger, append) = (Arc::clone(&ledger), hold(&submission, 0));
            tasks.spawn(async move { ledger.append(append).await.map(drop) });
        }
        let (ledger, append) = (Arc::clone(&ledger), hold(&submission, 7));
        tasks.spawn(async move { ledger.append(append).await.map(drop) });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(LedgerError::Conflict)).count(), 300);
    ledger.close().await.unwrap();
    Reader::open(dir.path()).await.unwrap().verify(&mut |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_is_not_fresh_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    ledger.submit(vec![submission(1, 1)]).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=50 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move { ledger.submit(vec![submission(n, 1)]).await.map(drop) });
    }
    let mut answers = tasks.join_all().await;
    answers.retain(Result::is_err);
    assert_eq!(answers, [Err(LedgerError::Conflict)]);
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_write_nothing_is_acknowledged_and_the_failure_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    let head = ledger.head();
    let mut raw = raw(&dir.path().join("ledger.db")).await;
    sqlx::query("ALTER TABLE content RENAME TO lost").execute(&mut raw).await.unwrap();
    assert_eq!(ledger.submit(vec![submission(50, 1)]).await, Err(LedgerError::Undecided));
    assert_eq!(ledger.submit(vec![submission(51, 1)]).await, Err(LedgerError::Stopped));
    assert!(ledger.failed().await.contains("a write to the ledger failed"));
    let port = Arc::clone(&ledger) as Arc<dyn Ledger>;
    assert!(deliver(&port, submission(5, 1).id, 1).await.is_err());
    assert_eq!((ledger.head().position, ledger.head().is_writable), (head.position, false));
    assert!(ledger.close().await.is_err());
    sqlx::query("ALTER TABLE lost RENAME TO content").execute(&mut raw).await.unwrap();
    let ledger = open(dir.path()).await.unwrap();
    assert_eq!(ledger.histories(vec![submission(50, 1).id]).await.unwrap(), [[]]);
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_outcomes_are_recorded_and_nothing_new_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    ledger.submit(vec![submission(1, 1)]).await.unwrap();
    ledger.set_reserve(u64::MAX);
    assert_eq!(ledger.submit(vec![submission(2, 1)]).await, Err(LedgerError::Full));
    let port = Arc::clone(&ledger) as Arc<dyn Ledger>;
    deliver(&port, submission(1, 1).id, 1).await.unwrap();
    ledger.set_reserve(0);
    ledger.submit(vec![submission(2, 1)]).await.unwrap();
    ledger.close().await.unwrap();
}
