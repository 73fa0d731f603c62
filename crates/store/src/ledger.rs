//! The ledger in SQLite, as the other crates see it.

pub(crate) mod open;
pub(crate) mod submit;
mod upkeep;

pub(crate) use open::{check_anchor, check_tail, last};

use crate::anchor::Anchor;
use crate::fault::{OpenError, ReadError};
use crate::filesystem::{DataDirectory, free_space};
use crate::identity::Identity;
use crate::queue::OpenScan;
use crate::read::Reading;
use crate::shared::Shared;
use crate::views::{MessageViews, open_index};
use crate::writer::{Appending, Entry, Job, Journal};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::content::Content;
use postledger_core::event::{Event, NodeEvent, Recorded};
use postledger_core::id::{LedgerId, MessageId, Ordinal, Position, Stream};
use postledger_core::ledger::{
    Append, BoxFuture, Committed, Ledger, LedgerError, LedgerHead, MessagePage, MessageQuery, OpenMessage,
    Submission, Submitted, Subscriber, Views, ViewsError,
};
use postledger_core::name::Tenant;
use postledger_core::secret::Secret;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// How a ledger is opened.
pub struct LedgerOptions {
    /// The data directory.
    pub dir: PathBuf,
    /// Where the anchor lies; in the data directory unless given.
    pub anchor: Option<PathBuf>,
    /// Recorded by the start.
    pub program_version: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For salts, the secret and the ledger's id.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dir, anchor, .. } = self;
        f.debug_struct("LedgerOptions").field("dir", dir).field("anchor", anchor).finish_non_exhaustive()
    }
}

/// Ends with the journal for the last word, unless a write has failed.
type WriterTask = JoinHandle<Option<(Journal, Anchor)>>;

/// The ledger of a data directory, open for writing: one instance at a time.
///
/// Dropping it without [`SqliteLedger::close`] is what a crash is to the ledger: nothing acknowledged is lost.
pub struct SqliteLedger {
    identity: Identity,
    directory: DataDirectory,
    secret: Secret,
    clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    shared: Arc<Shared>,
    reading: Reading,
    views: MessageViews,
    queue: RwLock<Option<mpsc::Sender<Job>>>,
    open_scan: Mutex<Option<Arc<OpenScan>>>,
    writer: Mutex<Option<WriterTask>>,
    tasks: Mutex<JoinSet<()>>,
    lock: Mutex<Option<Arc<File>>>,
}

/// The orderly end did not come about; the next start finds what was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger was not closed in order: {0}")]
pub struct CloseError(String);

impl SqliteLedger {
    /// Opens the ledger of a data directory, and creates it where there is none. Takes the instance lock, checks
    /// what must hold, compares the journal with its anchor, and raises the epoch by a `Started`, durable on
    /// return. Starts the tasks that belong to it, on the current runtime.
    ///
    /// # Errors
    /// [`OpenError`]: nothing was changed, but for a ledger that was new.
    ///
    /// # Cancel safety
    /// Not to be dropped halfway in a process that goes on: the start may or may not be recorded.
    pub async fn open(options: LedgerOptions) -> Result<Arc<Self>, OpenError> {
        open::open(options, crate::migration::STEPS).await
    }

    /// Names the ledger.
    pub const fn id(&self) -> LedgerId {
        self.identity.ledger
    }

    /// Keys digests and tokens.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Resolves with the reason once a write or a sync has failed for good: the process must stop, within a
    /// second, and its next start will find what was acknowledged.
    pub async fn failed(&self) -> String {
        self.shared.failed().await
    }

    /// Free space in bytes below which nothing new is accepted; what became of attempts is still recorded. 64 MiB
    /// unless set. Looked at every second, and now.
    pub fn set_reserve(&self, bytes: u64) {
        self.shared.reserve_bytes.store(bytes, Ordering::Release);
        upkeep::watch_space(&self.directory.0, &self.shared);
    }

    /// Bytes that may still be written to the filesystem of the data directory.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn free_space(&self) -> std::io::Result<u64> {
        free_space(&self.directory.0)
    }

    /// Commits what stands in the queue, records the orderly stop, syncs the anchor, and ends the tasks. Further
    /// writes are refused. A second call does nothing.
    ///
    /// # Errors
    /// [`CloseError`] if the stop could not be recorded.
    pub async fn close(&self) -> Result<(), CloseError> {
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        // Let go at the end, whichever it is.
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        let close = |error: &dyn std::fmt::Display| CloseError(error.to_string());
        let end = writer.await.map_err(|error| close(&error))?;
        self.shared.end();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
        let (journal, mut anchor) = end.ok_or_else(|| CloseError("a write had failed".into()))?;
        let stopped = node_event(journal, NodeEvent::Stopped, &*self.clock, &*self.entropy).await;
        let (journal, committed) = stopped.map_err(|error| close(&error))?;
        let marked = anchor.write(&journal.mark()).and_then(|()| anchor.handle()?.sync_all());
        marked.map_err(|error| close(&error))?;
        self.shared.committed(journal.position, journal.hash, 0, committed);
        self.views.close().await;
        self.reading.pool.close().await;
        sqlx::Connection::close(journal.connection).await.map_err(|error| close(&error))?;
        Ok(())
    }

    /// A pass that begins at the front looks at the views once; the pages after it go on from there.
    async fn open_scan(&self, after: Position) -> Result<Arc<OpenScan>, ReadError> {
        let present = self.open_scan.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(scan) = present.filter(|_| after > Position(0)) {
            return Ok(scan);
        }
        let index = open_index(&self.directory.views(), &self.identity, &self.reading).await;
        let scan = Arc::new(OpenScan::begin(&self.reading, index).await?);
        *self.open_scan.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&scan));
        Ok(scan)
    }

    pub(crate) fn queue(&self) -> Result<mpsc::Sender<Job>, LedgerError> {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        queue.clone().filter(|_| self.shared.is_writable()).ok_or(LedgerError::Stopped)
    }
}

/// Appends an event of the service itself, before or after the writer's task. A journal whose write failed is
/// abandoned.
pub(crate) async fn node_event(
    mut journal: Journal,
    event: NodeEvent,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(Journal, Committed), OpenError> {
    let version: Option<i64> =
        sqlx::query_scalar(crate::sql::NODE_VERSION).fetch_one(&mut journal.connection).await?;
    let version = u32::try_from(version.unwrap_or(0)).unwrap_or(u32::MAX - 1);
    let (reply, _) = oneshot::channel();
    let append = Appending {
        stream: Stream::Node,
        tenant: Tenant::default_tenant(),
        at: clock.now(),
        message_version: None,
        entries: vec![Entry::new(Ordinal::MESSAGE, version, Event::Node(event), entropy)],
    };
    let jobs = [Job::Append(append, reply)];
    match journal.commit(&jobs).await {
        Ok(batch) => Ok((journal, batch.committed)),
        Err(fault) => {
            journal.abandon();
            Err(OpenError::Append(fault.to_string()))
        }
    }
}

impl Ledger for SqliteLedger {
    fn submit(&self, submissions: Vec<Submission>) -> BoxFuture<'_, Result<Vec<Submitted>, LedgerError>> {
        Box::pin(async move {
            if self.shared.is_low.load(Ordering::Acquire) {
                return Err(LedgerError::Full);
            }
            #[cfg(feature = "sabotage")]
            if let Some(answers) = crate::sabotage::answer_before_commit(self, &submissions)? {
                return Ok(answers);
            }
            submit::submit(self.queue()?, submissions, Arc::clone(&self.entropy)).await
        })
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        Box::pin(async move {
            let queue = self.queue()?;
            let (reply, answer) = oneshot::channel();
            let job = Job::Append(Appending::new(append, &*self.entropy), reply);
            queue.send(job).await.map_err(|_| LedgerError::Stopped)?;
            drop(queue);
            // The writer is gone, and took the job along.
            answer.await.map_err(|_| LedgerError::Undecided)?
        })
    }

    fn histories(&self, ids: Vec<MessageId>) -> BoxFuture<'_, Result<Vec<Vec<Recorded>>, LedgerError>> {
        Box::pin(async move {
            let found = self.reading.histories(&ids, Position(i64::MAX)).await?;
            let history = |id| match found.get(id) {
                Some(Ok(history)) => Ok(history.clone()),
                Some(Err(corrupt)) => Err(ReadError::from(corrupt.clone()).into()),
                None => Ok(Vec::new()),
            };
            ids.iter().map(history).collect()
        })
    }

    fn content(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, LedgerError>> {
        Box::pin(async move { Ok(self.reading.content(id).await?) })
    }

    fn key_events(&self) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        Box::pin(async move { Ok(self.reading.keys().await?) })
    }

    fn open_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OpenMessage>, LedgerError>> {
        Box::pin(async move {
            let scan = self.open_scan(after).await?;
            let page = scan.page(&self.reading, after, limit).await?;
            if page.is_empty() {
                *self.open_scan.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Ok(page)
        })
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.shared.subscribe(subscriber);
    }

    fn head(&self) -> LedgerHead {
        self.shared.head()
    }
}

impl Views for SqliteLedger {
    fn list(&self, query: MessageQuery) -> BoxFuture<'_, Result<MessagePage, ViewsError>> {
        Box::pin(async move { self.views.list(&query).await })
    }
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteLedger({}, {:?})", self.id(), self.head())
    }
}
