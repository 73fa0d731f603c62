//! Start, stop, and what others may ask.

use crate::attempt::Flight;
use crate::config::{Pacing, RelayConfig, Route};
use crate::configure::{Reconfigured, Setup, SetupError};
use crate::dkim::DkimSigners;
use crate::engine::Engine;
use crate::in_flight::{InFlight, LeftBehind};
use crate::planner::Relay;
use crate::transport::{Patience, connect};
use crate::{driver, meters, quarantine, record};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use postledger_core::clock::{Clock, Entropy};
use postledger_core::delivery::Phase;
use postledger_core::explanation::Explanation;
use postledger_core::id::{DeliveryId, Position};
use postledger_core::ledger::{BoxFuture, Ledger, LedgerError};
use postledger_core::message::Message;
use postledger_core::name::{Actor, RelayName};
use postledger_core::outcome::{NotSent, interrupted};
use postledger_core::relay::{Dispatching, Drill, DrillRefused, RelayStatus};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Open messages read at once at the start.
const PAGE: usize = 500;
/// How long recordings may take once everything in flight was ended.
const LAST_RECORDINGS: Duration = Duration::from_secs(10);

/// What a dispatcher needs.
pub struct DispatcherOptions {
    /// All relays, at most 32.
    pub relays: Vec<RelayConfig>,
    /// All routes. A message whose route is not among them fails as unroutable.
    pub routes: Vec<Route>,
    /// In which order, and how fast, the queue is worked off.
    pub pacing: Pacing,
    /// The keys that sign first attempts.
    pub dkim: DkimSigners,
    /// Where everything is recorded.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// A file of the dispatcher's own, by which a start knows what was in flight when the one before it crashed.
    /// Without it no mail is quarantined.
    pub in_flight: Option<PathBuf>,
}

/// Why a dispatcher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Relays and routes are not what they should be.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The queue cannot be read.
    #[error("the queue cannot be read: {0}")]
    Ledger(#[from] LedgerError),
}

/// Delivers what is in the ledger. Dropping it does not stop it; [`Dispatcher::shutdown`] does.
#[derive(Debug)]
pub struct Dispatcher {
    engine: Arc<Engine>,
}

impl Dispatcher {
    /// Subscribes to the ledger, loads the queue, records attempts that an earlier start left open as unknown,
    /// and begins to deliver. Mail flows on return.
    ///
    /// # Errors
    /// [`StartError`]; nothing was sent or recorded, but for attempts that were left open.
    ///
    /// # Cancel safety
    /// Not to be dropped before it has ended: a dispatcher that has subscribed would remain.
    pub async fn start(options: DispatcherOptions) -> Result<Arc<Self>, StartError> {
        let DispatcherOptions { relays, routes, pacing, dkim, ledger, clock, entropy, in_flight } = options;
        let setup = Setup::new(relays, routes, pacing)?;
        let (in_flight, left_behind) = in_flight.map(left_behind).unwrap_or_default();
        let engine = Arc::new(Engine::new(ledger, clock, entropy, in_flight));
        setup.apply(&engine)?;
        engine.signing.set(dkim);
        engine.ledger.subscribe(engine.inbox.clone());
        if let Err(error) = load(&engine, left_behind).await {
            engine.inbox.close();
            return Err(error);
        }
        engine.with_queue(|planner, _| planner.handle_all_loaded());
        engine.tasks.spawn(driver::run(engine.clone()));
        Ok(Arc::new(Self { engine }))
    }

    /// Signs first attempts with these keys from now on. What was signed stays as it is.
    pub fn set_dkim(&self, dkim: DkimSigners) {
        self.engine.signing.set(dkim);
    }

    /// Returns once the queue was looked at after the call, and what can start was started. Never, where the task that
    /// does so hangs: a watchdog can tell by it.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn turn(&self) {
        let mut turns = self.engine.turns.subscribe();
        self.engine.inbox.wake.notify_one();
        // The sender lives in the engine, which lives as long as this.
        let _ = turns.changed().await;
    }

    /// Whether a dispatcher could start with these relays and routes. Reads the files with trusted certificates.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn check(relays: Vec<RelayConfig>, routes: Vec<Route>) -> Result<(), SetupError> {
        // Without a relay there is nothing to send, and nothing that could be wrong with it.
        if relays.is_empty() { Ok(()) } else { Setup::new(relays, routes, Pacing::default()).map(drop) }
    }

    /// Takes over other relays and routes while mail flows, all at once. What did not change goes on with its
    /// connections. What is in flight ends at the relay that it began at; a relay that changed, or that is configured
    /// no longer, gets nothing new over its old connections. A message's next attempt goes by its route as it is now.
    /// A route that is not among them any more stays for what waits for it, with those of its relays that are left.
    /// Reads the files with trusted certificates again.
    ///
    /// # Errors
    /// [`SetupError`]; nothing was changed.
    pub fn reconfigure(
        &self,
        relays: Vec<RelayConfig>,
        routes: Vec<Route>,
        pacing: Pacing,
    ) -> Result<Reconfigured, SetupError> {
        Setup::new(relays, routes, pacing)?.apply(&self.engine)
    }

    /// The end of this process is nobody's fault of those in flight: the next start suspects none of them.
    pub fn absolve(&self) {
        self.engine.in_flight.close();
    }

    /// Starts nothing new at once. What is in flight may end within `grace`; what has not is ended then: not
    /// sent before its dot, unknown after it. Returns when the outcomes are recorded.
    ///
    /// # Cancel safety
    /// Dropping it leaves the dispatcher stopping, without the end of the grace.
    pub async fn shutdown(&self, grace: Duration) {
        let engine = &self.engine;
        engine.with_queue(|planner, _| planner.stop());
        engine.stopping.cancel();
        for relay in engine.relays() {
            for connection in relay.pool.close() {
                engine.tasks.spawn(connection.quit());
            }
        }
        engine.tasks.close();
        if tokio::time::timeout(grace, engine.tasks.wait()).await.is_err() {
            engine.abort.cancel();
            if tokio::time::timeout(LAST_RECORDINGS, engine.tasks.wait()).await.is_err() {
                tracing::error!(
                    "outcomes could not be recorded in time; they will be unknown at the next start"
                );
            }
        }
        self.absolve();
        engine.inbox.close();
    }
}

/// What cannot be known is no reason not to deliver.
fn left_behind(path: PathBuf) -> (InFlight, LeftBehind) {
    let (in_flight, left_behind) = InFlight::open(&path).unwrap_or_else(|error| {
        tracing::warn!(%error, "what was in flight at the last stop cannot be known, nor written down");
        Default::default()
    });
    if !left_behind.suspects.is_empty() {
        let suspects = left_behind.suspects.len();
        tracing::warn!(suspects, "an unclean stop left attempts in flight; each is made alone");
    }
    (in_flight, left_behind)
}

/// Takes in the queue. What was left open is recorded, and what has to be held is held.
async fn load(engine: &Arc<Engine>, left_behind: LeftBehind) -> Result<(), StartError> {
    load_pages(engine).await?;
    for message in left_behind.quarantined {
        quarantine::hold(engine, message).await?;
        engine.in_flight.forget(message);
    }
    let ended = engine.with_queue(|planner, _| planner.handle_suspects(left_behind.suspects));
    ended.into_iter().for_each(|id| engine.in_flight.forget(id.message));
    Ok(())
}

/// Page by page; what was left open in a page is recorded before the next is read.
async fn load_pages(engine: &Arc<Engine>) -> Result<(), StartError> {
    let mut after = Position::default();
    loop {
        let page = engine.ledger.open_messages(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        engine.with_queue(|planner, now| {
            page.iter().for_each(|open| planner.handle_loaded(&open.message, now));
        });
        let left_open = page.iter().flat_map(|open| left_open(&open.message));
        let recordings: FuturesUnordered<_> = left_open
            .map(|flight| {
                let unknown = interrupted(true);
                meters::attempt(&flight.relay, &unknown);
                record::outcome(engine.clone(), flight, unknown, false)
            })
            .collect();
        recordings.collect::<Vec<()>>().await;
        if !engine.may_send() {
            return Err(StartError::Ledger(LedgerError::Stopped));
        }
    }
}

fn left_open(message: &Message) -> impl Iterator<Item = Flight> + '_ {
    let sending = message.deliveries.iter().filter(|delivery| delivery.state.phase == Phase::Sending);
    sending.filter_map(|delivery| Flight::left_open(message, delivery.id.ordinal))
}

impl Dispatching for Dispatcher {
    fn relays(&self) -> Vec<RelayStatus> {
        let engine = &self.engine;
        engine.with_queue(|planner, now| {
            let status = |(index, name, relay): (_, &RelayName, &Relay)| {
                let slot = engine.relay(index);
                RelayStatus {
                    name: name.clone(),
                    host: slot.endpoint.config.host.clone(),
                    port: slot.endpoint.config.port,
                    is_up: relay.is_up(),
                    breaker: relay.breaker(),
                    since: relay.turned_at(),
                    drilled_by: relay.drilled_by().cloned(),
                    retry_at: relay.retry_at().map(|at| now.wall.plus(at.saturating_sub(now.monotonic))),
                    connections: slot.pool.len() + relay.in_flight(),
                    in_flight: relay.in_flight(),
                    last_trouble: relay.last_trouble.clone(),
                }
            };
            planner.relays().map(status).collect()
        })
    }

    fn open_deliveries(&self) -> u64 {
        self.engine.with_queue(|planner, _| planner.open_deliveries() as u64)
    }

    fn explain(&self, delivery: DeliveryId) -> Option<Explanation> {
        self.engine.with_queue(|planner, now| planner.explain(delivery, now))
    }

    fn begin_drill(&self, relay: &RelayName, span: Duration, by: Actor) -> Result<Drill, DrillRefused> {
        let drill = self.engine.with_queue(|planner, now| planner.begin_drill(relay, span, by, now))?;
        tracing::warn!(%relay, until = %drill.until, "its breaker is open on purpose, for a drill");
        self.engine.inbox.wake.notify_one();
        Ok(drill)
    }

    fn end_drill(&self, relay: &RelayName, by: Actor) -> Result<(), DrillRefused> {
        self.engine.with_queue(|planner, now| planner.end_drill(relay, by, now))?;
        tracing::info!(%relay, "the drill has ended");
        self.engine.inbox.wake.notify_one();
        Ok(())
    }

    fn probe(&self, relay: RelayName) -> BoxFuture<'_, Option<Result<Duration, NotSent>>> {
        Box::pin(async move {
            let index = self.engine.with_queue(|planner, _| planner.configured(&relay))?;
            let slot = self.engine.relay(index);
            let began = Instant::now();
            let connected = connect(&slot.endpoint, Patience::Usual, &self.engine.abort).await;
            let took = began.elapsed();
            Some(match connected {
                Ok(connection) => {
                    self.engine.tasks.spawn(connection.quit());
                    Ok(took)
                }
                Err(not_sent) => Err(not_sent),
            })
        })
    }
}

impl fmt::Debug for DispatcherOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.relays.iter().map(|relay| &relay.name).collect();
        f.debug_struct("DispatcherOptions").field("relays", &names).field("routes", &self.routes).finish()
    }
}
