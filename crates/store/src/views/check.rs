//! The views against a rebuild of them.

use super::project::{Broken, Projector};
use super::{file, schema};
use crate::connect;
use crate::fault::ReadError;
use crate::identity::Identity;
use crate::read::Reading;
use crate::reader::ViewsChecked;
use crate::sql;
use postledger_core::id::Position;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query, query_as, query_scalar};
use std::path::Path;

/// Differing messages that are named.
const EXAMPLES: usize = 20;
/// Events between two reports of progress.
const STEP: i64 = 20_000;

/// See [`crate::Reader::check_views`].
pub(crate) async fn check(
    path: &Path,
    identity: &Identity,
    reading: &Reading,
    progress: &mut dyn FnMut(Position),
) -> Result<ViewsChecked, ReadError> {
    if !path.exists() {
        return Ok(ViewsChecked::default());
    }
    let room = tempfile::tempdir().map_err(|error| ReadError::Unreadable(error.to_string()))?;
    let (copy, rebuilt) = (room.path().join("copy.db"), room.path().join("rebuilt.db"));
    let mut live = SqliteConnection::connect_with(&connect::for_reading(path)).await?;
    query(sql::VACUUM_INTO).bind(copy.to_string_lossy().into_owned()).execute(&mut live).await?;
    live.close().await?;
    let mut copied = SqliteConnection::connect_with(&connect::for_reading(&copy)).await?;
    let Some(checkpoint) = file::checkpoint(&mut copied, identity, reading).await else {
        return Ok(ViewsChecked::default());
    };
    let mut projector =
        Projector::open(rebuilt.clone(), identity.clone(), reading.clone()).await.map_err(unreadable)?;
    while projector.checkpoint.position < checkpoint.position {
        let step = Position(projector.checkpoint.position.0 + STEP).min(checkpoint.position);
        projector.advance(step).await.map_err(unreadable)?;
        progress(projector.checkpoint.position);
    }
    projector.connection.close().await?;
    query(schema::ATTACH).bind(rebuilt.to_string_lossy().into_owned()).execute(&mut copied).await?;
    compare(&mut copied, checkpoint.position).await
}

fn unreadable(broken: Broken) -> ReadError {
    match broken {
        Broken::Journal(error) => error,
        Broken::Views(error) => error.into(),
    }
}

async fn compare(connection: &mut SqliteConnection, position: Position) -> Result<ViewsChecked, ReadError> {
    let mut checked = ViewsChecked { position: Some(position), ..ViewsChecked::default() };
    for [rows, surplus, missing] in schema::COMPARISONS {
        let rows: i64 = query_scalar(rows).fetch_one(&mut *connection).await?;
        let surplus: Vec<(i64,)> = query_as(surplus).fetch_all(&mut *connection).await?;
        let missing: Vec<(i64,)> = query_as(missing).fetch_all(&mut *connection).await?;
        checked.same += u64::try_from(rows).unwrap_or(0).saturating_sub(surplus.len() as u64);
        checked.surplus += surplus.len() as u64;
        checked.missing += missing.len() as u64;
        checked.examples.extend(surplus.into_iter().chain(missing).map(|(position,)| Position(position)));
    }
    checked.examples.sort_unstable();
    checked.examples.dedup();
    checked.examples.truncate(EXAMPLES);
    Ok(checked)
}
