//! What the system tells the program.

use anyhow::Result;
use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a running service is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// To stop: SIGTERM or SIGINT, or the end of the terminal of a session.
    Stop,
    /// To read its configuration again: SIGHUP.
    Reload,
}

/// The signals that the program waits for.
#[derive(Debug)]
pub struct Signals(Vec<(Signal, Told)>);

impl Signals {
    /// Of a service: SIGHUP tells it to read its configuration again.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn of_service() -> Result<Self> {
        Self::with_hangup(Told::Reload)
    }

    /// Of a session on a terminal, which ends with it.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn of_session() -> Result<Self> {
        Self::with_hangup(Told::Stop)
    }

    fn with_hangup(hangup: Told) -> Result<Self> {
        let told = [
            (SignalKind::terminate(), Told::Stop),
            (SignalKind::interrupt(), Told::Stop),
            (SignalKind::hangup(), hangup),
        ];
        let handled = told.into_iter().map(|(kind, told)| Ok((signal(kind)?, told)));
        Ok(Self(handled.collect::<Result<_>>()?))
    }

    /// The next one. Several of a kind that came in the meantime are one.
    ///
    /// # Cancel safety
    /// None is lost.
    pub async fn next(&mut self) -> Told {
        poll_fn(|cx| {
            let told =
                self.0.iter_mut().find_map(|(signal, told)| signal.poll_recv(cx).is_ready().then_some(*told));
            told.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
