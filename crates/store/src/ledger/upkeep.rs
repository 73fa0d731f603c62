//! What goes on beside the writer: the anchor's sync, the watch on free space, checkpoints.

use crate::connect;
use crate::fault::WriteFault;
use crate::filesystem::free_space;
use crate::shared::Shared;
use crate::sql;
use postledger_core::clock::Clock;
use postledger_core::time::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query, query_as};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

/// Pages of log above which the writer pauses for one checkpoint, so that the log can begin anew.
const LONG_LOG: i64 = 16_384;

/// Between two sweeps of idempotency records; the first is at the start.
const SWEEP: Duration = Duration::from_secs(3600);
/// Between two tries to empty a log that somebody reads.
const AGAIN: Duration = Duration::from_millis(500);

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

/// Copies the log back into the database whenever it has grown by a bound, and sweeps idempotency records whose
/// time has passed, on a connection of its own.
pub(super) async fn keep_file(
    path: PathBuf,
    shared: Arc<Shared>,
    gate: Arc<Mutex<()>>,
    clock: Arc<dyn Clock>,
) {
    let mut connection = match impatient(&path).await {
        Ok(connection) => connection,
        Err(error) => return shared.fail(format!("no connection for checkpoints: {error}")),
    };
    let mut sweeps = interval(SWEEP);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let pass = tokio::select! {
            () = shared.checkpoint.notified() => shorten(&mut connection, &gate).await,
            () = shared.erasure.notified() => empty(&mut connection, &gate, &shared).await,
            _ = sweeps.tick() => sweep(&mut connection, &gate, clock.now()).await,
            () = shared.ended() => break drop(connection.close().await),
        };
        match pass.map_err(WriteFault::from) {
            Ok(()) | Err(WriteFault::Busy | WriteFault::Full) => {}
            Err(fault) => return shared.fail(format!("a checkpoint or a sweep failed: {fault}")),
        }
    }
}

/// It would hold the writer up while it waits for a reader, so once connected it does not wait.
async fn impatient(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&connect::for_writing(path, false)).await?;
    query(sql::DO_NOT_WAIT).execute(&mut connection).await?;
    Ok(connection)
}

async fn sweep(
    connection: &mut SqliteConnection,
    gate: &Mutex<()>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    loop {
        let _pause = gate.lock().await;
        let swept = query(sql::SWEEP_IDEMPOTENCY).bind(now.as_micros()).execute(&mut *connection).await?;
        if swept.rows_affected() == 0 {
            return Ok(());
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

/// What was erased must not live on in the log. A reader may hold the log for a while, a backup for longer.
async fn empty(
    connection: &mut SqliteConnection,
    gate: &Mutex<()>,
    shared: &Shared,
) -> Result<(), sqlx::Error> {
    loop {
        let pause = gate.lock().await;
        let (is_busy, _, _) = checkpoint(connection, sql::TRUNCATE).await?;
        drop(pause);
        if is_busy == 0 {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = shared.ended() => return Ok(()),
        }
    }
}

/// Whether it was kept from its end, pages in the log, pages copied back.
async fn checkpoint(
    connection: &mut SqliteConnection,
    kind: &'static str,
) -> Result<(i64, i64, i64), sqlx::Error> {
    query_as(kind).fetch_one(connection).await
}
