//! What the operator configures: relays, the ways to them, and routes.

use crate::planner::Shares;
use postledger_core::domain_pattern::DomainPattern;
use postledger_core::name::{RelayName, RouteName};
use postledger_core::outcome::Stage;
use postledger_core::route::Match;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A next hop.
#[derive(Debug, Clone, PartialEq)]
pub struct RelayConfig {
    /// Its name in routes, events and metrics.
    pub name: RelayName,
    /// A host name or an IP address; also the name its certificate must be valid for.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether and how the connection is encrypted.
    pub tls: TlsMode,
    /// What to log in with, where the relay wants it.
    pub credentials: Option<Credentials>,
    /// Connections at the same time, at least 1; each carries one attempt at a time.
    pub max_connections: usize,
    /// Attempts started per second, at most.
    pub max_per_second: Option<f64>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// The address of this machine to connect from.
    pub source_address: Option<IpAddr>,
    /// What to connect through.
    pub proxy: Option<Proxy>,
    /// A PEM file with further certificates to trust, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The name to greet with: this host's, or an address literal (RFC 5321 4.1.1.1).
    pub hello_name: String,
}

/// A server that connects to a relay on this machine's behalf, and resolves its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its host name or IP address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// What to log in with, where it wants it.
    pub credentials: Option<Credentials>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS 5 (RFC 1928), with a user name and a password (RFC 1929) or without.
    Socks5,
    /// HTTP CONNECT (RFC 9110 9.3.6), with Basic credentials or without.
    Http,
}

/// In which order, and how fast, the queue is worked off.
#[derive(Debug, Clone, PartialEq)]
pub struct Pacing {
    /// Which part of each relay's connections is kept for the urgent.
    pub shares: Shares,
    /// How long a delivery may wait behind more urgent ones before it has a share of the starts.
    pub ageing: Duration,
    /// What recipient domains take; the first that fits a domain holds.
    pub destinations: Vec<DestinationLimits>,
}

/// What recipient domains take over each relay.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationLimits {
    /// For which domains.
    pub domain: DomainPattern,
    /// Attempts at the same time, at least 1.
    pub max_connections: Option<usize>,
    /// Attempts started per second.
    pub max_per_second: Option<f64>,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { shares: Shares::default(), ageing: Duration::from_secs(15 * 60), destinations: Vec::new() }
    }
}

/// Which relays a delivery may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The name that messages refer to.
    pub name: RouteName,
    /// In order of preference, at least one.
    pub relays: Vec<RelayName>,
    /// Which deliveries it takes of those whose request names no route.
    pub takes: Match,
}

/// Whether and how a connection is encrypted. There is no "if offered": what is wanted is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// STARTTLS before anything else is said (RFC 3207).
    Starttls,
    /// TLS from the first byte (RFC 8314 3.3).
    Implicit,
    /// In the clear.
    Off,
}

/// A login.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// Deadlines, each for one command and its complete reply, however slowly it drips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolving the name, each address's connection, and what a proxy takes for it.
    pub connect: Duration,
    /// The greeting, with the TLS handshake where that comes first, while another relay of the route is up; `command` where
    /// none is.
    pub banner: Duration,
    /// The greeting and every command before DATA, the TLS handshake included.
    pub command: Duration,
    /// DATA.
    pub data: Duration,
    /// Each block of the body.
    pub body: Duration,
    /// The reply to the final dot. Shorter than ten minutes makes duplicates (RFC 5321 4.5.3.2.6).
    pub dot: Duration,
    /// QUIT.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            banner: Duration::from_secs(4),
            command: Duration::from_secs(30),
            data: Duration::from_secs(120),
            body: Duration::from_secs(180),
            dot: Duration::from_secs(600),
            quit: Duration::from_secs(10),
        }
    }
}

impl Timeouts {
    pub(crate) const fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Dns | Stage::Connect => self.connect,
            Stage::Banner => self.banner,
            Stage::Ehlo | Stage::Tls | Stage::Auth | Stage::Mail | Stage::Rcpt => self.command,
            Stage::Data => self.data,
            Stage::Body => self.body,
            Stage::Dot => self.dot,
            Stage::Quit => self.quit,
        }
    }
}

/// Hides both: a user name is often an address.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}
