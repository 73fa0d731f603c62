//! The service: ledger, dispatcher and API, wired together, started and stopped in order.

pub mod owner;

use crate::config::{Change, Config, Settled};
use crate::exit::{self, Exit, Failure};
use crate::meters;
use crate::signals::{Signals, Told};
use crate::supervisor;
use crate::system::{SystemClock, SystemEntropy};
use anyhow::{Context, Result};
use postledger_api::{Api, Mailbox, Services, Settings, Tls};
use postledger_core::name::RelayName;
use postledger_dispatcher::{Dispatcher, DispatcherOptions, MimeComposer, Reconfigured, RelayConfig};
use postledger_store::{LedgerOptions, OpenError, SqliteLedger};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running service.
pub struct Service {
    /// The ledger.
    pub ledger: Arc<SqliteLedger>,
    /// The dispatcher.
    pub dispatcher: Arc<Dispatcher>,
    /// Where the API listens.
    pub listening: SocketAddr,
    api: Arc<Api>,
    tls: Option<Arc<Tls>>,
    control: PathBuf,
    in_force: Mutex<InForce>,
    /// Cancelled when the service begins to stop.
    pub stopping: CancellationToken,
    tasks: TaskTracker,
}

/// What of the configuration holds now.
struct InForce {
    keys: Settled,
    grace: Duration,
}

impl Service {
    /// Opens the ledger, resolves what a crash left open, and listens. Mail flows when this returns.
    ///
    /// # Errors
    /// With exit code 5 if the ledger is not the one that its anchor knows, 4 if its format is another than this
    /// version's; 1 for anything else.
    pub async fn start(config: &Config, mailbox: Option<Arc<Mailbox>>) -> Result<Self> {
        let metrics = meters::install()?;
        let relays = relays(config)?;
        let entrance = config.server.to_entrance()?;
        let tls = entrance.tls.clone();
        let ledger = open_ledger(config).await?;
        let clock = Arc::new(SystemClock);
        let entropy = Arc::new(SystemEntropy);
        let options = DispatcherOptions {
            relays,
            routes: config.routes(),
            pacing: config.pacing(),
            dkim: config.signers()?,
            ledger: ledger.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            in_flight: Some(config.store.path.join("in-flight")),
        };
        let dispatcher = Dispatcher::start(options).await.context("cannot start delivering")?;
        let services = Services {
            ledger: ledger.clone(),
            views: ledger.clone(),
            composer: Arc::new(MimeComposer),
            dispatching: dispatcher.clone(),
            secret: ledger.secret().clone(),
            clock,
            entropy,
            render_metrics: Arc::new(move || meters::render(&metrics)),
            mailbox,
        };
        let api = Arc::new(Api::new(services, settings(config)).await.context("cannot read the API keys")?);
        let listener = TcpListener::bind(config.server.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let listening = listener.local_addr()?;
        let control = control_path(&config.store.path);
        let control_listener = listen_on_control(&control)?;
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn({
            let (api, stopping) = (api.clone(), stopping.clone());
            async move { api.serve(listener, entrance, stopping).await }
        });
        let serve_control = {
            let (api, stopping) = (api.clone(), stopping.clone());
            async move { api.serve_control(control_listener, stopping).await }
        };
        tasks.spawn(serve_control);
        tracing::info!(%listening, relays = config.relay.len(), "serving");
        let in_force = InForce { keys: Settled::new(config), grace: config.server.shutdown_grace };
        let in_force = Mutex::new(in_force);
        Ok(Self { ledger, dispatcher, listening, api, tls, control, in_force, stopping, tasks })
    }

    /// Puts in force what of `config` can be while the service runs, all of it or nothing, and gives what is different
    /// from before. Files that it names are read again. What needs a restart stays as it is, and is told of at every
    /// reload until then. Mail in flight ends at the relay where it began.
    ///
    /// # Errors
    /// A file that it names cannot be read, or the dispatcher refuses the relays; nothing was changed.
    pub fn reload(&self, config: &Config) -> Result<Vec<Change>> {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        // What can be refused comes first. The rest cannot fail.
        config.server.to_entrance()?;
        let signers = config.signers()?;
        let reconfigured = self.dispatcher.reconfigure(relays(config)?, config.routes(), config.pacing())?;
        self.dispatcher.set_dkim(signers);
        if let Some((tls, files)) = self.tls.as_ref().zip(config.server.tls.as_ref())
            && let Err(error) = tls.reload(&files.cert, &files.key)
        {
            // It could be read a moment ago.
            tracing::error!(%error, "the certificate was not read again");
        }
        self.api.set_settings(settings(config));
        in_force.grace = config.server.shutdown_grace;
        let mut changes = in_force.keys.take_over(Settled::new(config));
        changes.extend(from_files(&reconfigured, &changes));
        for (route, deliveries) in &reconfigured.stranded {
            tracing::warn!(%route, deliveries, "the route was removed with its relays; its mail waits until it is there again, or expires");
        }
        Ok(changes)
    }

    /// Serves until it is told to stop, then stops in order: no new requests, no new attempts, attempts in flight,
    /// ledger. Told to reload, it calls `reload`. Ends the process if the ledger cannot be written any more.
    ///
    /// # Errors
    /// The ledger could not be closed cleanly.
    pub async fn run_until(self, mut signals: Signals, reload: impl Fn(&Self)) -> Result<()> {
        supervisor::follow(&self);
        loop {
            let told = tokio::select! {
                told = signals.next() => told,
                reason = self.ledger.failed() => {
                    self.dispatcher.absolve();
                    leave(&reason)
                }
            };
            match told {
                Told::Reload => reload(&self),
                Told::Stop => return self.stop().await,
            }
        }
    }

    /// Stops in order.
    ///
    /// # Errors
    /// The ledger could not be closed cleanly.
    pub async fn stop(self) -> Result<()> {
        tracing::info!("stopping");
        supervisor::stopping();
        self.stopping.cancel();
        self.tasks.close();
        let requests = self.tasks.wait();
        let grace = self.in_force.lock().unwrap_or_else(PoisonError::into_inner).grace;
        let attempts = self.dispatcher.shutdown(grace);
        tokio::join!(requests, attempts);
        let _ = std::fs::remove_file(&self.control);
        self.ledger.close().await.context("cannot close the ledger")?;
        tracing::info!("stopped");
        Ok(())
    }
}

fn relays(config: &Config) -> Result<Vec<RelayConfig>> {
    config.relay.iter().map(crate::config::Relay::to_dispatcher).collect()
}

/// What the API is told.
fn settings(config: &Config) -> Settings {
    Settings {
        routes: config.routes().into_iter().map(|route| route.name).collect(),
        defaults: Arc::new(config.default_policy()),
        bounce_address: config.bounce.address.clone(),
        limits: config.server.to_limits(),
    }
}

/// Relays that are different though none of their keys is: a file that they name holds something else.
fn from_files(reconfigured: &Reconfigured, changes: &[Change]) -> Vec<Change> {
    let prefix = |relay: &RelayName| format!("relay.{relay}.");
    let is_silent = |relay: &&RelayName| !changes.iter().any(|change| change.key.starts_with(&prefix(relay)));
    let change = |relay: &RelayName| Change {
        key: format!("relay.{relay}"),
        before: "its files as they were".to_owned(),
        after: "its files as they are now".to_owned(),
        needs_restart: false,
    };
    reconfigured.changed.iter().filter(is_silent).map(change).collect()
}

/// Ends the process at once, with nothing closed: to close the ledger would sync again what has failed to sync.
/// What is in flight stays open in the ledger and is resolved at the next start.
fn leave(reason: &str) -> ! {
    tracing::error!(reason, "the ledger cannot be written");
    let error = Failure::new(Exit::Failed, format!("the ledger cannot be written, stopped: {reason}"));
    exit::report(&error);
    std::process::exit(Exit::Failed as i32)
}

/// Opens the ledger of the configuration, or creates it.
///
/// # Errors
/// With exit code 5 if it is not the one that its anchor knows; 2 if root would write into another user's directory.
pub async fn open_ledger(config: &Config) -> Result<Arc<SqliteLedger>> {
    owner::check(&config.store.path)?;
    let options = LedgerOptions {
        dir: config.store.path.clone(),
        anchor: config.store.anchor_path.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    SqliteLedger::open(options).await.map_err(open_failure)
}

/// An opening error with its exit code.
pub fn open_failure(error: OpenError) -> anyhow::Error {
    let exit = match &error {
        OpenError::Missing(_) => Exit::NotFound,
        error if error.is_verification() => Exit::Verification,
        error if error.is_other_format() => Exit::Refused,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}

/// Where the control socket of a data directory lies.
pub fn control_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Binds the control socket for its owner alone. The instance lock is held: an old socket is a dead one.
fn listen_on_control(path: &Path) -> Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::remove_file(path);
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
