//! Reading a ledger without owning it: beside a running service, a stopped or a killed one, or a single file.

mod compare;
mod examine;
mod replay;
mod verify;

pub use compare::ViewsChecked;
pub use examine::Examined;
pub use replay::{Replayed, Until};
pub use verify::{Verified, VerifyError};

use crate::anchor::{Anchor, Mark};
use crate::connect;
use crate::fault::{OpenError, ReadError};
use crate::filesystem::DataDirectory;
use crate::identity::Identity;
use crate::queue::{OpenIndex, OpenScan};
use crate::read::Reading;
use crate::row::{EventRow, decode_all};
use crate::sql;
use crate::views::open_index;
use postledger_core::content::Content;
use postledger_core::event::Recorded;
use postledger_core::id::{Epoch, LedgerId, MessageId, Position, Stream};
use postledger_core::ledger::{LedgerHead, OpenMessage};
use postledger_core::time::Timestamp;
use sqlx::query;
use std::path::{Path, PathBuf};

/// Open messages held at a time.
const OPEN_PAGE: usize = 1024;

/// A ledger, open for reading alone. Takes no lock and never changes it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    /// `None` for a single file.
    directory: Option<DataDirectory>,
    anchor: Option<PathBuf>,
    identity: Identity,
    reading: Reading,
}

impl Reader {
    /// Opens a data directory (or a backup's), or a single ledger file.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is ever created.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_knowing(path, sql::FORMAT).await
    }

    /// With the newest format that is read.
    pub(crate) async fn open_knowing(path: &Path, known: i64) -> Result<Self, OpenError> {
        let directory = path.is_dir().then(|| DataDirectory(path.to_owned()));
        let file = directory.as_ref().map_or_else(|| path.to_owned(), DataDirectory::ledger);
        // What may not be looked at is not missing.
        if !file.try_exists().map_err(OpenError::io("cannot examine", &file))? {
            return Err(OpenError::Missing(file));
        }
        let reading = Reading { pool: connect::pool(&file) };
        let mut connection = reading.pool.acquire().await.map_err(OpenError::looking(&file))?;
        let identity = Identity::read(&mut connection, &file, known).await?;
        let identity = identity.ok_or_else(|| OpenError::Missing(file.clone()))?;
        drop(connection);
        let anchor = directory.as_ref().map(DataDirectory::anchor).filter(|anchor| anchor.exists());
        Ok(Self { path: file, directory, anchor, identity, reading })
    }

    /// With an anchor that lies elsewhere than in the data directory.
    #[must_use]
    pub fn with_anchor(mut self, anchor: PathBuf) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// Names the ledger.
    pub const fn id(&self) -> LedgerId {
        self.identity.ledger
    }

    /// The format of its file.
    pub const fn format(&self) -> i64 {
        self.identity.format
    }

    /// When the ledger was created.
    pub const fn created_at(&self) -> Timestamp {
        self.identity.created_at
    }

    /// Names the secret that the ledger was written with.
    pub fn secret_fingerprint(&self) -> &[u8] {
        &self.identity.secret_fingerprint
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal stands.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn head(&self) -> Result<LedgerHead, ReadError> {
        let head = |position, hash, epoch| LedgerHead { position, hash, epoch, is_writable: false };
        let Some(row) = query(sql::LAST).fetch_optional(&self.reading.pool).await? else {
            return Ok(head(self.identity.base_position, self.identity.base_hash, Epoch(0)));
        };
        let row = EventRow::read(&row)?;
        Ok(head(Position(row.header.position), row.hash, Epoch(row.header.epoch)))
    }

    /// The history of a message, in order; empty for an unknown one.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] names the first record that cannot be read.
    pub async fn history(&self, id: MessageId) -> Result<Vec<Recorded>, ReadError> {
        self.stream(Stream::Message(id)).await
    }

    /// The history of any stream, in order.
    ///
    /// # Errors
    /// As for [`Reader::history`].
    pub async fn stream(&self, stream: Stream) -> Result<Vec<Recorded>, ReadError> {
        self.reading.stream(stream).await
    }

    /// Every event of every key, in order.
    ///
    /// # Errors
    /// As for [`Reader::history`].
    pub async fn key_events(&self) -> Result<Vec<Recorded>, ReadError> {
        self.reading.keys().await
    }

    /// The content of a message; `None` once it is gone.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`] if it is not whole.
    pub async fn content(&self, id: MessageId) -> Result<Option<Content>, ReadError> {
        self.reading.content(id).await
    }

    /// The next events of the journal after a position, at most `limit`; empty at the end.
    ///
    /// # Errors
    /// As for [`Reader::history`].
    pub async fn page(&self, after: Position, limit: usize) -> Result<Vec<Recorded>, ReadError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(decode_all(&self.reading.page(after, limit).await?)?)
    }

    /// Shows `each` message with a delivery that has not ended, in order of acceptance. Holds a page of them at a time.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`]; a message with a damaged history is left out and logged.
    pub async fn open_messages(&self, mut each: impl FnMut(&OpenMessage)) -> Result<(), ReadError> {
        let index = match &self.directory {
            Some(directory) => open_index(&directory.views(), &self.identity, &self.reading).await,
            None => OpenIndex::default(),
        };
        let scan = OpenScan::begin(&self.reading, index).await?;
        let mut after = Position(0);
        loop {
            let page = scan.page(&self.reading, after, OPEN_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.position;
            page.iter().for_each(&mut each);
        }
    }

    /// Ends the connections. Dropping does it too, a moment later.
    pub async fn close(&self) {
        self.reading.pool.close().await;
    }

    fn mark(&self) -> Result<Option<Mark>, OpenError> {
        self.anchor.as_deref().map_or(Ok(None), Anchor::read)
    }
}
