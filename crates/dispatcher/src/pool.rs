//! Connections that wait for their next transaction, last used first.

use crate::transport::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Servers close sooner or later; five minutes is what they should grant (RFC 5321 4.5.3.2.7).
const MAX_IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Pool {
    /// `None` once closed: connections made for settings that hold no longer.
    idle: Mutex<Option<Vec<(Instant, Connection)>>>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { idle: Mutex::new(Some(Vec::new())) }
    }
}

impl Pool {
    pub(crate) fn take(&self) -> Option<Connection> {
        self.idle().as_mut()?.pop().map(|(_, connection)| connection)
    }

    /// Keeps it, or gives it back to be closed.
    pub(crate) fn put(&self, connection: Connection) -> Option<Connection> {
        match self.idle().as_mut() {
            Some(idle) => {
                idle.push((Instant::now(), connection));
                None
            }
            None => Some(connection),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.idle().as_ref().map_or(0, Vec::len)
    }

    /// Those that waited too long, to be closed.
    pub(crate) fn take_stale(&self) -> Vec<Connection> {
        let mut idle = self.idle();
        let Some(idle) = idle.as_mut() else { return Vec::new() };
        let fresh = idle.iter().position(|(since, _)| since.elapsed() < MAX_IDLE).unwrap_or(idle.len());
        idle.drain(..fresh).map(|(_, connection)| connection).collect()
    }

    /// Keeps none from now on; those that were kept are to be closed.
    pub(crate) fn close(&self) -> Vec<Connection> {
        self.idle().take().unwrap_or_default().into_iter().map(|(_, connection)| connection).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<(Instant, Connection)>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
