//! What can be told of a ledger in a moment: its end against its anchor, its size, and how far the views are.

use super::Reader;
use crate::anchor::Anchor;
use crate::fault::OpenError;
use crate::filesystem::{DataDirectory, size_with_log};
use crate::ledger::{check_anchor, check_tail, last};
use crate::views::{self, ViewsState};
use crate::{connect, secret};
use postledger_core::id::{Epoch, Position};
use postledger_core::time::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use std::fs;
use std::path::Path;

/// A ledger whose end is what its anchor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The format of its file.
    pub format: i64,
    /// The last position.
    pub position: Position,
    /// The epoch of the last event.
    pub epoch: Epoch,
    /// The time of the last event; `None` before the first.
    pub last_at: Option<Timestamp>,
    /// The position that the anchor vouches for; `None` where there is neither an anchor nor an event.
    pub anchored: Option<Position>,
    /// Bytes of the file without its log.
    pub size_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// The query tables.
    pub views: ViewsState,
}

impl Reader {
    /// Compares the journal's end with its anchor and recomputes the chain from there on, checks that the secret is
    /// the one it was written with, and looks at everything else that costs nothing. For the whole journal there is
    /// [`Reader::verify`].
    ///
    /// # Errors
    /// [`OpenError`], as an opening for writing would fail.
    pub async fn examine(&self) -> Result<Examined, OpenError> {
        let directory = self.directory.clone().unwrap_or_else(|| DataDirectory(self.path.clone()));
        let anchor = self.anchor.clone().unwrap_or_else(|| directory.anchor());
        // Read first: the journal is always at least as long as an anchor read before it.
        let mark = Anchor::read(&anchor)?;
        let mut connection = SqliteConnection::connect_with(&connect::for_reading(&self.path)).await?;
        let (position, _, epoch) = last(&mut connection, &self.identity).await?;
        check_anchor(&mut connection, &self.identity, &anchor, mark.as_ref(), position).await?;
        let anchored = mark.map(|mark| mark.position);
        check_tail(&mut connection, &self.identity, anchored.unwrap_or(Position(0)), position).await?;
        connection.close().await?;
        let path = directory.secret();
        secret::check(&path, secret::read(&path)?.as_ref(), &self.identity.secret_fingerprint)?;
        let last = self.page(Position(position.0 - 1), 1).await?;
        let size_bytes = fs::metadata(&self.path).map_or(0, |file| file.len());
        Ok(Examined {
            format: self.identity.format,
            position,
            epoch,
            last_at: last.first().map(|event| event.at),
            anchored,
            size_bytes,
            log_bytes: size_with_log(&self.path).saturating_sub(size_bytes),
            views: views::state(&directory.views(), &self.identity, &self.reading).await,
        })
    }

    /// Whether the anchor is there, wherever it lies.
    pub fn has_anchor(&self) -> bool {
        self.anchor.as_deref().is_some_and(Path::exists)
    }
}
