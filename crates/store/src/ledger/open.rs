//! The steps of an opening, in an order in which a crash between any two of them loses nothing.

use super::{LedgerOptions, SqliteLedger, node_event, upkeep};
use crate::anchor::{Anchor, Mark};
use crate::chain::{self, Hash};
use crate::connect;
use crate::fault::OpenError;
use crate::filesystem::{DataDirectory, sync_parent};
use crate::identity::Identity;
use crate::migration::{self, Step};
use crate::read::Reading;
use crate::row::EventRow;
use crate::secret;
use crate::shared::Shared;
use crate::sql;
use crate::views;
use crate::writer::{Journal, Writer};
use postledger_core::event::NodeEvent;
use postledger_core::id::{Epoch, Hex, LedgerId, Position};
use postledger_core::secret::Secret;
use sqlx::sqlite::SqliteConnection;
use sqlx::{query, raw_sql};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Jobs that wait for the writer, at most.
const QUEUE: usize = 1024;
/// Rows in one read while the tail is checked.
const PAGE: i64 = 1000;

/// With the steps that lead to the newest format.
pub(crate) async fn open(options: LedgerOptions, steps: &[Step]) -> Result<Arc<SqliteLedger>, OpenError> {
    let directory = DataDirectory(options.dir.clone());
    directory.prepare()?;
    let lock = Arc::new(directory.lock()?);
    let anchor_path = options.anchor.clone().unwrap_or_else(|| directory.anchor());
    let mark = Anchor::read(&anchor_path)?;
    let path = directory.ledger();
    refuse_lost(&path, &anchor_path, mark.as_ref())?;

    let mut connection = connect_to(&path).await?;
    let (identity, secret) = identify(&mut connection, &directory, &options, mark.as_ref(), steps).await?;
    connect::check(&mut connection).await?;
    #[cfg(feature = "sabotage")]
    crate::sabotage::synchronous_normal(&mut connection).await?;
    let (position, hash, epoch) = last(&mut connection, &identity).await?;
    check_anchor(&mut connection, &identity, &anchor_path, mark.as_ref(), position).await?;
    check_tail(&mut connection, &identity, mark.map_or(Position(0), |mark| mark.position), position).await?;

    let mut journal =
        Journal { connection, ledger: identity.ledger, epoch: epoch.next_start(), position, hash };
    if let Err(error) = sync_log(&path) {
        journal.abandon();
        return Err(error);
    }
    // Before the first event: an anchor that is missing beside a journal that is not empty must always be wrong.
    let mut anchor = Anchor::create(&anchor_path, &journal.mark())?;
    if let Err(error) = query(sql::SWEEP_CHUNKS).execute(&mut journal.connection).await {
        journal.abandon();
        return Err(error.into());
    }
    let started = NodeEvent::Started { version: options.program_version };
    let (journal, _) = node_event(journal, started, &*options.clock, &*options.entropy).await?;
    let marked = anchor.write(&journal.mark()).and_then(|()| anchor.handle());
    let anchor_file = marked.map_err(OpenError::io("cannot write", &anchor_path))?;

    let shared = Arc::new(Shared::new(journal.position, journal.hash, journal.epoch));
    let gate = Arc::new(tokio::sync::Mutex::new(()));
    let mut tasks = JoinSet::new();
    let (queue, jobs) = mpsc::channel(QUEUE);
    tasks.spawn(upkeep::keep_anchor(anchor_file, directory.0.clone(), Arc::clone(&shared)));
    tasks.spawn(upkeep::keep_file(
        path.clone(),
        Arc::clone(&shared),
        Arc::clone(&gate),
        Arc::clone(&options.clock),
    ));
    let writer = Writer { journal, anchor, queue: jobs, shared: Arc::clone(&shared), gate };
    // The lock lives as long as the writer does, even if the ledger is dropped first.
    let held = (Arc::clone(&lock), Alive(Arc::clone(&shared)));
    let writer = tokio::spawn(async move {
        let end = writer.run().await;
        drop(held);
        end
    });
    let reading = Reading { pool: connect::pool(&path) };
    let (views, projection) =
        views::views(directory.views(), identity.clone(), reading.clone(), Arc::clone(&shared));
    tasks.spawn(projection.run());
    Ok(Arc::new(SqliteLedger {
        identity,
        directory,
        secret,
        clock: options.clock,
        entropy: options.entropy,
        shared,
        reading,
        views,
        queue: RwLock::new(Some(queue)),
        open_scan: Mutex::new(None),
        writer: Mutex::new(Some(writer)),
        tasks: Mutex::new(tasks),
        lock: Mutex::new(Some(lock)),
    }))
}

/// Without its writer the ledger is of no use: should the task panic, that is a failure, and it is told.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer broke off".into());
        }
    }
}

/// What was read may have got no further than the kernel: a process that was killed before its sync leaves it there.
/// It must be on the disk before the anchor vouches for it. The log carries no locks, so closing it drops none.
fn sync_log(ledger: &Path) -> Result<(), OpenError> {
    #[cfg(feature = "sabotage")]
    if crate::sabotage::makes("anchor_before_log") {
        return Ok(());
    }
    let mut log = ledger.as_os_str().to_owned();
    log.push("-wal");
    match fs::File::open(&log) {
        Ok(file) => file.sync_all().map_err(OpenError::io("cannot sync", Path::new(&log))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::io("cannot open", Path::new(&log))(error)),
    }
}

/// An anchor that has seen events beside a ledger file that is not there, or empty.
fn refuse_lost(path: &Path, anchor: &Path, mark: Option<&Mark>) -> Result<(), OpenError> {
    let is_empty = fs::metadata(path).map_or(true, |metadata| metadata.len() == 0);
    match mark {
        Some(mark) if is_empty && mark.position > Position(0) => Err(OpenError::Anchor(format!(
            "{} is missing or empty, but the anchor {} has seen ledger {} up to position {}. Put the ledger back, \
             or restore a backup into this directory with `postledger restore`",
            path.display(),
            anchor.display(),
            mark.ledger,
            mark.position
        ))),
        _ => Ok(()),
    }
}

async fn connect_to(path: &Path) -> Result<SqliteConnection, OpenError> {
    let connection = Journal::connect(path, true).await.map_err(OpenError::looking(path))?;
    let private = fs::set_permissions(path, Permissions::from_mode(0o600));
    private.map_err(OpenError::io("cannot restrict", path))?;
    Ok(connection)
}

/// The ledger's row and its secret, both new if the file is.
async fn identify(
    connection: &mut SqliteConnection,
    directory: &DataDirectory,
    options: &LedgerOptions,
    mark: Option<&Mark>,
    steps: &[Step],
) -> Result<(Identity, Secret), OpenError> {
    let (path, known) = (directory.secret(), migration::newest(steps));
    let secret = secret::read(&path)?;
    if let Some(identity) = Identity::read(connection, &directory.ledger(), known).await? {
        if identity.format < known {
            return Err(OpenError::OlderFormat { found: identity.format, known });
        }
        secret::check(&path, secret.as_ref(), &identity.secret_fingerprint)?;
        let secret = secret.ok_or_else(|| OpenError::Secret(format!("{} is missing", path.display())))?;
        return Ok((identity, secret));
    }
    if let Some(mark) = mark.filter(|mark| mark.position > Position(0)) {
        return Err(OpenError::Anchor(format!(
            "the ledger is empty, but its anchor has seen ledger {} up to position {}",
            mark.ledger, mark.position
        )));
    }
    let secret = match secret {
        Some(secret) => secret,
        None => secret::create(&path, &*options.entropy)?,
    };
    let (ledger, created_at) = (LedgerId(options.entropy.salt()), options.clock.now());
    let identity = Identity {
        ledger,
        created_at,
        format: known,
        base_position: Position(0),
        base_hash: chain::genesis(ledger, sql::JOURNAL, created_at),
        secret_fingerprint: secret.fingerprint().to_vec(),
    };
    query(sql::BEGIN).execute(&mut *connection).await?;
    raw_sql(sql::SCHEMA).execute(&mut *connection).await?;
    identity.insert(connection).await?;
    migration::apply(connection, 1, steps).await?;
    query(sql::COMMIT).execute(&mut *connection).await?;
    sync_parent(&directory.ledger())?;
    Ok((identity, secret))
}

/// Where the journal ends, and the epoch of its last event.
pub(crate) async fn last(
    connection: &mut SqliteConnection,
    identity: &Identity,
) -> Result<(Position, Hash, Epoch), OpenError> {
    let Some(row) = query(sql::LAST).fetch_optional(connection).await? else {
        return Ok((identity.base_position, identity.base_hash, Epoch(0)));
    };
    let row = EventRow::read(&row)?;
    Ok((Position(row.header.position), row.hash, Epoch(row.header.epoch)))
}

async fn hash_at(
    connection: &mut SqliteConnection,
    identity: &Identity,
    position: Position,
) -> Result<Option<Hash>, OpenError> {
    if position == identity.base_position {
        return Ok(Some(identity.base_hash));
    }
    let row = query(sql::EVENT_AT).bind(position.0).fetch_optional(connection).await?;
    Ok(row.as_ref().map(EventRow::read).transpose()?.map(|row| row.hash))
}

/// Compares the journal with what its anchor has seen.
pub(crate) async fn check_anchor(
    connection: &mut SqliteConnection,
    identity: &Identity,
    path: &Path,
    mark: Option<&Mark>,
    end: Position,
) -> Result<(), OpenError> {
    let Some(mark) = mark else {
        if end == identity.base_position {
            return Ok(());
        }
        return Err(OpenError::Anchor(format!(
            "the anchor {} is missing, and the journal has events up to position {end}: nothing tells whether it \
             is whole. Put the anchor back, or verify the ledger with `postledger audit verify` and compare its \
             last position with a backup's before you accept it",
            path.display()
        )));
    };
    let name = path.display();
    if (mark.ledger, mark.journal) != (identity.ledger, sql::JOURNAL) {
        return Err(OpenError::Anchor(format!(
            "the anchor {name} belongs to ledger {}, and this is ledger {}",
            mark.ledger, identity.ledger
        )));
    }
    match hash_at(connection, identity, mark.position).await? {
        Some(hash) if hash == mark.hash => Ok(()),
        Some(hash) => Err(OpenError::Anchor(format!(
            "the journal differs from its anchor {name} at position {}: hash {} where {} was acknowledged. This \
             is another copy of the ledger, or it was changed. Keep both files, and restore a backup",
            mark.position,
            Hex(&hash[..8]),
            Hex(&mark.hash[..8])
        ))),
        None => Err(OpenError::Anchor(format!(
            "the journal ends at position {end}, but its anchor {name} has seen position {}: {} acknowledged \
             events are missing. This is an older copy, or its end was lost. Keep both files; put the newer \
             ledger back, or restore a backup with `postledger restore`",
            mark.position,
            mark.position.0 - end.0
        ))),
    }
}

/// Recomputes the chain from the anchor on, and the last event's in any case.
pub(crate) async fn check_tail(
    connection: &mut SqliteConnection,
    identity: &Identity,
    anchored: Position,
    end: Position,
) -> Result<(), OpenError> {
    let mut position = anchored.min(Position(end.0 - 1)).max(identity.base_position);
    let Some(mut hash) = hash_at(connection, identity, position).await? else {
        let detail = "it is missing".to_owned();
        return Err(OpenError::Corrupt { position, stream: String::new(), detail });
    };
    while position < end {
        let rows = query(sql::PAGE).bind(position.0).bind(PAGE).fetch_all(&mut *connection).await?;
        for row in &rows {
            let row = EventRow::read(row)?;
            if row.header.position != position.0 + 1 || row.hash_after(&hash) != row.hash {
                return Err(row.corrupt("it does not follow from the event before it".into()).into());
            }
            (position, hash) = (Position(row.header.position), row.hash);
        }
        if rows.is_empty() {
            break;
        }
    }
    Ok(())
}
