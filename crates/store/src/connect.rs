//! Connections to the ledger's file and what must hold of every one of them.

use crate::fault::OpenError;
use crate::sql;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, query_scalar};
use std::path::Path;
use std::time::Duration;

/// Up to 3.51.2 a second checkpointer in one process can corrupt a database in WAL mode.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// `PRAGMA synchronous` for FULL: a commit is synced before it is answered.
const FULL: i64 = 2;

/// Connections for reading, at most.
const READERS: u32 = 3;

fn options(path: &Path) -> SqliteConnectOptions {
    // Statements carry no values, but neither are they worth a line each.
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(128)
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

/// For writing. `page_size` and `auto_vacuum` are for a new file only, where they must come before WAL: on one that has
/// something in it `auto_vacuum` would be a write, and opening must change nothing before it is known what is there.
/// Checkpoints run elsewhere; macOS syncs for real only with `fullfsync`.
pub(crate) fn for_writing(path: &Path, create: bool) -> SqliteConnectOptions {
    let is_new = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    let options = options(path).create_if_missing(create);
    let options =
        if is_new { options.page_size(4096).auto_vacuum(SqliteAutoVacuum::Incremental) } else { options };
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
        .pragma("cache_size", "-8192")
}

/// For reading, also beside a running service or after a killed one.
pub(crate) fn for_reading(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true)
}

/// A small pool of connections for reading.
pub(crate) fn pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(for_reading(path))
}

/// The SQLite that this program carries or was linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sqlite {
    /// Such as 3.51.3.
    pub version: String,
    /// Whether it is new enough to be trusted with a ledger.
    pub is_sound: bool,
}

/// Asks it for its version.
///
/// # Errors
/// [`OpenError::Unreadable`] if it cannot even open a database in memory.
pub async fn sqlite() -> Result<Sqlite, OpenError> {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().in_memory(true)).await?;
    version(&mut connection).await
}

async fn version(connection: &mut SqliteConnection) -> Result<Sqlite, OpenError> {
    let version: String = query_scalar(sql::VERSION).fetch_one(connection).await?;
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let is_sound = (next(), next(), next()) >= OLDEST_SQLITE;
    Ok(Sqlite { version, is_sound })
}

/// Refuses an SQLite that is too old, or one that would not sync its commits.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let sqlite = version(connection).await?;
    if !sqlite.is_sound {
        return Err(OpenError::OldSqlite(sqlite.version));
    }
    let synchronous: i64 = query_scalar(sql::SYNCHRONOUS).fetch_one(&mut *connection).await?;
    let journal_mode: String = query_scalar(sql::JOURNAL_MODE).fetch_one(&mut *connection).await?;
    if synchronous != FULL || journal_mode != "wal" {
        return Err(OpenError::NotDurable { synchronous, journal_mode });
    }
    Ok(())
}
