//! Replay is a pure function of the journal.

use super::support::{lively, of_message, open};
use crate::{Reader, Until};
use postledger_core::conformance::submission;
use postledger_core::delivery::Status;
use postledger_core::event::MailEvent;
use postledger_core::id::Position;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_counts_every_delivery_once_and_balances() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    // Beside the running service, and with events that follow the end of a message.
    of_message(&ledger, submission(1, 1).id, MailEvent::ContentRemoved).await;
    let reader = Reader::open(dir.path()).await.unwrap();
    let replayed = reader.replay(Until::End, &mut |_| {}).await.unwrap();
    assert_eq!((replayed.messages, replayed.deliveries), (8, 9));
    assert_eq!((replayed.finals, replayed.open, replayed.balance), (5, 4, 0));
    let statuses: Vec<_> = replayed.by_status.iter().map(|(status, count)| (*status, *count)).collect();
    let expected = [
        (Status::Queued, 2),
        (Status::Sending, 1),
        (Status::Held, 1),
        (Status::Delivered, 3),
        (Status::Failed, 1),
        (Status::Cancelled, 1),
    ];
    assert_eq!(statuses, expected);
    assert_eq!(reader.replay(Until::End, &mut |_| {}).await.unwrap(), replayed);
    let mut open = 0;
    reader.open_messages(|_| open += 1).await.unwrap();
    assert_eq!(open, 4);
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stops_where_it_is_told_and_every_event_changes_the_digest() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    let reader = Reader::open(dir.path()).await.unwrap();
    let end = reader.head().await.unwrap().position;
    let mut digests = std::collections::HashSet::new();
    for position in 2..end.0 {
        let replayed = reader.replay(Until::Position(Position(position)), &mut |_| {}).await.unwrap();
        assert_eq!((replayed.position.0, replayed.balance), (position, 0));
        digests.insert(replayed.state_digest);
        // The last event but one is the last of a message: what follows is the stop.
        let by_time = reader.replay(Until::Time(replayed.at.unwrap()), &mut |_| {}).await.unwrap();
        assert!(by_time.position <= replayed.position || by_time.at == replayed.at);
    }
    assert_eq!(digests.len(), usize::try_from(end.0 - 2).unwrap());
}
