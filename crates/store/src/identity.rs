//! The one row that names a ledger.

use crate::chain::Hash;
use crate::fault::OpenError;
use crate::sql;
use postledger_core::id::{LedgerId, Position};
use postledger_core::time::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{query, query_as, query_scalar};
use std::path::Path;

/// Fixed when the ledger is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub ledger: LedgerId,
    pub created_at: Timestamp,
    /// Of the file.
    pub format: i64,
    /// The position before the first event that this file holds.
    pub base_position: Position,
    /// The hash there.
    pub base_hash: Hash,
    pub secret_fingerprint: Vec<u8>,
}

impl Identity {
    /// Reads it; `None` in an empty database. A format after `known` is refused.
    pub(crate) async fn read(
        connection: &mut SqliteConnection,
        path: &Path,
        known: i64,
    ) -> Result<Option<Self>, OpenError> {
        let wrong = |detail: &str| OpenError::NotALedger { path: path.to_owned(), detail: detail.to_owned() };
        let unreadable = OpenError::looking(path);
        let counted = query_as(sql::HAS_LEDGER).fetch_one(&mut *connection).await;
        let (tables, ledgers): (i64, i64) = counted.map_err(&unreadable)?;
        if tables == 0 {
            return Ok(None);
        }
        if ledgers == 0 {
            return Err(wrong("it is a database of something else"));
        }
        // A newer format may have other columns: ask for this one alone first.
        let format =
            query_scalar(sql::FORMAT_OF).fetch_optional(&mut *connection).await.map_err(&unreadable)?;
        let format: i64 = format.ok_or_else(|| wrong("it has no name"))?;
        if format > known {
            return Err(OpenError::NewerFormat { found: format, known });
        }
        if format < 1 {
            return Err(wrong("its format is none"));
        }
        let row: (String, i64, i64, i64, Vec<u8>, Vec<u8>) =
            query_as(sql::LEDGER).fetch_one(&mut *connection).await.map_err(unreadable)?;
        let (ledger, journal, created_at_us, base_position, base_hash, secret_fingerprint) = row;
        if journal != sql::JOURNAL {
            return Err(wrong("it holds another journal than 1"));
        }
        Ok(Some(Self {
            ledger: ledger.parse().map_err(|_| wrong("its id is none"))?,
            created_at: Timestamp::from_micros(created_at_us),
            format,
            base_position: Position(base_position),
            base_hash: base_hash.try_into().map_err(|_| wrong("its first hash is none"))?,
            secret_fingerprint,
        }))
    }

    /// Writes it into a new database, of format 1.
    pub(crate) async fn insert(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        query(sql::INSERT_LEDGER)
            .bind(self.ledger.to_string())
            .bind(sql::JOURNAL)
            .bind(self.created_at.as_micros())
            .bind(self.base_position.0)
            .bind(&self.base_hash[..])
            .bind(&self.secret_fingerprint[..])
            .execute(connection)
            .await
            .map(drop)
    }
}
