//! The SQL of one transaction: two look-ups for the whole batch, then inserts of many rows each.

use super::batch::{Batch, Row};
use super::job::Job;
use crate::sql;
use postledger_core::event::Idempotency;
use postledger_core::id::{MessageId, Ordinal, Stream};
use postledger_core::name::Tenant;
use postledger_core::secret::KeyedDigest;
use sqlx::sqlite::SqliteConnection;
use sqlx::{query, query_as};
use std::collections::{HashMap, HashSet};

/// What the table says about the streams and keys of a batch, and then what the batch itself adds.
#[derive(Debug, Default)]
pub(crate) struct Known {
    versions: HashMap<(Stream, Ordinal), u32>,
    keys: HashMap<(String, KeyedDigest), (MessageId, KeyedDigest)>,
}

impl Known {
    /// Looks up every expected version and every idempotency key of the batch.
    pub(super) async fn look_up(
        connection: &mut SqliteConnection,
        jobs: &[Job],
    ) -> Result<Self, sqlx::Error> {
        let mut known = Self::default();
        let mut places = HashSet::new();
        let mut keys = Vec::new();
        for job in jobs {
            match job {
                Job::Append(append, _) => {
                    places.insert((append.stream, Ordinal::MESSAGE));
                    places.extend(append.entries.iter().map(|entry| (append.stream, entry.ordinal)));
                }
                Job::Submit(items, _) => keys.extend(items.iter().filter_map(|item| {
                    let submission = &item.submission;
                    submission.queued.idempotency.as_ref().map(|i| (submission.tenant.as_str(), i.key))
                })),
                Job::Chunk(..) => {}
            }
        }
        known.look_up_versions(connection, places.into_iter().collect()).await?;
        known.look_up_keys(connection, &keys).await?;
        Ok(known)
    }

    async fn look_up_versions(
        &mut self,
        connection: &mut SqliteConnection,
        places: Vec<(Stream, Ordinal)>,
    ) -> Result<(), sqlx::Error> {
        let mut rest = &places[..];
        while !rest.is_empty() {
            let (rows, statement) = sql::VERSIONS.holding(rest.len());
            let (now, later) = rest.split_at(rows.min(rest.len()));
            let mut wanted = query_as(statement);
            for (stream, ordinal) in now {
                wanted = wanted.bind(stream.to_string()).bind(i64::from(ordinal.0));
            }
            let found: Vec<(String, i64, Option<i64>)> = wanted.fetch_all(&mut *connection).await?;
            for (stream, ordinal, version) in found {
                if let (Ok(stream), Ok(ordinal), Some(Ok(version))) =
                    (stream.parse(), u16::try_from(ordinal), version.map(u32::try_from))
                {
                    self.versions.insert((stream, Ordinal(ordinal)), version);
                }
            }
            rest = later;
        }
        Ok(())
    }

    async fn look_up_keys(
        &mut self,
        connection: &mut SqliteConnection,
        keys: &[(&str, KeyedDigest)],
    ) -> Result<(), sqlx::Error> {
        let mut rest = keys;
        while !rest.is_empty() {
            let (rows, statement) = sql::KNOWN_KEYS.holding(rest.len());
            let (now, later) = rest.split_at(rows.min(rest.len()));
            let mut wanted = query_as(statement);
            for (tenant, key) in now {
                wanted = wanted.bind(*tenant).bind(&key[..]);
            }
            let found: Vec<(String, Vec<u8>, Vec<u8>, String)> = wanted.fetch_all(&mut *connection).await?;
            for (tenant, key, request, stream) in found {
                if let (Ok(key), Ok(request), Ok(message)) =
                    (key.try_into(), request.try_into(), stream.parse())
                {
                    self.keys.insert((tenant, key), (message, request));
                }
            }
            rest = later;
        }
        Ok(())
    }

    pub(super) fn version(&self, stream: Stream, ordinal: Ordinal) -> u32 {
        self.versions.get(&(stream, ordinal)).copied().unwrap_or(0)
    }

    pub(super) fn set_version(&mut self, stream: Stream, ordinal: Ordinal, version: u32) {
        self.versions.insert((stream, ordinal), version);
    }

    pub(super) fn key(&self, tenant: &Tenant, key: &KeyedDigest) -> Option<(MessageId, KeyedDigest)> {
        self.keys.get(&(tenant.to_string(), *key)).copied()
    }

    pub(super) fn insert_key(&mut self, tenant: &Tenant, idempotency: &Idempotency, message: MessageId) {
        self.keys.insert((tenant.to_string(), idempotency.key), (message, idempotency.request));
    }
}

/// Writes everything that the batch holds, inside the open transaction.
pub(super) async fn write(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    for chunk in &batch.chunks {
        let insert = query(sql::INSERT_CHUNK).bind(Stream::Message(chunk.message).to_string());
        insert.bind(chunk.number).bind(&chunk.bytes[..]).execute(&mut *connection).await?;
    }
    insert_events(connection, &batch.rows).await?;
    insert_contents(connection, batch).await?;
    insert_keys(connection, batch).await?;
    for message in &batch.unbound {
        delete_chunks(connection, Stream::Message(*message)).await?;
    }
    for stream in &batch.removed {
        query(sql::DELETE_CONTENT).bind(stream.to_string()).execute(&mut *connection).await?;
        delete_chunks(connection, *stream).await?;
    }
    for stream in &batch.erased {
        query(sql::ERASE).bind(stream.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete_chunks(connection: &mut SqliteConnection, stream: Stream) -> Result<(), sqlx::Error> {
    query(sql::DELETE_CHUNKS).bind(stream.to_string()).execute(connection).await.map(drop)
}

async fn insert_events(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        let (size, statement) = sql::INSERT_EVENTS.filled_by(rest.len());
        let (now, later) = rest.split_at(size);
        let mut insert = query(statement);
        for row in now {
            let personal = row.encoded.personal.as_ref();
            insert = insert
                .bind(row.position)
                .bind(&row.stream[..])
                .bind(row.delivery)
                .bind(row.version)
                .bind(row.epoch)
                .bind(row.tenant)
                .bind(row.encoded.kind)
                .bind(row.encoded.schema)
                .bind(row.at_us)
                .bind(&row.encoded.data[..])
                .bind(personal.map(|personal| &personal.bytes[..]))
                .bind(personal.map(|personal| &personal.digest[..]))
                .bind(&row.hash[..]);
        }
        insert.execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}

async fn insert_contents(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let mut rest = &batch.contents[..];
    while !rest.is_empty() {
        let (size, statement) = sql::INSERT_CONTENT.filled_by(rest.len());
        let (now, later) = rest.split_at(size);
        let mut insert = query(statement);
        for (position, content, is_chunked) in now {
            let size = i64::try_from(content.bytes.len()).unwrap_or(i64::MAX);
            let bytes = (!is_chunked).then_some(&content.bytes[..]);
            insert = insert.bind(position.0).bind(&content.salt[..]).bind(size).bind(bytes);
        }
        insert.execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}

async fn insert_keys(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let mut rest = &batch.keys[..];
    while !rest.is_empty() {
        let (size, statement) = sql::INSERT_IDEMPOTENCY.filled_by(rest.len());
        let (now, later) = rest.split_at(size);
        let mut insert = query(statement);
        for (tenant, idempotency, position) in now {
            insert = insert.bind(tenant.as_str()).bind(&idempotency.key[..]).bind(&idempotency.request[..]);
            insert = insert.bind(position.0).bind(idempotency.keep_until.as_micros());
        }
        insert.execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}
