//! Every statement is one that SQLite takes.

use super::support::{everything, list, open};
use crate::sql;
use crate::views::tests::{all_statements, search_statements};
use postledger_core::message::MessageStatus;
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_prepares() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    list(&ledger, &everything()).await;
    let mut connection = super::support::raw(&dir.path().join("ledger.db")).await;
    let many = [
        &sql::INSERT_EVENTS,
        &sql::INSERT_CONTENT,
        &sql::INSERT_IDEMPOTENCY,
        &sql::VERSIONS,
        &sql::KNOWN_KEYS,
        &sql::HISTORIES,
    ];
    let many = many.iter().flat_map(|many| many.all()).map(String::as_str);
    for statement in sql::ALL.iter().copied().chain(many) {
        let prepared = connection.prepare(AssertSqlSafe(statement.to_owned()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
    connection.close().await.unwrap();
    ledger.close().await.unwrap();

    let mut connection = super::support::raw(&dir.path().join("views.db")).await;
    let mut searches = Vec::new();
    for status in MessageStatus::ALL {
        for (recipient, tag) in [(None, None), (Some("a".to_owned()), None), (None, Some("b".to_owned()))] {
            let mut query = everything();
            (query.status, query.recipient, query.tag) = (Some(*status), recipient, tag);
            searches.push(search_statements(&query));
        }
    }
    for statement in all_statements().into_iter().chain(searches) {
        let prepared = connection.prepare(AssertSqlSafe(statement.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}
