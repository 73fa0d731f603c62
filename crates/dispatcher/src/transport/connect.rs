//! From a name to a session that is ready.

use super::stream::Stream;
use super::tls::{TlsPeer, TlsSetupError};
use super::witness::{Certificate, Witness};
use super::{Connection, not_sent, proxy, trouble_of, within};
use crate::config::{RelayConfig, Timeouts, TlsMode};
use crate::smtp::session::{Progress, Session};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// More addresses than that are not worth their timeouts.
const MAX_ADDRESSES: usize = 4;

/// A relay with everything that can be prepared before connecting.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub config: RelayConfig,
    tls: Option<TlsPeer>,
}

impl Endpoint {
    pub(crate) fn new(config: RelayConfig) -> Result<Self, TlsSetupError> {
        let tls = match config.tls {
            TlsMode::Off => None,
            TlsMode::Starttls | TlsMode::Implicit => {
                Some(TlsPeer::new(&config.host, config.ca_file.as_deref())?)
            }
        };
        Ok(Self { config, tls })
    }

    /// Whether connections made for the one serve the other. How many there may be, and how often, is no matter of a connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let RelayConfig { max_connections, max_per_second, .. } = self.config;
        let is_same_trust = match (&self.tls, &other.tls) {
            (Some(one), Some(other)) => one.further == other.further,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_trust
            && self.config == RelayConfig { max_connections, max_per_second, ..other.config.clone() }
    }

    /// One that remembers the certificate which it is shown.
    pub(crate) fn watched(
        config: RelayConfig,
        seen: &Arc<Mutex<Option<Certificate>>>,
    ) -> Result<Self, TlsSetupError> {
        let tls = match config.tls {
            TlsMode::Off => None,
            TlsMode::Starttls | TlsMode::Implicit => {
                let around = |verifier| Arc::new(Witness::around(verifier, seen.clone())) as Arc<_>;
                Some(TlsPeer::with(&config.host, config.ca_file.as_deref(), around)?)
            }
        };
        Ok(Self { config, tls })
    }

    fn failed(stage: Stage, trouble: Trouble) -> NotSent {
        NotSent { stage, trouble, reply: None }
    }

    /// Through the proxy, where there is one.
    async fn open(&self, abort: &CancellationToken) -> Result<TcpStream, NotSent> {
        let RelayConfig { host, port, proxy, .. } = &self.config;
        let Some(proxy) = proxy else { return self.open_to(host, *port, abort).await };
        let stream = self.open_to(&proxy.host, proxy.port, abort).await.map_err(|failed| {
            let is_its_own = matches!(failed.trouble, Trouble::Interrupted | Trouble::SourceAddress);
            let trouble = if is_its_own { failed.trouble } else { Trouble::ProxyUnreachable };
            Self::failed(Stage::Connect, trouble)
        })?;
        let deadline = Instant::now() + self.config.timeouts.of(Stage::Connect);
        let tunnel = async { Ok(proxy::tunnel(stream, proxy, host, *port).await) };
        let answered = within(deadline, abort, tunnel).await.map_err(|trouble| match trouble {
            Trouble::Timeout => Trouble::ProxyTimeout,
            other => other,
        });
        answered.flatten().map_err(|trouble| Self::failed(Stage::Connect, trouble))
    }

    async fn resolve(
        &self,
        host: &str,
        port: u16,
        abort: &CancellationToken,
    ) -> Result<Vec<SocketAddr>, NotSent> {
        let deadline = Instant::now() + self.config.timeouts.of(Stage::Dns);
        let lookup = lookup_host((host, port));
        let found = within(deadline, abort, lookup).await.map_err(|trouble| {
            let has_ended_itself = !matches!(trouble, Trouble::Timeout | Trouble::Interrupted);
            Self::failed(Stage::Dns, if has_ended_itself { Trouble::NotFound } else { trouble })
        })?;
        let addresses: Vec<_> = found.take(MAX_ADDRESSES).collect();
        if addresses.is_empty() { Err(Self::failed(Stage::Dns, Trouble::NotFound)) } else { Ok(addresses) }
    }

    async fn open_to(&self, host: &str, port: u16, abort: &CancellationToken) -> Result<TcpStream, NotSent> {
        let mut failure = Self::failed(Stage::Dns, Trouble::NotFound);
        for address in self.resolve(host, port, abort).await? {
            let deadline = Instant::now() + self.config.timeouts.of(Stage::Connect);
            let Ok(socket) = socket(address, self.config.source_address) else {
                failure = Self::failed(Stage::Connect, Trouble::SourceAddress);
                continue;
            };
            match within(deadline, abort, socket.connect(address)).await {
                Ok(stream) => match stream.set_nodelay(true) {
                    Ok(()) => return Ok(stream),
                    Err(error) => failure = Self::failed(Stage::Connect, trouble_of(&error)),
                },
                Err(trouble) => failure = Self::failed(Stage::Connect, trouble),
            }
            if abort.is_cancelled() {
                break;
            }
        }
        Err(failure)
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
        span: Duration,
        abort: &CancellationToken,
    ) -> Result<Stream, NotSent> {
        let Some(TlsPeer { config, name, .. }) = self.tls.clone() else {
            return Err(Self::failed(Stage::Tls, Trouble::Tls));
        };
        let deadline = Instant::now() + span;
        let handshake = TlsConnector::from(config).connect(name, stream);
        let encrypted = within(deadline, abort, async {
            handshake.await.map_err(|error| match error.get_ref() {
                // A refused certificate and a broken handshake are both "no TLS", whatever the kind says.
                Some(_) => io::Error::new(io::ErrorKind::InvalidData, error),
                None => error,
            })
        });
        let encrypted = encrypted.await.map_err(|trouble| Self::failed(Stage::Tls, trouble))?;
        Ok(Stream::Tls(Box::new(encrypted)))
    }
}

/// Bound to the address that it is to connect from.
fn socket(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    Ok(socket)
}

/// How long a relay may let one wait for its greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Somebody waits who could go to another relay.
    Short,
    /// Nobody does.
    Usual,
}

/// Opens a connection and takes it to where a transaction can begin.
///
/// # Errors
/// [`NotSent`]: where and why it failed.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    patience: Patience,
    abort: &CancellationToken,
) -> Result<Connection, NotSent> {
    let config = &endpoint.config;
    let Timeouts { banner, command, .. } = config.timeouts;
    let banner = if patience == Patience::Short { banner.min(command) } else { command };
    let stream = endpoint.open(abort).await?;
    let stream = match config.tls {
        // The greeting comes after it: whoever hangs here hangs at the greeting.
        TlsMode::Implicit => endpoint.encrypt(stream, banner, abort).await?,
        TlsMode::Starttls | TlsMode::Off => Stream::Plain(stream),
    };
    let mut connection = Connection {
        stream,
        session: Session::new(config.hello_name.clone(), config.tls, config.credentials.clone()),
        timeouts: Timeouts { banner, ..config.timeouts },
        abort: abort.clone(),
        buffer: Vec::new(),
    };
    loop {
        match connection.advance().await {
            Progress::Ready => return Ok(connection),
            Progress::StartTls => {
                let Stream::Plain(stream) = connection.stream else {
                    return Err(Endpoint::failed(Stage::Tls, Trouble::Protocol));
                };
                connection.stream = endpoint.encrypt(stream, command, abort).await?;
                connection.session.secured();
            }
            Progress::Ended(outcome) => return Err(not_sent(outcome)),
            Progress::Await | Progress::SendBody => {
                return Err(not_sent(connection.session.broke(Trouble::Protocol)));
            }
        }
    }
}
