//! What the supervisor is told (sd_notify(3)): ready, reloading, stopping, and that work gets done. Without
//! `NOTIFY_SOCKET` in the environment, nothing.

use crate::service::Service;
use postledger_core::clock::Clock;
use postledger_core::id::Stream;
use postledger_core::ledger::{Append, Ledger, LedgerError};
use postledger_core::name::Tenant;
use postledger_core::relay::Dispatching;
use postledger_dispatcher::Dispatcher;
use sd_notify::NotifyState;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is told how the service does, where it set no watchdog.
const REPORT: Duration = Duration::from_secs(30);

/// Says that the service serves; and from then on, until the service stops, how it does.
///
/// The watchdog is fed by what it watches over, not by a timer: each time the ledger's writer has taken its turn and
/// the dispatcher has looked at its queue. Where one of them hangs, so does this, and the supervisor restarts the service.
pub fn follow(service: &Service) {
    let watched = Watched::new(service);
    tell(&[NotifyState::Ready, NotifyState::Status(&watched.status())]);
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        tokio::spawn(watched.report_until_it_stops());
    }
}

/// Says that the configuration is being read again. [`reloaded`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(%error, "no monotonic clock: the supervisor does not hear of the reload")
        }
    }
}

/// Says that the configuration was read again, whether it was taken or refused.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// Says that the service stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: attempts in flight may end")]);
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}

/// What a report is about.
struct Watched {
    listening: SocketAddr,
    ledger: Arc<dyn Ledger>,
    dispatcher: Arc<Dispatcher>,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
}

impl Watched {
    fn new(service: &Service) -> Self {
        Self {
            listening: service.listening,
            ledger: service.ledger.clone(),
            dispatcher: service.dispatcher.clone(),
            clock: Arc::new(crate::system::SystemClock),
            stopping: service.stopping.clone(),
        }
    }

    async fn report_until_it_stops(self) {
        let stopping = self.stopping.clone();
        stopping.run_until_cancelled(self.report()).await;
    }

    async fn report(self) {
        // Three chances before the watchdog bites.
        let every = sd_notify::watchdog_enabled().map_or(REPORT, |bite| bite / 3);
        loop {
            tokio::time::sleep(every).await;
            match self.progress().await {
                Ok(()) => tell(&[NotifyState::Watchdog, NotifyState::Status(&self.status())]),
                Err(error) => tracing::warn!(%error, "the ledger's writer does not get on"),
            }
        }
    }

    /// Returns once the writer has committed, and the dispatcher has looked, after the call. An append of no events
    /// stands in the writer's queue like any other, and leaves nothing behind.
    async fn progress(&self) -> Result<(), LedgerError> {
        let nothing = Append {
            stream: Stream::Node,
            tenant: Tenant::default_tenant(),
            at: self.clock.now(),
            message_version: None,
            changes: Vec::new(),
        };
        self.ledger.append(nothing).await?;
        self.dispatcher.turn().await;
        Ok(())
    }

    /// One line for `systemctl status`.
    fn status(&self) -> String {
        let down: Vec<_> = self
            .dispatcher
            .relays()
            .into_iter()
            .filter(|relay| !relay.is_up)
            .map(|r| r.name.to_string())
            .collect();
        let down = if down.is_empty() { String::new() } else { format!(", relays down: {}", down.join(" ")) };
        format!(
            "listening on {}, {} deliveries open{down}",
            self.listening,
            self.dispatcher.open_deliveries()
        )
    }
}
