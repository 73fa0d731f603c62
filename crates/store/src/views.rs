//! The views: query tables projected from the journal into a file of their own, for lists and search.
//!
//! They are not needed for mail to flow and may be deleted at any time. Their checkpoint names the event up to
//! which they stand for the journal; where it does not match, they are rebuilt.

mod check;
mod file;
mod project;
mod schema;
mod search;

pub(crate) use check::check;
pub use file::ViewsState;
pub(crate) use file::{open_index, state};

use crate::connect;
use crate::identity::Identity;
use crate::read::Reading;
use crate::shared::Shared;
use postledger_core::ledger::{MessagePage, MessageQuery, ViewsError};
use project::{Broken, Projector};
use sqlx::Connection;
use sqlx::sqlite::SqlitePool;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two passes: a pass over many events costs less than many passes over few.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two tries where the views' file makes trouble.
const RETRY: Duration = Duration::from_secs(5);

/// The reading side of the views.
#[derive(Debug)]
pub(crate) struct MessageViews {
    pool: SqlitePool,
    is_ready: Arc<AtomicBool>,
}

/// The writing side, to be run as a task.
#[derive(Debug)]
pub(crate) struct Projection {
    path: PathBuf,
    identity: Identity,
    reading: Reading,
    shared: Arc<Shared>,
    is_ready: Arc<AtomicBool>,
}

/// Both sides of the views in `path`.
pub(crate) fn views(
    path: PathBuf,
    identity: Identity,
    reading: Reading,
    shared: Arc<Shared>,
) -> (MessageViews, Projection) {
    let is_ready = Arc::new(AtomicBool::new(false));
    let pool = connect::pool(&path);
    let views = MessageViews { pool, is_ready: Arc::clone(&is_ready) };
    (views, Projection { path, identity, reading, shared, is_ready })
}

impl MessageViews {
    /// Answers a search, once the views have caught up after the start.
    pub(crate) async fn list(&self, query: &MessageQuery) -> Result<MessagePage, ViewsError> {
        if !self.is_ready.load(Ordering::Acquire) {
            return Err(ViewsError::Rebuilding);
        }
        search::search(&self.pool, query).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Projection {
    /// Follows the journal for as long as it is run. Trouble is logged, and the file made anew.
    pub(crate) async fn run(self) {
        loop {
            let Err(broken) = self.follow().await else { return };
            tracing::warn!(reason = %broken, "the views will be rebuilt");
            self.is_ready.store(false, Ordering::Release);
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = self.shared.ended() => return,
            }
            if let Broken::Views(_) = broken
                && let Err(error) = file::create(&self.path, &self.identity).await
            {
                tracing::warn!(reason = %error, "the views cannot be made anew");
            }
        }
    }

    async fn follow(&self) -> Result<(), Broken> {
        let mut projector =
            Projector::open(self.path.clone(), self.identity.clone(), self.reading.clone()).await?;
        let mut head = self.shared.watch_head();
        loop {
            let end = head.borrow_and_update().position;
            tokio::select! {
                advanced = projector.advance(end) => advanced?,
                () = self.shared.ended() => return Ok(()),
            }
            let lag = self.shared.head().position.0 - projector.checkpoint.position.0;
            #[expect(clippy::cast_precision_loss, reason = "a lag is small, and a metric is a float")]
            metrics::gauge!("postledger_view_lag_events").set(lag as f64);
            self.is_ready.store(true, Ordering::Release);
            let news = async {
                let _ = head.changed().await;
                tokio::time::sleep(PAUSE).await;
            };
            tokio::select! {
                () = news => {}
                () = self.shared.ended() => return Ok(projector.connection.close().await?),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
