//! A ledger in a fresh directory, with a clock and chance that repeat.

use crate::{LedgerOptions, OpenError, SqliteLedger};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::conformance::{command, deliver, keyed, submission};
use postledger_core::delivery::Command;
use postledger_core::event::{Event, HoldReason, MailEvent};
use postledger_core::id::{MessageId, Ordinal, Stream};
use postledger_core::ledger::{Append, Change, Ledger, MessageQuery, Views, ViewsError};
use postledger_core::message::Message;
use postledger_core::name::Actor;
use postledger_core::outcome::Outcome;
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A second later at each look.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicI64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_796_115_600)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed) * 1_000_000)
    }
}

/// The same bytes in each run.
#[derive(Debug)]
pub(crate) struct Counting(AtomicU64);

impl Counting {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1)))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        blake3::Hasher::new().update(&count.to_le_bytes()).finalize_xof().fill(bytes);
    }
}

pub(crate) fn options(dir: &Path) -> LedgerOptions {
    LedgerOptions {
        dir: dir.to_owned(),
        anchor: None,
        program_version: "0.0.0-test".into(),
        clock: Ticking::new(),
        entropy: Counting::new(),
    }
}

pub(crate) async fn open(dir: &Path) -> Result<Arc<SqliteLedger>, OpenError> {
    SqliteLedger::open(options(dir)).await
}

/// A runtime whose end is a crash: every task is dropped where it stands, nothing is closed.
pub(crate) fn until_crash<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(work)
}

/// A ledger with messages in every state: delivered, cancelled, held, open, in flight; one with two recipients.
pub(crate) async fn lively(ledger: &Arc<SqliteLedger>) {
    let port = Arc::clone(ledger) as Arc<dyn Ledger>;
    let mut all: Vec<_> = (1..=8).map(|n| submission(n, 1 + u16::from(n == 7))).collect();
    all[4] = keyed(all[4].clone(), 9, 9);
    let ids: Vec<_> = all.iter().map(|submission| submission.id).collect();
    ledger.submit(all).await.unwrap();
    deliver(&port, ids[0], 1).await.unwrap();
    deliver(&port, ids[1], 1).await.unwrap();
    command(&port, ids[2], 1, Command::Cancel(Actor::control())).await.unwrap();
    command(&port, ids[3], 1, Command::Hold(HoldReason::Operator, Actor::control())).await.unwrap();
    let relay = || "primary".parse().unwrap();
    command(&port, ids[5], 1, Command::Begin { relay: relay(), head: None }).await.unwrap();
    deliver(&port, ids[6], 2).await.unwrap();
    command(&port, ids[7], 1, Command::Begin { relay: relay(), head: None }).await.unwrap();
    let refused = Outcome::Permanent(Reply { code: 550, enhanced: None, text: "no r8@example.net".into() });
    let conclude = Command::Conclude { attempt: 1, outcome: refused, another_relay: false };
    command(&port, ids[7], 1, conclude).await.unwrap();
}

/// A message-wide event, such as an erasure.
pub(crate) async fn of_message(ledger: &Arc<SqliteLedger>, id: MessageId, event: MailEvent) {
    let history = ledger.histories(vec![id]).await.unwrap().remove(0);
    let message = Message::fold(&history).unwrap().unwrap();
    let changes = Change::run(Ordinal::MESSAGE, message.version, [Event::Mail(event)]);
    let append = Append {
        stream: Stream::Message(id),
        tenant: message.tenant,
        at: message.created_at,
        message_version: Some(message.version),
        changes,
    };
    ledger.append(append).await.unwrap();
}

/// Waits until the views answer.
pub(crate) async fn list(ledger: &Arc<SqliteLedger>, query: &MessageQuery) -> Vec<MessageId> {
    loop {
        match ledger.list(query.clone()).await {
            Ok(page) => return page.ids,
            Err(ViewsError::Rebuilding) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Everything, newest first.
pub(crate) fn everything() -> MessageQuery {
    MessageQuery {
        tenant: None,
        status: None,
        recipient: None,
        tag: None,
        priority: None,
        created_before: None,
        created_after: None,
        now: Timestamp::from_micros(1_796_115_700_000_000),
        before: None,
        limit: 100,
    }
}

/// A connection that does what no program should.
pub(crate) async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    SqliteConnection::connect_with(&options).await.unwrap()
}
