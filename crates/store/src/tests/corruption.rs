//! A changed byte is found, and its place is named.

use super::support::{lively, open, raw};
use crate::{Reader, VerifyError};
use sqlx::raw_sql;
use std::path::Path;

const TRIGGERS: &str = "DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_deleted;";

async fn change(dir: &Path, sql: &str) {
    let mut raw = raw(&dir.join("ledger.db")).await;
    raw_sql(TRIGGERS).execute(&mut raw).await.unwrap();
    raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut raw).await.unwrap();
}

async fn verdict(dir: &Path) -> VerifyError {
    Reader::open(dir).await.unwrap().verify(&mut |_| {}).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_any_column_is_found_with_its_position() {
    for changed in [
        "stream = 'msg_ffffffffffffffffffffffffffffffff'",
        "delivery = 9",
        "version = 9",
        "epoch = epoch + 1",
        "tenant = 'defaulu'",
        "kind = 'held'",
        "schema = 2",
        "at_us = at_us + 1",
        "data = replace(data, 'api', 'apj')",
        "personal = CAST(substr(personal, 1, 20) || x'00' || substr(personal, 22) AS BLOB)",
        "personal = NULL",
        "personal_digest = CAST(x'00' || substr(personal_digest, 2) AS BLOB)",
        "hash = CAST(x'00' || substr(hash, 2) AS BLOB)",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path()).await.unwrap();
        lively(&ledger).await;
        ledger.close().await.unwrap();
        change(dir.path(), &format!("UPDATE event SET {changed} WHERE position = 5")).await;
        let verdict = verdict(dir.path()).await;
        let VerifyError::Damaged { position, .. } = &verdict else { panic!("{changed}: {verdict}") };
        assert_eq!(position.0, 5, "{changed}: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_event_a_swapped_pair_and_a_changed_content_are_found() {
    for (sql, words) in [
        ("DELETE FROM event WHERE position = 5", "the event at position 5 is missing"),
        (
            "UPDATE event SET position = -5 WHERE position = 5; UPDATE event SET position = 5 WHERE position = 6; \
             UPDATE event SET position = 6 WHERE position = -5",
            "position 5",
        ),
        (
            "UPDATE content SET bytes = CAST(replace(bytes, 'Hello', 'Hullo') AS BLOB) WHERE position = 5",
            "content",
        ),
        ("DELETE FROM content WHERE position = 5", "its content is gone without a removal"),
        ("INSERT INTO content VALUES (1, x'00000000000000000000000000000000', 0, x'')", ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path()).await.unwrap();
        lively(&ledger).await;
        ledger.close().await.unwrap();
        change(dir.path(), sql).await;
        let verdict = verdict(dir.path()).await;
        assert!(verdict.to_string().contains(words), "{sql}: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_message_does_not_stop_the_others() {
    use postledger_core::id::Position;
    use postledger_core::ledger::Ledger;
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    ledger.submit((1..=3).map(|n| postledger_core::conformance::submission(n, 1)).collect()).await.unwrap();
    ledger.close().await.unwrap();
    change(dir.path(), "UPDATE event SET data = replace(data, '\"api\"', '\"API\"') WHERE position = 3")
        .await;
    std::fs::remove_file(dir.path().join("views.db")).unwrap();
    let ledger = open(dir.path()).await.unwrap();
    let open = ledger.open_messages(Position(0), 10).await.unwrap();
    let positions: Vec<_> = open.iter().map(|open| open.position.0).collect();
    assert_eq!(positions, [2, 4]);
    assert_eq!(super::support::list(&ledger, &super::support::everything()).await.len(), 2);
    ledger.close().await.unwrap();
}
