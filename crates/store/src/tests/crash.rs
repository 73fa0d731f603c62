//! What was acknowledged is there after a crash.

use super::support::{lively, open, until_crash};
use postledger_core::conformance::submission;
use postledger_core::event::{Event, NodeEvent};
use postledger_core::ledger::Ledger;

#[test]
fn acknowledged_events_and_contents_survive_and_the_epoch_rises() {
    let dir = tempfile::tempdir().unwrap();
    let (head, histories) = until_crash(async {
        let ledger = open(dir.path()).await.unwrap();
        lively(&ledger).await;
        let ids = (1..=8).map(|n| submission(n, 1).id).collect();
        (ledger.head(), ledger.histories(ids).await.unwrap())
    });
    until_crash(async {
        let ledger = open(dir.path()).await.unwrap();
        let ids = (1..=8).map(|n| submission(n, 1).id).collect();
        assert_eq!(ledger.histories(ids).await.unwrap(), histories);
        assert_eq!(ledger.content(submission(1, 1).id).await.unwrap(), Some(submission(1, 1).content));
        assert_eq!(ledger.head().epoch, head.epoch.next_start());
        assert_eq!(ledger.head().position.0, head.position.0 + 1, "the start is an event");
        ledger.close().await.unwrap();
    });
    until_crash(async {
        let reader = crate::Reader::open(dir.path()).await.unwrap();
        let node = reader.stream(postledger_core::id::Stream::Node).await.unwrap();
        let started = || Event::Node(NodeEvent::Started { version: "0.0.0-test".into() });
        let events: Vec<_> = node.into_iter().map(|recorded| recorded.event).collect();
        assert_eq!(events, [started(), started(), Event::Node(NodeEvent::Stopped)]);
        reader.verify(&mut |_| {}).await.unwrap();
    });
}

#[test]
fn chunks_without_their_message_are_swept_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let count = "SELECT COUNT(*) FROM content_chunk";
    until_crash(async { open(dir.path()).await.unwrap() });
    until_crash(async {
        let mut raw = super::support::raw(&dir.path().join("ledger.db")).await;
        let insert = "INSERT INTO content_chunk VALUES ('msg_00000000000000000000000000000001', 0, x'00')";
        sqlx::query(insert).execute(&mut raw).await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut raw).await.unwrap(), 1);
    });
    until_crash(async {
        let ledger = open(dir.path()).await.unwrap();
        let mut raw = super::support::raw(&dir.path().join("ledger.db")).await;
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut raw).await.unwrap(), 0);
        ledger.close().await.unwrap();
    });
}

#[test]
fn a_killed_services_directory_is_read_without_changing_it() {
    let (dir, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let digest = |name: &str| blake3::hash(&std::fs::read(image.path().join(name)).unwrap());
    let names = ["ledger.db", "ledger.db-wal", "anchor"];
    until_crash(async {
        let ledger = open(dir.path()).await.unwrap();
        lively(&ledger).await;
        // What a kill at this moment would leave behind.
        for name in names {
            std::fs::copy(dir.path().join(name), image.path().join(name)).unwrap();
        }
    });
    let before = names.map(digest);
    until_crash(async {
        let reader = crate::Reader::open(image.path()).await.unwrap();
        let verified = reader.verify(&mut |_| {}).await.unwrap();
        assert_eq!(verified.anchored, Some(verified.position));
        let mut open = 0;
        reader.open_messages(|_| open += 1).await.unwrap();
        assert_eq!(open, 4);
        reader.close().await;
    });
    assert_eq!(names.map(digest), before);
}
