//! Opening the views' file, or making it anew.

use super::schema;
use crate::chain::Hash;
use crate::connect;
use crate::identity::Identity;
use crate::queue::OpenIndex;
use crate::read::Reading;
use postledger_core::id::{MessageId, Position};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, query, query_as, raw_sql};
use std::path::{Path, PathBuf};

/// How far the views have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub position: Position,
    pub hash: Hash,
}

/// A crash may take the last transactions back, never break the file; a lost file is rebuilt.
fn for_writing(path: &Path) -> SqliteConnectOptions {
    connect::for_writing(path, true)
        .synchronous(SqliteSynchronous::Normal)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", "1000")
}

/// Opens the file if it belongs to this journal, in this revision; makes an empty one otherwise.
pub(super) async fn open(
    path: &Path,
    identity: &Identity,
    reading: &Reading,
) -> Result<(SqliteConnection, Checkpoint), sqlx::Error> {
    if path.exists()
        && let Ok(mut connection) = SqliteConnection::connect_with(&for_writing(path)).await
    {
        if let Some(checkpoint) = checkpoint(&mut connection, identity, reading).await {
            return Ok((connection, checkpoint));
        }
        connection.close().await?;
    }
    create(path, identity).await
}

/// Replaces the file by an empty one.
pub(super) async fn create(
    path: &Path,
    identity: &Identity,
) -> Result<(SqliteConnection, Checkpoint), sqlx::Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    let mut connection = SqliteConnection::connect_with(&for_writing(path)).await?;
    raw_sql(schema::SCHEMA).execute(&mut connection).await?;
    let checkpoint = Checkpoint { position: identity.base_position, hash: identity.base_hash };
    set_checkpoint(&mut connection, identity, checkpoint).await?;
    Ok((connection, checkpoint))
}

/// Moves the checkpoint, in the transaction that wrote what it stands for.
pub(super) async fn set_checkpoint(
    connection: &mut SqliteConnection,
    identity: &Identity,
    checkpoint: Checkpoint,
) -> Result<(), sqlx::Error> {
    let set = query(schema::SET_CHECKPOINT).bind(schema::REVISION).bind(identity.ledger.to_string());
    set.bind(checkpoint.position.0).bind(&checkpoint.hash[..]).execute(connection).await.map(drop)
}

/// The checkpoint, if it is one of this journal.
pub(super) async fn checkpoint(
    connection: &mut SqliteConnection,
    identity: &Identity,
    reading: &Reading,
) -> Option<Checkpoint> {
    let row: Option<(i64, String, i64, Vec<u8>)> =
        query_as(schema::CHECKPOINT).fetch_optional(connection).await.ok()?;
    let (revision, ledger, position, hash) = row?;
    matching(identity, reading, revision, &ledger, position, hash).await
}

async fn matching(
    identity: &Identity,
    reading: &Reading,
    revision: i64,
    ledger: &str,
    position: i64,
    hash: Vec<u8>,
) -> Option<Checkpoint> {
    let checkpoint = Checkpoint { position: Position(position), hash: hash.try_into().ok()? };
    let is_ours = revision == schema::REVISION && ledger == identity.ledger.to_string();
    let present = reading.hash_at(identity, checkpoint.position).await.ok()??;
    (is_ours && present == checkpoint.hash).then_some(checkpoint)
}

/// How the views stand to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewsState {
    /// There are none; the service makes them.
    Missing,
    /// They hold everything up to a position.
    At(Position),
    /// They are of another revision; the service rebuilds them.
    OtherRevision(i64),
    /// They are damaged, or belong to another journal; the service rebuilds them.
    Unusable,
}

/// How the views in `path` stand to the journal.
pub(crate) async fn state(path: &Path, identity: &Identity, reading: &Reading) -> ViewsState {
    if !path.exists() {
        return ViewsState::Missing;
    }
    read_state(path, identity, reading).await.unwrap_or(ViewsState::Unusable)
}

async fn read_state(path: &Path, identity: &Identity, reading: &Reading) -> Option<ViewsState> {
    let mut connection = SqliteConnection::connect_with(&connect::for_reading(path)).await.ok()?;
    let row: Option<(i64, String, i64, Vec<u8>)> =
        query_as(schema::CHECKPOINT).fetch_optional(&mut connection).await.ok()?;
    let (revision, ledger, position, hash) = row?;
    if revision != schema::REVISION {
        return Some(ViewsState::OtherRevision(revision));
    }
    let checkpoint = matching(identity, reading, revision, &ledger, position, hash).await?;
    Some(ViewsState::At(checkpoint.position))
}

/// The open messages as the views know them; empty if they are of no use.
pub(crate) async fn open_index(path: &Path, identity: &Identity, reading: &Reading) -> OpenIndex {
    read_open_index(path, identity, reading).await.unwrap_or_default()
}

async fn read_open_index(path: &Path, identity: &Identity, reading: &Reading) -> Option<OpenIndex> {
    if !path.exists() {
        return None;
    }
    let mut connection = SqliteConnection::connect_with(&connect::for_reading(path)).await.ok()?;
    type Row = (i64, String, i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);
    let rows: Vec<Row> = query_as(schema::OPEN).fetch_all(&mut connection).await.ok()?;
    let (revision, ledger, position, hash, ..) = rows.first()?.clone();
    let checkpoint = matching(identity, reading, revision, &ledger, position, hash).await?.position;
    let mut open = Vec::with_capacity(rows.len());
    for (.., position, id) in rows {
        if let (Some(position), Some(id)) = (position, id) {
            open.push((Position(position), MessageId::from_bytes(id.try_into().ok()?)));
        }
    }
    Some(OpenIndex { checkpoint, open })
}
