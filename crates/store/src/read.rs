//! Reading the journal: histories, contents, pages. On read-only connections, a page at a time, so that no read
//! transaction stays open while somebody is slow.

use crate::chain::Hash;
use crate::fault::{CorruptRecord, ReadError};
use crate::identity::Identity;
use crate::row::{EventRow, decode_all};
use crate::sql;
use bytes::{Bytes, BytesMut};
use postledger_core::content::Content;
use postledger_core::event::Recorded;
use postledger_core::id::{MessageId, Position, Stream};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{query, query_as, query_scalar};
use std::collections::HashMap;

/// A history, or the record in it that cannot be read.
pub(crate) type History = Result<Vec<Recorded>, CorruptRecord>;

/// The connections to read by.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub pool: SqlitePool,
}

impl Reading {
    /// The events of each message up to `until`; no entry for an unknown one. A damaged history is that
    /// message's affair.
    pub(crate) async fn histories(
        &self,
        ids: &[MessageId],
        until: Position,
    ) -> Result<HashMap<MessageId, History>, ReadError> {
        let mut histories: HashMap<MessageId, History> = HashMap::with_capacity(ids.len());
        let mut rest = ids;
        while !rest.is_empty() {
            let (size, statement) = sql::HISTORIES.holding(rest.len());
            let (now, later) = rest.split_at(size.min(rest.len()));
            let mut wanted = query(statement).bind(until.0);
            for id in now {
                wanted = wanted.bind(Stream::Message(*id).to_string());
            }
            for row in wanted.fetch_all(&self.pool).await? {
                add(&mut histories, &row)?;
            }
            rest = later;
        }
        Ok(histories)
    }

    /// Every event of one stream.
    pub(crate) async fn stream(&self, stream: Stream) -> Result<Vec<Recorded>, ReadError> {
        let rows = query(sql::STREAM).bind(stream.to_string()).fetch_all(&self.pool).await?;
        Ok(decode_all(&rows)?)
    }

    /// Every event of every key.
    pub(crate) async fn keys(&self) -> Result<Vec<Recorded>, ReadError> {
        Ok(decode_all(&query(sql::KEYS).fetch_all(&self.pool).await?)?)
    }

    /// The rows after a position.
    pub(crate) async fn page(&self, after: Position, limit: i64) -> Result<Vec<SqliteRow>, ReadError> {
        Ok(query(sql::PAGE).bind(after.0).bind(limit).fetch_all(&self.pool).await?)
    }

    /// The chain at a position; `None` beyond the end.
    pub(crate) async fn hash_at(
        &self,
        identity: &Identity,
        position: Position,
    ) -> Result<Option<Hash>, ReadError> {
        if position == identity.base_position {
            return Ok(Some(identity.base_hash));
        }
        let row = query(sql::EVENT_AT).bind(position.0).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(EventRow::read).transpose()?.map(|row| row.hash))
    }

    /// The content of a message, put together.
    pub(crate) async fn content(&self, id: MessageId) -> Result<Option<Content>, ReadError> {
        let stream = Stream::Message(id).to_string();
        let found: Option<(Vec<u8>, i64, Option<Vec<u8>>)> =
            query_as(sql::CONTENT).bind(&stream[..]).fetch_optional(&self.pool).await?;
        let Some((salt, size, bytes)) = found else { return Ok(None) };
        let broken = |what: &str| ReadError::Unreadable(format!("the content of {id} {what}"));
        let salt = salt.try_into().map_err(|_| broken("has no whole salt"))?;
        if let Some(bytes) = bytes {
            return Ok(Some(Content { salt, bytes: bytes.into() }));
        }
        let size = usize::try_from(size).map_err(|_| broken("has no size"))?;
        let mut whole = BytesMut::with_capacity(size);
        for number in 0_i64.. {
            let chunk: Option<Vec<u8>> =
                query_scalar(sql::CHUNK).bind(&stream[..]).bind(number).fetch_optional(&self.pool).await?;
            let Some(chunk) = chunk else { break };
            whole.extend_from_slice(&chunk);
        }
        if whole.len() == size {
            return Ok(Some(Content { salt, bytes: Bytes::from(whole) }));
        }
        // It may have been removed meanwhile.
        let still: Option<(Vec<u8>, i64, Option<Vec<u8>>)> =
            query_as(sql::CONTENT).bind(&stream[..]).fetch_optional(&self.pool).await?;
        if still.is_none() { Ok(None) } else { Err(broken("is not whole")) }
    }
}

fn add(histories: &mut HashMap<MessageId, History>, row: &SqliteRow) -> Result<(), ReadError> {
    let row = EventRow::read(row)?;
    let Ok(Stream::Message(id)) = row.header.stream.parse() else {
        return Err(row.corrupt("it is in a message's history but its stream is none".into()).into());
    };
    let history = histories.entry(id).or_insert_with(|| Ok(Vec::new()));
    if let Ok(events) = history {
        match row.decode() {
            Ok(recorded) => events.push(recorded),
            Err(corrupt) => *history = Err(corrupt),
        }
    }
    Ok(())
}
