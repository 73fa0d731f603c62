//! What goes on beside the writer: the anchor's sync, the watch on free space, checkpoints.

use crate::connect;
use crate::fault::WriteFault;
use crate::filesystem::free_space;
use crate::shared::Shared;
use crate::sql;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query_as};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

/// Pages of log above which the writer pauses for one checkpoint, so that the log can begin anew.
const LONG_LOG: i64 = 16_384;

/// Syncs the anchor every second in which something was committed, and watches the reserve.
pub(super) async fn keep_anchor(anchor: File, directory: PathBuf, shared: Arc<Shared>) {
    let anchor = Arc::new(anchor);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.ended() => return,
        }
        watch_space(&directory, &shared);
        if !shared.is_anchor_ahead.swap(false, Ordering::AcqRel) {
            continue;
        }
        let file = Arc::clone(&anchor);
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        match synced {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return shared.fail(format!("the anchor cannot be synced: {error}")),
            Err(_) => return,
        }
    }
}

/// Refuses or accepts new messages by the space that is left.
pub(super) fn watch_space(directory: &Path, shared: &Shared) {
    let reserve_bytes = shared.reserve_bytes.load(Ordering::Acquire);
    let Ok(free) = free_space(directory) else { return };
    let is_low = free < reserve_bytes;
    if shared.is_low.swap(is_low, Ordering::AcqRel) != is_low {
        tracing::warn!(free_bytes = free, reserve_bytes, is_low, "free space crossed the reserve");
    }
}

/// Copies the log back into the database whenever it has grown by a bound, on a connection of its own.
pub(super) async fn keep_checkpoints(path: PathBuf, shared: Arc<Shared>, gate: Arc<Mutex<()>>) {
    let mut connection = match SqliteConnection::connect_with(&connect::for_writing(&path, false)).await {
        Ok(connection) => connection,
        Err(error) => return shared.fail(format!("no connection for checkpoints: {error}")),
    };
    loop {
        let pass = tokio::select! {
            () = shared.checkpoint.notified() => shorten(&mut connection, &gate).await,
            () = shared.erasure.notified() => empty(&mut connection, &gate, &shared).await,
            () = shared.ended() => break drop(connection.close().await),
        };
        match pass {
            Ok(()) => {}
            Err(error) if WriteFault::from_error(&error) == WriteFault::Busy => {}
            Err(error) => return shared.fail(format!("a checkpoint failed: {error}")),
        }
    }
}

async fn shorten(connection: &mut SqliteConnection, gate: &Mutex<()>) -> Result<(), sqlx::Error> {
    let (_, log, done) = checkpoint(connection, sql::CHECKPOINT).await?;
    if log > LONG_LOG && done < log {
        // Most of it is copied by now; what the writer added since takes a moment.
        let _pause = gate.lock().await;
        checkpoint(connection, sql::CHECKPOINT).await?;
    }
    Ok(())
}

/// What was erased must not live on in the log. A reader may hold the log for a page's time: then again.
async fn empty(
    connection: &mut SqliteConnection,
    gate: &Mutex<()>,
    shared: &Shared,
) -> Result<(), sqlx::Error> {
    let _pause = gate.lock().await;
    let (is_busy, _, _) = checkpoint(connection, sql::TRUNCATE).await?;
    if is_busy != 0 {
        shared.erasure.notify_one();
    }
    Ok(())
}

/// Whether it was kept from its end, pages in the log, pages copied back.
async fn checkpoint(
    connection: &mut SqliteConnection,
    kind: &'static str,
) -> Result<(i64, i64, i64), sqlx::Error> {
    query_as(kind).fetch_one(connection).await
}
