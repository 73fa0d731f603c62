//! The views are disposable.

use super::support::{everything, list, lively, open, raw};
use crate::Reader;
use postledger_core::conformance::{command, deliver, submission};
use postledger_core::delivery::Command;
use postledger_core::id::Position;
use postledger_core::ledger::{Ledger, MessageQuery, Views};
use postledger_core::message::MessageStatus;
use postledger_core::name::Actor;
use postledger_core::outcome::Outcome;
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use std::fs;
use std::sync::Arc;

fn searches() -> Vec<MessageQuery> {
    let mut searches = vec![everything()];
    searches.extend(MessageStatus::ALL.iter().map(|s| MessageQuery { status: Some(*s), ..everything() }));
    for name in ["r1@example.net", "r2@example.net", "nobody@example.net"] {
        searches.push(MessageQuery { recipient: Some(name.into()), ..everything() });
        searches.push(MessageQuery {
            recipient: Some(name.into()),
            tag: Some("order".into()),
            ..everything()
        });
    }
    searches.push(MessageQuery { tag: Some("order".into()), ..everything() });
    searches.push(MessageQuery { tenant: Some("other".parse().unwrap()), ..everything() });
    searches.push(MessageQuery { before: Some(Position(5)), ..everything() });
    searches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_views_come_back_with_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    let mut answers = Vec::new();
    for views_deleted in [false, true] {
        if views_deleted {
            fs::remove_file(dir.path().join("views.db")).unwrap();
        }
        let ledger = open(dir.path()).await.unwrap();
        let open: Vec<_> =
            ledger.open_messages(Position(0), 100).await.unwrap().into_iter().map(|o| o.position).collect();
        let mut answer = Vec::new();
        for search in searches() {
            answer.push(list(&ledger, &search).await);
        }
        answers.push((open, answer));
        ledger.close().await.unwrap();
        let checked = Reader::open(dir.path()).await.unwrap().check_views(&mut |_| {}).await.unwrap();
        assert!(checked.is_equal() && checked.same > 0, "{checked:?}");
    }
    assert_eq!(answers[0], answers[1]);
    let counts: Vec<_> = answers[0].1.iter().map(Vec::len).collect();
    // All; then by status: prepared, scheduled, queued, sending, deferred, held, delivered, failed, unknown,
    // cancelled, in progress, partial; then by address, tag, tenant and page.
    assert_eq!(counts, [8, 0, 0, 1, 1, 0, 1, 2, 1, 0, 1, 1, 0, 8, 8, 1, 1, 0, 0, 8, 0, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_each_other_and_the_clock_tells_scheduled_from_queued() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let mut later = submission(9, 1);
    let due = Timestamp::from_micros(1_900_000_000_000_000);
    Arc::make_mut(&mut later.queued).send_at = Some(due);
    ledger.submit(vec![later.clone()]).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let status = |status, now| MessageQuery { status: Some(status), now, ..everything() };
    let before = Timestamp::from_micros(due.as_micros() - 1);
    assert_eq!(list(&ledger, &status(MessageStatus::Scheduled, before)).await, [later.id]);
    assert_eq!(list(&ledger, &status(MessageStatus::Scheduled, due)).await, []);
    assert!(list(&ledger, &status(MessageStatus::Queued, due)).await.contains(&later.id));
    let all = list(&ledger, &everything()).await;
    let (mut paged, mut query) = (Vec::new(), MessageQuery { limit: 2, ..everything() });
    loop {
        let page = ledger.list(query.clone()).await.unwrap();
        paged.extend(page.ids);
        let Some(next) = page.next else { break };
        query.before = Some(next);
    }
    assert_eq!((paged.len(), &paged), (9, &all));
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_differs_is_reported_and_one_of_another_journal_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    open(dir.path()).await.unwrap().close().await.unwrap();
    let ledger = open(dir.path()).await.unwrap();
    list(&ledger, &everything()).await;
    ledger.close().await.unwrap();
    let mut views = raw(&dir.path().join("views.db")).await;
    sqlx::query("UPDATE message SET status = 'held' WHERE position = 2").execute(&mut views).await.unwrap();
    let reader = Reader::open(dir.path()).await.unwrap();
    let checked = reader.check_views(&mut |_| {}).await.unwrap();
    assert_eq!((checked.surplus, checked.missing, &checked.examples[..]), (1, 1, &[Position(2)][..]));
    sqlx::query("UPDATE checkpoint SET hash = zeroblob(32)").execute(&mut views).await.unwrap();
    drop(views);
    let ledger = open(dir.path()).await.unwrap();
    assert_eq!(list(&ledger, &everything()).await.len(), 8);
    ledger.close().await.unwrap();
    assert!(reader.check_views(&mut |_| {}).await.unwrap().is_equal());
}

/// Without views the queue is counted from kinds alone: what ended twice must not hide what is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_redriven_is_found_without_views() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let port = Arc::clone(&ledger) as Arc<dyn Ledger>;
    let id = submission(1, 2).id;
    ledger.submit(vec![submission(1, 2), submission(2, 1)]).await.unwrap();
    let relay = || "primary".parse().unwrap();
    let refused = Outcome::Permanent(Reply { code: 550, enhanced: None, text: String::new() });
    for attempt in 1..=2 {
        command(&port, id, 1, Command::Begin { relay: relay(), head: None }).await.unwrap();
        let conclude = Command::Conclude { attempt, outcome: refused.clone(), another_relay: false };
        command(&port, id, 1, conclude).await.unwrap();
        command(&port, id, 1, Command::Redrive(None, Actor::control())).await.unwrap();
    }
    deliver(&port, submission(2, 1).id, 1).await.unwrap();
    ledger.close().await.unwrap();
    fs::remove_file(dir.path().join("views.db")).unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let found = ledger.open_messages(Position(0), 10).await.unwrap();
    assert_eq!(found.iter().map(|open| open.message.id).collect::<Vec<_>>(), [id]);
    ledger.close().await.unwrap();
}
