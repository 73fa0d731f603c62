//! `[server]`: the API.

use super::form;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use bytesize::ByteSize;
use ipnet::IpNet;
use postledger_api::{Entrance, Limits, Tls};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// `[server]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where the API listens.
    #[serde(with = "form::socket_address")]
    pub listen: SocketAddr,
    /// The certificate, where the API itself speaks TLS.
    pub tls: Option<ServerTls>,
    /// A proxy in front ends TLS: allows to listen off loopback, and nobody counts as local any more.
    pub behind_proxy: bool,
    /// The networks of the proxy, such as `10.1.0.0/16`: connections from elsewhere are turned away, except this
    /// machine's. Without any, all are taken.
    #[serde(with = "form::texts")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long attempts in flight may take to end at a stop.
    #[serde(with = "form::duration")]
    pub shutdown_grace: Duration,
    /// Connections at once; further ones wait to be accepted. 1 to 65536.
    pub max_connections: usize,
    /// Bounds on requests.
    pub limits: RequestLimits,
}

/// `[server] tls = { cert, key }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// A PEM file: the certificate, then the chain to its root.
    pub cert: PathBuf,
    /// A PEM file: the certificate's private key.
    pub key: PathBuf,
}

/// `[server.limits]`: how large a request may be, and how long it may take.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// The body of a request: 1KiB to 1GiB.
    #[serde(with = "form::text")]
    pub body: ByteSize,
    /// All attachments of a message together, before encoding: up to 1GiB.
    #[serde(with = "form::text")]
    pub attachments: ByteSize,
    /// A rendered message: 1KiB to 1GiB.
    #[serde(with = "form::text")]
    pub message: ByteSize,
    /// Addresses in to, cc and bcc together: 1 to 1000.
    pub recipients: usize,
    /// Messages in a batch: 1 to 1000.
    pub batch: usize,
    /// The line and the header fields of a request together: 4KiB to 256KiB.
    #[serde(with = "form::text")]
    pub header: ByteSize,
    /// From the end of one request (or the begin of the connection) to the end of the next one's header fields: 1s to 5m.
    #[serde(with = "form::duration")]
    pub header_timeout: Duration,
    /// From the end of the header fields to the end of the body: 1s to 1h.
    #[serde(with = "form::duration")]
    pub body_timeout: Duration,
    /// For how long a client may not take in any more of an answer: 1s to 5m.
    #[serde(with = "form::duration")]
    pub answer_timeout: Duration,
    /// From the begin of a connection to the end of its TLS handshake: 1s to 1m.
    #[serde(with = "form::duration")]
    pub handshake_timeout: Duration,
    /// All bodies over 64KiB that are held at one time: body to 64GiB. What would exceed it is answered 503.
    #[serde(with = "form::text")]
    pub bodies_in_flight: ByteSize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8250).into(),
            tls: None,
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            shutdown_grace: Duration::from_secs(30),
            max_connections: Limits::default().max_connections,
            limits: RequestLimits::default(),
        }
    }
}

impl Default for RequestLimits {
    fn default() -> Self {
        let limits = Limits::default();
        let size = |bytes: usize| ByteSize::b(bytes as u64);
        Self {
            body: size(limits.body_bytes),
            attachments: size(limits.attachments_bytes),
            message: size(limits.message_bytes),
            recipients: limits.recipients,
            batch: limits.batch,
            header: size(limits.header_bytes),
            header_timeout: limits.header_read_timeout,
            body_timeout: limits.body_read_timeout,
            answer_timeout: limits.answer_timeout,
            handshake_timeout: limits.handshake_timeout,
            bodies_in_flight: size(limits.large_bodies_bytes),
        }
    }
}

impl Server {
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.behind_proxy {
            return Err("server.listen is off loopback: keys would cross the network in the clear. \
                        Give server.tls a cert and a key, or put a TLS proxy in front and set server.behind_proxy = true"
                .into());
        }
        if !self.trusted_proxies.is_empty() && !self.behind_proxy {
            return Err("server.trusted_proxies goes with server.behind_proxy = true".into());
        }
        within("max_connections", self.max_connections, 1..=65_536)?;
        self.limits.check().map_err(|what| format!("server.limits.{what}"))
    }

    /// For the API: reads the certificate.
    ///
    /// # Errors
    /// With exit code 2 if the certificate or its key cannot be used.
    pub fn to_entrance(&self) -> Result<Entrance> {
        let tls = self.tls.as_ref().map(ServerTls::load).transpose()?.map(Arc::new);
        let (behind_proxy, trusted_proxies) = (self.behind_proxy, self.trusted_proxies.clone());
        Ok(Entrance { tls, behind_proxy, trusted_proxies })
    }

    /// For the API.
    pub fn to_limits(&self) -> Limits {
        let limits = &self.limits;
        Limits {
            body_bytes: bytes(limits.body),
            attachments_bytes: bytes(limits.attachments),
            message_bytes: bytes(limits.message),
            recipients: limits.recipients,
            batch: limits.batch,
            header_bytes: bytes(limits.header),
            header_read_timeout: limits.header_timeout,
            body_read_timeout: limits.body_timeout,
            answer_timeout: limits.answer_timeout,
            handshake_timeout: limits.handshake_timeout,
            max_connections: self.max_connections,
            large_bodies_bytes: bytes(limits.bodies_in_flight),
            ..Limits::default()
        }
    }

    /// `https` where the API itself speaks TLS.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

impl ServerTls {
    fn load(&self) -> Result<Tls> {
        let tls = Tls::load(&self.cert, &self.key)
            .map_err(|error| Failure::new(Exit::Usage, format!("server.tls: {error}")))?;
        if let Some(warning) = self.exposed_key() {
            tracing::warn!("{warning}");
        }
        Ok(tls)
    }

    /// What is wrong with the permissions of the private key, if others than its owner can read it.
    pub fn exposed_key(&self) -> Option<String> {
        is_exposed(&self.key)
            .then(|| format!("server.tls.key: others can read {0}: chmod go= {0}", self.key.display()))
    }
}

impl RequestLimits {
    fn check(&self) -> Result<(), String> {
        const KIB: u64 = 1 << 10;
        const GIB: u64 = 1 << 30;
        let size = |name: &str, size: ByteSize, range: RangeInclusive<u64>| {
            within(name, size, ByteSize::b(*range.start())..=ByteSize::b(*range.end()))
        };
        size("body", self.body, KIB..=GIB)?;
        size("attachments", self.attachments, 0..=GIB)?;
        size("message", self.message, KIB..=GIB)?;
        within("recipients", self.recipients, 1..=1000)?;
        within("batch", self.batch, 1..=1000)?;
        size("header", self.header, 4 * KIB..=256 * KIB)?;
        for (name, timeout, most) in [
            ("header_timeout", self.header_timeout, 300),
            ("body_timeout", self.body_timeout, 3600),
            ("answer_timeout", self.answer_timeout, 300),
            ("handshake_timeout", self.handshake_timeout, 60),
        ] {
            let range = Duration::from_secs(1)..=Duration::from_secs(most);
            if !range.contains(&timeout) {
                return Err(format!("{name} is 1s to {}", humantime::format_duration(*range.end())));
            }
        }
        size("bodies_in_flight", self.bodies_in_flight, self.body.as_u64()..=64 * GIB)
    }
}

fn within<T: PartialOrd + Display>(name: &str, value: T, range: RangeInclusive<T>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!("{name} is {} to {}", range.start(), range.end()))
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

/// A file that is not there is told by whoever reads it.
fn is_exposed(key: &Path) -> bool {
    std::fs::metadata(key).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
}
