//! From an older format of the ledger file to the present one.
//!
//! Format 1 is `sql::SCHEMA` for ever. Every later format is a [`Step`] from the one before it; a new ledger goes the
//! same way, so that it cannot differ from one that was migrated. Steps change how the ledger is kept, never what it
//! says: the triggers of the journal stay in force meanwhile.

use crate::anchor::Anchor;
use crate::backup::{self, BackupError, Manifest};
use crate::fault::OpenError;
use crate::filesystem::{DataDirectory, free_space, size_with_log};
use crate::identity::Identity;
use crate::ledger::{check_anchor, last};
use crate::reader::Verified;
use crate::writer::Journal;
use crate::{connect, sql};
use postledger_core::clock::Clock;
use postledger_core::id::Position;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, query, raw_sql};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// From one format to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// What it does, for the person who decides about it.
    pub what: &'static str,
    /// The statements, without a transaction of their own. Never edited once released.
    pub sql: &'static str,
}

/// From format 1 on, in order.
pub(crate) const STEPS: &[Step] = &[];

/// The newest format, which this program writes.
pub const FORMAT: i64 = newest(STEPS);

/// The format that those steps lead to.
#[expect(clippy::cast_possible_wrap, reason = "there is a step or two a year")]
pub(crate) const fn newest(steps: &[Step]) -> i64 {
    1 + steps.len() as i64
}

/// How a ledger is migrated.
pub struct MigrateOptions<'a> {
    /// The data directory.
    pub dir: &'a Path,
    /// Where the anchor lies; in the data directory unless given.
    pub anchor: Option<PathBuf>,
    /// The folder of the backup that is made first.
    pub backup: &'a Path,
    /// Recorded by the backup.
    pub program_version: &'a str,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl std::fmt::Debug for MigrateOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dir, backup, .. } = self;
        f.debug_struct("MigrateOptions").field("dir", dir).field("backup", backup).finish_non_exhaustive()
    }
}

/// What a migration did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The format before.
    pub from: i64,
    /// The format after; the same where nothing was to be done.
    pub to: i64,
    /// What was done, in order.
    pub steps: Vec<&'static str>,
    /// The last position; the events are the same before and after.
    pub position: Position,
    /// The steps alone, without copying and verifying.
    pub took: Duration,
    /// Bytes of the ledger before, its write-ahead log included.
    pub size_bytes: u64,
    /// Bytes that the steps needed beside that, at most, while they ran.
    pub extra_bytes: u64,
    /// The backup that was made first.
    pub backup: Option<Manifest>,
}

/// Migrates a copy of a data directory's ledger, made in `scratch` and removed again. The service may run, be
/// stopped, or have been killed; the ledger itself is only read.
///
/// # Errors
/// [`BackupError::NoRoom`] before anything is written; else what the migration itself would fail with.
pub async fn rehearse(dir: &Path, scratch: &Path) -> Result<Migrated, BackupError> {
    rehearse_by(STEPS, dir, scratch).await
}

pub(crate) async fn rehearse_by(steps: &[Step], dir: &Path, scratch: &Path) -> Result<Migrated, BackupError> {
    let source = existing(dir)?;
    let mut connection = SqliteConnection::connect_with(&connect::for_reading(&source)).await?;
    let identity = identity(&mut connection, &source, steps).await?;
    let position = last(&mut connection, &identity).await?.0;
    connection.close().await?;
    let size_bytes = size_with_log(&source);
    let mut rehearsed = Migrated::nothing(identity.format, position, size_bytes);
    if identity.format == newest(steps) {
        return Ok(rehearsed);
    }
    fs::create_dir_all(scratch).map_err(OpenError::io("cannot create", scratch))?;
    let free_bytes = free_space(scratch).map_err(OpenError::io("cannot examine", scratch))?;
    if free_bytes < size_bytes {
        return Err(BackupError::NoRoom { path: scratch.to_owned(), needed_bytes: size_bytes, free_bytes });
    }
    let room = tempfile::Builder::new().prefix(".rehearsal-").tempdir_in(scratch);
    let room = room.map_err(OpenError::io("cannot write to", scratch))?;
    let copy = DataDirectory(room.path().to_owned()).ledger();
    backup::copy(&source, &copy).await?;
    let before = backup::verified(&copy, newest(steps), &mut |_, _| {}).await?;
    rehearsed.apply(steps, &copy).await?;
    same(&before, &backup::verified(&copy, newest(steps), &mut |_, _| {}).await?)?;
    Ok(rehearsed)
}

/// Migrates the ledger of a data directory: takes the instance lock, compares the journal with its anchor, makes a
/// verified backup, carries out all steps in one transaction, and verifies the result. Durable on return. Does
/// nothing, not even a backup, where the format is the newest already.
///
/// # Errors
/// [`BackupError`]; the ledger is then of the old format, or of the new one should only its verification have failed.
///
/// # Cancel safety
/// A process that ends at any instant leaves the old format or the new one, never a mixture.
pub async fn migrate(options: MigrateOptions<'_>) -> Result<Migrated, BackupError> {
    migrate_by(STEPS, options).await
}

pub(crate) async fn migrate_by(steps: &[Step], options: MigrateOptions<'_>) -> Result<Migrated, BackupError> {
    let source = existing(options.dir)?;
    let directory = DataDirectory(options.dir.to_owned());
    let _lock = directory.lock()?;
    let anchor = options.anchor.clone().unwrap_or_else(|| directory.anchor());
    let mark = Anchor::read(&anchor)?;
    let mut connection = SqliteConnection::connect_with(&connect::for_reading(&source)).await?;
    let identity = identity(&mut connection, &source, steps).await?;
    let position = last(&mut connection, &identity).await?.0;
    check_anchor(&mut connection, &identity, &anchor, mark.as_ref(), position).await?;
    connection.close().await?;
    let mut migrated = Migrated::nothing(identity.format, position, size_with_log(&source));
    if identity.format == newest(steps) {
        return Ok(migrated);
    }
    let manifest =
        backup::create(options.dir, options.backup, options.program_version, options.clock, &mut |_, _| {})
            .await?;
    migrated.apply(steps, &source).await?;
    let after = backup::verified(&source, newest(steps), &mut |_, _| {}).await?;
    manifest.check_journal(&after)?;
    migrated.backup = Some(manifest);
    Ok(migrated)
}

/// Carries out what is still to be done, and records the format. In the caller's transaction.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    mut format: i64,
    steps: &[Step],
) -> Result<(), sqlx::Error> {
    for step in due(format, steps) {
        format += 1;
        raw_sql(step.sql).execute(&mut *connection).await?;
        query(sql::SET_FORMAT).bind(format).execute(&mut *connection).await?;
    }
    Ok(())
}

fn due(format: i64, steps: &[Step]) -> &[Step] {
    usize::try_from(format - 1).ok().and_then(|done| steps.get(done..)).unwrap_or_default()
}

impl Migrated {
    fn nothing(format: i64, position: Position, size_bytes: u64) -> Self {
        Self {
            from: format,
            to: format,
            steps: Vec::new(),
            position,
            took: Duration::ZERO,
            size_bytes,
            extra_bytes: 0,
            backup: None,
        }
    }

    /// All steps in one transaction, then the log copied back into the file.
    async fn apply(&mut self, steps: &[Step], path: &Path) -> Result<(), BackupError> {
        let before = size_with_log(path);
        let mut connection = Journal::connect(path, false).await?;
        connect::check(&mut connection).await?;
        let began = Instant::now();
        query(sql::BEGIN).execute(&mut connection).await?;
        if let Err(error) = apply(&mut connection, self.from, steps).await {
            let _ = query(sql::ROLLBACK).execute(&mut connection).await;
            return Err(error.into());
        }
        if let Err(error) = query(sql::COMMIT).execute(&mut connection).await {
            // Not closed: a log that is not known to be on the disk must not be copied back. The next start decides.
            std::mem::forget(connection);
            return Err(error.into());
        }
        // Before it is copied back, everything that was written stands in the log, beside the file as it was.
        let most = size_with_log(path);
        connection.close().await?;
        self.took = began.elapsed();
        let grown = size_with_log(path).saturating_sub(before);
        self.extra_bytes = most.saturating_sub(before) + grown;
        self.to = newest(steps);
        self.steps = due(self.from, steps).iter().map(|step| step.what).collect();
        Ok(())
    }
}

fn existing(dir: &Path) -> Result<PathBuf, OpenError> {
    let source = DataDirectory(dir.to_owned()).ledger();
    match source.try_exists() {
        Ok(true) => Ok(source),
        Ok(false) => Err(OpenError::Missing(source)),
        Err(error) => Err(OpenError::io("cannot examine", &source)(error)),
    }
}

async fn identity(
    connection: &mut SqliteConnection,
    path: &Path,
    steps: &[Step],
) -> Result<Identity, OpenError> {
    let identity = Identity::read(connection, path, newest(steps)).await?;
    identity.ok_or_else(|| OpenError::Missing(path.to_owned()))
}

fn same(before: &Verified, after: &Verified) -> Result<(), BackupError> {
    if before == after {
        return Ok(());
    }
    Err(BackupError::Differs("the journal is not the same after the steps".into()))
}
