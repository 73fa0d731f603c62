//! The idempotency table is an index of the events.

use super::support::{lively, open};
use crate::fault::ReadError;
use crate::read::Reading;
use crate::writer::Journal;
use crate::{connect, idempotency};
use postledger_core::conformance::{keyed, submission};
use postledger_core::ledger::Ledger;
use sqlx::query_as;

type Row = (String, Vec<u8>, Vec<u8>, i64, i64);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_rebuilt_with_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    let mut other = keyed(submission(20, 1), 1, 2);
    other.tenant = "other".parse().unwrap();
    ledger.submit(vec![keyed(submission(21, 1), 1, 1), other, keyed(submission(22, 1), 9, 9)]).await.unwrap();
    ledger.close().await.unwrap();
    let path = dir.path().join("ledger.db");
    let mut connection = Journal::connect(&path, false).await.unwrap();
    let rows = "SELECT * FROM idempotency ORDER BY tenant, key";
    let before: Vec<Row> = query_as(rows).fetch_all(&mut connection).await.unwrap();
    assert_eq!(before.len(), 3);
    let reading = Reading { pool: connect::pool(&path) };
    let rebuilt: Result<(), ReadError> = idempotency::rebuild(&mut connection, &reading).await;
    rebuilt.unwrap();
    let after: Vec<Row> = query_as(rows).fetch_all(&mut connection).await.unwrap();
    assert_eq!(before, after);
}
