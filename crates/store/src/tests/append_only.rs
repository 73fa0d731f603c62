//! The journal is append-only for whoever opens the file.

use super::support::{lively, open, raw};
use sqlx::raw_sql;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_refuse_every_change_of_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    let mut raw = raw(&dir.path().join("ledger.db")).await;
    let columns = "stream, delivery, version, epoch, tenant, kind, schema, at_us, data, personal, personal_digest, hash";
    for change in [
        "UPDATE event SET data = '{}' WHERE position = 2".to_owned(),
        "UPDATE event SET personal = NULL WHERE position = 2".to_owned(),
        "UPDATE event SET personal = x'00' WHERE position = 2".to_owned(),
        "UPDATE event SET position = 1000 WHERE position = 2".to_owned(),
        "DELETE FROM event WHERE position = 2".to_owned(),
        "DELETE FROM event".to_owned(),
        format!("INSERT OR REPLACE INTO event SELECT position, {columns} FROM event WHERE position = 2"),
        format!("REPLACE INTO event SELECT position + 1000, {columns} FROM event WHERE position = 2"),
        format!(
            "INSERT INTO event SELECT 0, 'x', {} FROM event WHERE position = 2",
            &columns["stream, ".len()..]
        ),
    ] {
        let error = raw_sql(sqlx::AssertSqlSafe(change.clone())).execute(&mut raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{change}: {error}");
    }
}
