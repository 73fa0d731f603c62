//! Connections that wait for their next transaction, last used first.

use crate::transport::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Servers close sooner or later; five minutes is what they should grant (RFC 5321 4.5.3.2.7).
const MAX_IDLE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Pool {
    pub(crate) fn take(&self) -> Option<Connection> {
        self.idle().pop().map(|(_, connection)| connection)
    }

    pub(crate) fn put(&self, connection: Connection) {
        self.idle().push((Instant::now(), connection));
    }

    pub(crate) fn len(&self) -> usize {
        self.idle().len()
    }

    /// Those that waited too long, to be closed.
    pub(crate) fn take_stale(&self) -> Vec<Connection> {
        let mut idle = self.idle();
        let fresh = idle.iter().position(|(since, _)| since.elapsed() < MAX_IDLE).unwrap_or(idle.len());
        idle.drain(..fresh).map(|(_, connection)| connection).collect()
    }

    pub(crate) fn take_all(&self) -> Vec<Connection> {
        self.idle().drain(..).map(|(_, connection)| connection).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
