//! A scripted SMTP server: takes mail, or goes wrong at a chosen stage in a chosen way, and remembers everything.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use postledger_tests::sink::{Action, Rule, Script, Sink, Stage};
//! let sink = Sink::start(
//!     Script::default()
//!         .rule(Rule::at(Stage::Rcpt).recipient("ann@example.net").attempts(1..=1).then(Action::reply(451, "4.3.0 later")))
//!         .rule(Rule::at(Stage::Dot).recipient("bob@example.net").then(Action::Reset)),
//! )
//! .await?;
//! let log = sink.wait_for(|log| log.accepted() == 2).await?;
//! # Ok(()) }
//! ```

mod action;
mod certificate;
mod connection;
mod dialogue;
mod log;
mod message;
mod reader;
mod script;

pub use action::Action;
pub use certificate::{Authority, Certificate};
pub use log::{Connection, End, Keep, Log, Outcome, Sighting, Transaction};
pub(crate) use message::TOKEN_MARK;
pub use script::{Extensions, Rule, Script, Stage, Tls};

use anyhow::{Context as _, Result, bail};
use log::Journal;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How long [`Sink::wait_for`] waits before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the connections of one sink share.
struct Shared {
    script: RwLock<Arc<Script>>,
    journal: Journal,
}

/// A running SMTP server on loopback. Dropping it closes the port and resets nothing: connections are just closed.
pub struct Sink {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Sink {
    /// Starts a sink on a free port of 127.0.0.1, on the caller's runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(script: Script) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("the sink needs a port")?;
        let addr = listener.local_addr()?;
        let journal = Journal::new(script.keep, script.bytes);
        let shared = Arc::new(Shared { script: RwLock::new(Arc::new(script)), journal });
        let listening = Some(tokio::spawn(listen(listener, Arc::clone(&shared))));
        Ok(Self { addr, shared, listening })
    }

    /// Where it listens, also while it is down.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes the behaviour from the next command on, of open connections too. What is kept does not change.
    pub fn follow(&self, script: Script) {
        *self.shared.script.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(script);
    }

    /// Closes the port and every connection, as a host that went away would: connecting is refused until [`up`](Self::up).
    pub async fn down(&mut self) {
        if let Some(task) = self.listening.take() {
            task.abort();
            // The listener is closed once the task is gone; its end is an abort, which is what was asked for.
            let _aborted = task.await;
        }
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// When another process took the port meanwhile.
    pub async fn up(&mut self) -> Result<()> {
        if self.listening.is_none() {
            let listener = TcpListener::bind(self.addr).await.context("the sink's port was taken")?;
            self.listening = Some(tokio::spawn(listen(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    /// How long it has run: the clock of [`Transaction::at`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.journal.now()
    }

    /// The log as it is now, read in place: the sink waits while `read` runs.
    pub fn read<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        self.shared.journal.read(read)
    }

    /// A copy of the log as it is now.
    #[must_use]
    pub fn log(&self) -> Log {
        self.read(Log::clone)
    }

    /// Waits until `holds` is true of the log, asking again whenever something was logged, and returns the log.
    ///
    /// # Errors
    /// When it does not hold within 30 s; the error says what was logged until then.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn wait_for(&self, holds: impl FnMut(&Log) -> bool) -> Result<Log> {
        self.wait_for_within(PATIENCE, holds).await?;
        Ok(self.log())
    }

    /// As [`wait_for`](Self::wait_for) with another deadline, and without the copy.
    ///
    /// # Errors
    /// When it does not hold in time.
    pub async fn wait_for_within(&self, deadline: Duration, holds: impl FnMut(&Log) -> bool) -> Result<()> {
        if tokio::time::timeout(deadline, self.shared.journal.wait(holds)).await.is_err() {
            let summary = self.read(ToString::to_string);
            bail!("the sink did not see what was waited for within {deadline:?}; it saw {summary}");
        }
        Ok(())
    }

    /// Stops and hands out the log.
    pub async fn stop(mut self) -> Log {
        self.down().await;
        self.log()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(task) = self.listening.take() {
            task.abort();
        }
    }
}

/// Accepts until aborted; the connections live in its task set and end with it.
async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let id = shared.journal.opened(peer);
        connections.spawn(connection::serve(stream, id, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests;
