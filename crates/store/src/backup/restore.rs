//! Restoring: a backup becomes a ledger again, under a new term, with every open delivery held.
//!
//! What the lost service sent after the backup is not known here, so nothing is sent again without an operator.
//! Everything happens in a file under a temporary name; the last step is its rename.

use super::{BackupError, Manifest, Progress, remove, remove_beside, remove_database, verified, verify};
use crate::anchor::Anchor;
use crate::fault::OpenError;
use crate::filesystem::{DataDirectory, partial, sync_parent, write_whole};
use crate::idempotency;
use crate::identity::Identity;
use crate::ledger::{last, node_event};
use crate::queue::{OpenIndex, OpenScan};
use crate::read::Reading;
use crate::writer::{Appending, Job, Journal};
use crate::{connect, migration, secret, sql};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::delivery::{Command, Given, Phase, apply, decide};
use postledger_core::event::{HoldReason, NodeEvent};
use postledger_core::id::{Epoch, Position};
use postledger_core::ledger::Append;
use postledger_core::message::Message;
use postledger_core::name::Actor;
use postledger_core::outcome::{Outcome, Trouble};
use postledger_core::time::Timestamp;
use sqlx::{Connection, query};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// Messages held in one transaction.
const PAGE: usize = 500;

/// How a backup is restored.
pub struct RestoreOptions<'a> {
    /// The backup's directory.
    pub backup: &'a Path,
    /// The data directory that shall hold it; it has no ledger yet.
    pub into: &'a Path,
    /// The secret's file, unless it already lies in `into`.
    pub secret: Option<&'a Path>,
    /// Where the anchor shall lie; in `into` unless given.
    pub anchor: Option<PathBuf>,
    /// Recorded by the events of the restore.
    pub program_version: &'a str,
    /// The time.
    pub clock: &'a dyn Clock,
    /// For salts.
    pub entropy: &'a dyn Entropy,
}

impl std::fmt::Debug for RestoreOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { backup, into, .. } = self;
        f.debug_struct("RestoreOptions").field("backup", backup).field("into", into).finish_non_exhaustive()
    }
}

/// A ledger that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// The end of the journal, after the events of the restore.
    pub position: Position,
    /// The new epoch: the next term.
    pub epoch: Epoch,
    /// Deliveries that were held, or whose open attempt became unknown.
    pub held: u64,
}

/// Restores a backup into a data directory without a ledger: verifies it whole, checks the secret, raises the
/// term, turns open attempts into unknown ones, holds every open delivery as `restored`, rebuilds the idempotency
/// table, and writes a new anchor. Durable on return; before that, there is no ledger in `into`.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(options: RestoreOptions<'_>, progress: Progress<'_>) -> Result<Restored, BackupError> {
    let into = DataDirectory(options.into.to_owned());
    let target = into.ledger();
    if target.exists() {
        return Err(BackupError::Exists(target));
    }
    let manifest = verify(options.backup, progress).await?;
    let secret_path = into.secret();
    let given = options.secret.unwrap_or(&secret_path);
    let secret = secret::read(given)?;
    secret::check(given, secret.as_ref(), &manifest.secret_fingerprint)?;
    into.prepare()?;
    let _lock = into.lock()?;

    let half = partial(&target);
    remove_database(&half)?;
    let backup = DataDirectory(options.backup.to_owned()).ledger();
    fs::copy(&backup, &half).map_err(OpenError::io("cannot copy", &backup))?;
    let (journal, held) = renew(&half, &options).await?;
    let mark = journal.mark();
    // The log is copied back and removed by the last connection, so that the file is whole by itself.
    journal.connection.close().await?;
    verified(&half, sql::FORMAT, progress).await?;
    // A reader leaves empty ones.
    remove_beside(&half)?;
    super::sync_file(&half)?;
    if given != secret_path {
        let bytes = fs::read(given).map_err(OpenError::io("cannot read", given))?;
        write_whole(&secret_path, &bytes, 0o600)?;
    }
    Anchor::create(&options.anchor.unwrap_or_else(|| into.anchor()), &mark)?;
    for stale in [into.views(), into.0.join("views.db-wal"), into.0.join("views.db-shm")] {
        remove(&stale)?;
    }
    fs::rename(&half, &target).map_err(OpenError::io("cannot rename", &half))?;
    sync_parent(&target)?;
    Ok(Restored { manifest, position: mark.position, epoch: mark.epoch, held })
}

/// Appends what a restore has to say.
async fn renew(half: &Path, options: &RestoreOptions<'_>) -> Result<(Journal, u64), BackupError> {
    let mut connection = Journal::connect(half, false).await?;
    connect::check(&mut connection).await?;
    let identity = Identity::read(&mut connection, half, sql::FORMAT).await?;
    let identity = identity.ok_or_else(|| OpenError::Missing(half.to_owned()))?;
    query(sql::BEGIN).execute(&mut connection).await?;
    migration::apply(&mut connection, identity.format, migration::STEPS).await?;
    query(sql::COMMIT).execute(&mut connection).await?;
    let (position, hash, epoch) = last(&mut connection, &identity).await?;
    let epoch = Epoch((epoch.term() + 1) << 32);
    let journal = Journal { connection, ledger: identity.ledger, epoch, position, hash };
    let started = NodeEvent::Started { version: options.program_version.to_owned() };
    let (mut journal, _) = node_event(journal, started, options.clock, options.entropy).await?;
    let reading = Reading { pool: connect::pool(half) };
    let held = hold_open(&mut journal, &reading, options).await;
    let rebuilt = idempotency::rebuild(&mut journal.connection, &reading).await;
    reading.pool.close().await;
    rebuilt.map_err(OpenError::from)?;
    Ok((journal, held?))
}

async fn hold_open(
    journal: &mut Journal,
    reading: &Reading,
    options: &RestoreOptions<'_>,
) -> Result<u64, BackupError> {
    let scan = OpenScan::begin(reading, OpenIndex::default()).await.map_err(OpenError::from)?;
    let (mut after, mut held) = (Position(0), 0);
    loop {
        let page = scan.page(reading, after, PAGE).await.map_err(OpenError::from)?;
        let Some(end) = page.last() else { return Ok(held) };
        after = end.position;
        let now = options.clock.now();
        let mut jobs = Vec::new();
        for open in &page {
            for append in holds(&open.message, now)? {
                let (reply, _) = oneshot::channel();
                jobs.push(Job::Append(Appending::new(append, options.entropy), reply));
            }
        }
        held += jobs.len() as u64;
        journal.commit(&jobs).await.map_err(|fault| BackupError::Hold(fault.to_string()))?;
    }
}

/// For each open delivery: an open attempt may have sent it, and what is not held yet is held.
fn holds(message: &Message, now: Timestamp) -> Result<Vec<Append>, BackupError> {
    let given = Given { now, jitter: 0.5 };
    let mut appends = Vec::new();
    for delivery in message.deliveries.iter().filter(|delivery| !delivery.state.phase.is_final()) {
        let ordinal = delivery.id.ordinal;
        let mut folded = delivery.state.clone();
        let mut events = Vec::new();
        let interrupted = Command::Conclude {
            attempt: folded.attempts,
            outcome: Outcome::Unknown(Trouble::Interrupted),
            another_relay: false,
        };
        let hold = Command::Hold(HoldReason::Restored, Actor::control());
        let is_sending = folded.phase == Phase::Sending;
        for command in is_sending.then_some(interrupted).into_iter().chain([hold]) {
            if folded.phase.is_final() {
                break;
            }
            let decided = decide(Some(&folded), command, &given);
            for event in decided.map_err(|refusal| BackupError::Hold(refusal.to_string()))? {
                let applied = apply(Some(folded), ordinal, now, &event);
                folded = applied.map_err(|illegal| BackupError::Hold(illegal.to_string()))?;
                events.push(event);
            }
        }
        if !events.is_empty() {
            appends.push(Append::to_delivery(message, ordinal, now, events));
        }
    }
    Ok(appends)
}
