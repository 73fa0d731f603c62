//! What a sink remembers, and how tests wait for it.

use super::script::Stage;
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is kept of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its bytes, its digest, and every stage that was passed.
    Message,
    /// Its size, its digest and its names.
    Digest,
    /// Its size and its names.
    Count,
}

/// How a transaction ended, from the sink's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A complete 2yz to the dot.
    Accepted,
    /// A complete 4yz or 5yz to the dot.
    Refused(u16),
    /// Anything else: the message is here, and its sender can not know.
    Unclear,
}

/// One message that came to its dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// When the dot was read, since the sink's start.
    pub at: Duration,
    /// The connection, from 1.
    pub connection: u64,
    /// The reverse path, without brackets.
    pub from: Box<str>,
    /// What stood behind the reverse path (`BODY=8BITMIME SMTPUTF8`).
    pub parameters: Box<str>,
    /// Accepted forward paths, without brackets, in order.
    pub recipients: Vec<Box<str>>,
    /// Of the message without dot stuffing, in bytes.
    pub size: usize,
    /// BLAKE3 of the message without dot stuffing; zeros where only counts are kept.
    pub digest: [u8; 32],
    /// The message without dot stuffing, where it is kept.
    pub message: Option<Bytes>,
    /// The Message-ID header field's value.
    pub message_id: Option<Box<str>>,
    /// The unique token that the load generator gave it.
    pub token: Option<Box<str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the reply to the dot was handed to the socket in full.
    pub written: bool,
    /// Whether it came under TLS.
    pub tls: bool,
}

impl Transaction {
    /// Whether its sender was told of success: a complete 2yz, fully written.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.outcome == Outcome::Accepted && self.written
    }

    /// Whether the recipient may have a copy: everything but a refusal.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused(_))
    }
}

/// One pass of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Since the sink's start.
    pub at: Duration,
    /// The connection, from 1.
    pub connection: u64,
    /// The stage.
    pub stage: Stage,
    /// From RCPT on: whose, in lower case.
    pub recipient: Option<Box<str>>,
    /// From RCPT on: the how many-th RCPT of that address; before: the how many-th pass of the stage.
    pub attempt: u32,
    /// Whether it was under TLS.
    pub tls: bool,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// QUIT was answered.
    Quit,
    /// The peer closed it.
    PeerClosed,
    /// The peer reset it, or it broke.
    Broken(String),
    /// TLS was not agreed on.
    TlsFailed(String),
    /// The script closed it.
    Closed,
    /// The script reset it.
    Reset,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// From 1.
    pub id: u64,
    /// The other side.
    pub peer: SocketAddr,
    /// Whether TLS was agreed on.
    pub tls: bool,
    /// The name that AUTH gave, whether or not it was let in.
    pub login: Option<String>,
    /// How it ended; `None` while it is open, and when the sink went down under it.
    pub end: Option<End>,
    /// Every byte read, decrypted, where bytes are kept.
    pub received: Vec<u8>,
    /// Every byte written, before encryption, where bytes are kept.
    pub sent: Vec<u8>,
}

/// What a sink remembers.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In the order of their dots.
    pub transactions: Vec<Transaction>,
    /// In the order they were opened.
    pub connections: Vec<Connection>,
    /// In order; empty unless messages are kept.
    pub sightings: Vec<Sighting>,
    /// Connections that were open at the same time, at most. One that was open when the sink went down counts as open.
    pub most_open: usize,
    accepted: usize,
    passes: [u32; Stage::COUNT],
    attempts: HashMap<Box<str>, u32>,
}

impl Log {
    /// How many transactions were answered with a complete 2yz.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// How often a stage was passed; 0 in a fast sink.
    #[must_use]
    pub fn passes(&self, stage: Stage) -> u32 {
        self.passes[stage as usize]
    }

    /// The transactions of one forward path, in any case.
    pub fn of<'a>(&'a self, recipient: &'a str) -> impl Iterator<Item = &'a Transaction> {
        self.transactions
            .iter()
            .filter(move |it| it.recipients.iter().any(|to| to.eq_ignore_ascii_case(recipient)))
    }

    /// How many connections have ended.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.connections.iter().filter(|it| it.end.is_some()).count()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.connections.iter().filter(|it| it.end.is_none()).count()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.transactions.iter().filter(|it| !it.is_copy()).count();
        let (all, connections) = (self.transactions.len(), self.connections.len());
        write!(
            f,
            "{connections} connections, {all} transactions, {} accepted, {refused} refused",
            self.accepted
        )
    }
}

/// A [`Log`] that is written by many and waited for by many.
pub(super) struct Journal {
    log: Mutex<Log>,
    changed: Notify,
    start: Instant,
    pub(super) keep: Keep,
    pub(super) bytes: bool,
}

impl Journal {
    pub(super) fn new(keep: Keep, bytes: bool) -> Self {
        Self { log: Mutex::default(), changed: Notify::new(), start: Instant::now(), keep, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.lock())
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns once `holds`. The order matters: who waits is listed before it looks, so that no change slips between.
    pub(super) async fn wait(&self, mut holds: impl FnMut(&Log) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn write<T>(&self, write: impl FnOnce(&mut Log) -> T) -> T {
        let result = write(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    pub(super) fn opened(&self, peer: SocketAddr) -> u64 {
        self.write(|log| {
            let id = log.connections.len() as u64 + 1;
            let (received, sent) = (Vec::new(), Vec::new());
            log.connections.push(Connection { id, peer, tls: false, login: None, end: None, received, sent });
            log.most_open = log.most_open.max(log.open());
            id
        })
    }

    pub(super) fn on(&self, connection: u64, write: impl FnOnce(&mut Connection)) {
        self.write(|log| log.connections.iter_mut().rev().find(|it| it.id == connection).map(write));
    }

    /// Counts a pass; returns the attempt it belongs to.
    pub(super) fn pass(&self, stage: Stage, connection: u64, recipient: Option<&str>, tls: bool) -> u32 {
        let at = self.now();
        self.write(|log| {
            log.passes[stage as usize] += 1;
            let attempt = match recipient {
                Some(recipient) => {
                    let count = log.attempts.entry(recipient.into()).or_default();
                    if stage == Stage::Rcpt {
                        *count += 1;
                    }
                    *count
                }
                None => log.passes[stage as usize],
            };
            if self.keep == Keep::Message {
                let recipient = recipient.map(Into::into);
                log.sightings.push(Sighting { at, connection, stage, recipient, attempt, tls });
            }
            attempt
        })
    }

    /// Records a transaction whose reply is still to be written; returns its place.
    pub(super) fn came(&self, transaction: Transaction) -> usize {
        self.write(|log| {
            log.transactions.push(transaction);
            log.transactions.len() - 1
        })
    }

    /// Records that the replies to these dots were written.
    pub(super) fn answered(&self, places: &[usize]) {
        self.write(|log| {
            for place in places {
                let transaction = &mut log.transactions[*place];
                transaction.written = true;
                log.accepted += usize::from(transaction.outcome == Outcome::Accepted);
            }
        });
    }
}
