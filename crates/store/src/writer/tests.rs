//! A full disk, by SQLite's own bound on a file.

use super::*;
use crate::ledger::last;
use crate::tests::support::{Counting, open};
use postledger_core::conformance::submission;
use postledger_core::event::{Event, HoldReason, MailEvent};
use postledger_core::id::{Ordinal, Stream};
use postledger_core::ledger::Submission;
use postledger_core::name::Actor;
use tokio::sync::oneshot;

type Answer<T> = oneshot::Receiver<Result<T, LedgerError>>;

fn submit(given: Submission) -> (Job, Answer<Vec<postledger_core::ledger::Submitted>>) {
    let (reply, answer) = oneshot::channel();
    (Job::Submit(vec![Accepting::new(given, false, &*Counting::new())], reply), answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_the_new_records_what_is_in_flight_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    ledger.close().await.unwrap();
    let path = dir.path().join("ledger.db");
    let mut connection = Journal::connect(&path, false).await.unwrap();
    let identity =
        crate::identity::Identity::read(&mut connection, &path, sql::FORMAT).await.unwrap().unwrap();
    let (position, hash, epoch) = last(&mut connection, &identity).await.unwrap();
    let mut journal = Journal { connection, ledger: identity.ledger, epoch, position, hash };
    let anchor = Anchor::create(&dir.path().join("anchor"), &journal.mark()).unwrap();
    let pages: i64 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut journal.connection).await.unwrap();
    let bound = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4));
    sqlx::raw_sql(bound).execute(&mut journal.connection).await.unwrap();
    let shared = Arc::new(Shared::new(position, hash, epoch));
    let (_, queue) = mpsc::channel(1);
    let mut writer = Writer { journal, anchor, queue, shared, gate: Arc::default() };

    let (small, accepted) = submit(submission(1, 1));
    writer.settle(vec![small]).await;
    assert!(accepted.await.unwrap().is_ok());
    let mut large = submission(2, 1);
    large.content.bytes = vec![b'x'; 100_000].into();
    let (large, refused) = submit(large);
    let event = Event::Mail(MailEvent::Held { reason: HoldReason::Operator, by: Actor::control() });
    let (reply, recorded) = oneshot::channel();
    let append = Appending {
        stream: Stream::Message(submission(1, 1).id),
        tenant: submission(1, 1).tenant,
        at: submission(1, 1).at,
        message_version: Some(1),
        entries: vec![Entry::new(Ordinal(1), 0, event, &*Counting::new())],
    };
    writer.settle(vec![large, Job::Append(append, reply)]).await;
    assert_eq!(refused.await.unwrap(), Err(LedgerError::Full));
    assert_eq!(recorded.await.unwrap().unwrap().len(), 1);

    let bound = "PRAGMA max_page_count = 100000";
    sqlx::raw_sql(bound).execute(&mut writer.journal.connection).await.unwrap();
    let mut large = submission(2, 1);
    large.content.bytes = vec![b'x'; 100_000].into();
    let (large, accepted) = submit(large);
    writer.settle(vec![large]).await;
    assert!(accepted.await.unwrap().is_ok() && writer.shared.is_writable());
}
