//! A mailbox that catches all mail, for `dev` and `demo`: an SMTP server on this machine that delivers nowhere.
//!
//! It takes every recipient, but these local parts, whatever the domain:
//!
//! | local part begins with | what happens |
//! |---|---|
//! | `reject` | 550 5.1.1 to RCPT |
//! | `defer` | 450 4.2.0 to every other RCPT of the address, beginning with the first |
//! | `drop` | the mail is kept, and the connection closed after the dot without an answer |

mod magic;
mod session;
mod store;

pub(crate) use store::Caught;

use crate::mailbox::magic::Magic;
use crate::mailbox::store::Store;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Catches mail and keeps the last of it in memory: at most 1,000 messages and 64 MiB.
pub struct Mailbox {
    store: Mutex<Store>,
    magic: Mutex<Magic>,
}

/// More connections wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Mailbox {
    /// An empty mailbox.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { store: Mutex::default(), magic: Mutex::default() })
    }

    /// Serves SMTP until `shutdown`; sessions in progress are cut then.
    ///
    /// # Cancel safety
    /// Dropping it stops accepting; sessions in progress go on until `shutdown`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let sessions = TaskTracker::new();
        loop {
            let accepted = async { (places.clone().acquire_owned().await, listener.accept().await) };
            let (place, accepted) = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = accepted => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (mailbox, shutdown) = (self.clone(), shutdown.clone());
            sessions.spawn(async move {
                let _place = place;
                // Without it every reply would wait for the acknowledgement of the one before; it works all the same.
                let _ = stream.set_nodelay(true);
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    _ = mailbox.session(stream) => {}
                }
            });
        }
        sessions.close();
        sessions.wait().await;
    }

    /// Serves one client that is connected already, to its end.
    ///
    /// # Errors
    /// When the connection breaks, or the client is silent for five minutes.
    pub async fn session(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        session::run(self, stream).await
    }

    /// How many messages are kept.
    pub fn count(&self) -> usize {
        self.store().newest().len()
    }

    fn keep(&self, caught: Caught) {
        self.store().keep(caught);
    }

    /// The messages that are kept, newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Caught>> {
        self.store().newest()
    }

    /// The message of that number.
    pub(crate) fn message(&self, number: u64) -> Option<Arc<Caught>> {
        self.store().message(number)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn magic(&self) -> MutexGuard<'_, Magic> {
        self.magic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}
