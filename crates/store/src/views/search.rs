//! Lists of messages.

use postledger_core::id::{MessageId, Position};
use postledger_core::ledger::{MessagePage, MessageQuery, ViewsError};
use postledger_core::message::MessageStatus;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Sqlite};

/// Answers a search, newest first.
pub(super) async fn search(pool: &SqlitePool, search: &MessageQuery) -> Result<MessagePage, ViewsError> {
    let unreadable = |error: sqlx::Error| ViewsError::Unreadable(error.to_string());
    let rows: Vec<(i64, Vec<u8>)> =
        statement(search).build_query_as().fetch_all(pool).await.map_err(unreadable)?;
    let mut ids = Vec::with_capacity(rows.len());
    let mut next = None;
    for (n, (position, id)) in rows.into_iter().enumerate() {
        if n == search.limit {
            // One more than asked for was looked for, to know whether there is a next page.
            return Ok(MessagePage { ids, next });
        }
        let id = id.try_into().map_err(|_| ViewsError::Unreadable("an id has not 16 bytes".into()))?;
        ids.push(MessageId::from_bytes(id));
        next = Some(Position(position));
    }
    Ok(MessagePage { ids, next: None })
}

/// The table with the narrowest condition leads, and its own order is the order of the answer.
pub(super) fn statement(search: &MessageQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT m.position, m.id FROM ");
    let leader = match (&search.recipient, &search.tag) {
        (Some(recipient), tag) => {
            sql.push("recipient l JOIN message m ON m.position = l.position WHERE l.address = ");
            sql.push_bind(recipient.clone());
            if let Some(tag) = tag {
                sql.push(" AND EXISTS (SELECT 1 FROM tag WHERE tag.position = l.position AND tag.tag = ");
                sql.push_bind(tag.clone()).push(")");
            }
            "l"
        }
        (None, Some(tag)) => {
            sql.push("tag l JOIN message m ON m.position = l.position WHERE l.tag = ").push_bind(tag.clone());
            "l"
        }
        (None, None) => {
            sql.push("message m WHERE 1");
            "m"
        }
    };
    if let Some(before) = search.before {
        sql.push(format_args!(" AND {leader}.position < ")).push_bind(before.0);
    }
    if let Some(tenant) = &search.tenant {
        sql.push(" AND m.tenant = ").push_bind(tenant.to_string());
    }
    if let Some(status) = search.status {
        push_status(&mut sql, status, search.now.as_micros());
    }
    if let Some(priority) = search.priority {
        sql.push(" AND m.priority = ").push_bind(priority.as_str());
    }
    if let Some(before) = search.created_before {
        sql.push(" AND m.created_at_us < ").push_bind(before.as_micros());
    }
    if let Some(after) = search.created_after {
        sql.push(" AND m.created_at_us >= ").push_bind(after.as_micros());
    }
    let limit = i64::try_from(search.limit).unwrap_or(i64::MAX).saturating_add(1);
    sql.push(format_args!(" ORDER BY {leader}.position DESC LIMIT ")).push_bind(limit);
    sql
}

/// Rows whose deliveries all wait for their first attempt are stored as `queued`; the clock splits them.
fn push_status(sql: &mut QueryBuilder<Sqlite>, status: MessageStatus, now_us: i64) {
    match status {
        MessageStatus::Queued => {
            sql.push(" AND m.status = 'queued' AND m.due_last_us <= ").push_bind(now_us);
        }
        MessageStatus::Scheduled => {
            sql.push(" AND m.status = 'queued' AND m.due_first_us > ").push_bind(now_us);
        }
        MessageStatus::InProgress => {
            sql.push(" AND (m.status = 'in_progress' OR (m.status = 'queued' AND m.due_first_us <= ");
            sql.push_bind(now_us).push(" AND m.due_last_us > ").push_bind(now_us).push("))");
        }
        other => {
            sql.push(" AND m.status = ").push_bind(other.as_str());
        }
    }
}
