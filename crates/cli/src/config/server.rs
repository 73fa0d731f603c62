//! `[server]`: the API.

use super::{Findings, form, schema};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use bytesize::ByteSize;
use ipnet::IpNet;
use postledger_api::{Entrance, Limits, Tls};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The API: where it listens, who may connect, how large a request may be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where the API listens. Port 0 takes any that is free. Off loopback it needs `tls` or `behind_proxy`.
    #[serde(with = "form::socket_address")]
    #[schemars(schema_with = "schema::socket_address", extend("x-restart" = true))]
    pub listen: SocketAddr,
    /// The certificate, where the API itself speaks TLS. The files are read again at every reload; to begin or to end
    /// with TLS takes a restart.
    pub tls: Option<ServerTls>,
    /// A proxy in front ends TLS: allows to listen off loopback, and nobody counts as local any more.
    #[schemars(extend("x-restart" = true))]
    pub behind_proxy: bool,
    /// The networks of the proxy, such as `10.1.0.0/16`: connections from elsewhere are turned away, except this
    /// machine's. Without any, all are taken.
    #[serde(with = "form::texts")]
    #[schemars(schema_with = "schema::networks", extend("x-restart" = true))]
    pub trusted_proxies: Vec<IpNet>,
    /// How long attempts in flight may take to end at a stop. What has not ended then is cut: not sent, or unknown if its
    /// whole text was out.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-max" = "1h"))]
    pub shutdown_grace: Duration,
    /// Connections at once; further ones wait to be accepted.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "connections", "x-restart" = true))]
    pub max_connections: usize,
    /// How large a request may be, and how long it may take.
    pub limits: RequestLimits,
}

/// The certificate, where the API itself speaks TLS. The files are read again at every reload; to begin or to end with TLS
/// takes a restart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// A PEM file: the certificate, then the chain to its root.
    #[schemars(schema_with = "schema::path")]
    pub cert: PathBuf,
    /// A PEM file: the certificate's private key, which only its owner should be able to read.
    #[schemars(schema_with = "schema::path")]
    pub key: PathBuf,
}

/// How large a request may be, and how long it may take.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// The body of a request.
    #[serde(with = "form::size")]
    #[schemars(schema_with = "schema::size", extend("x-min" = "1KiB", "x-max" = "1GiB"))]
    pub body: ByteSize,
    /// All attachments of a message together, before encoding.
    #[serde(with = "form::size")]
    #[schemars(schema_with = "schema::size", extend("x-min" = "0B", "x-max" = "1GiB"))]
    pub attachments: ByteSize,
    /// A rendered message.
    #[serde(with = "form::size")]
    #[schemars(schema_with = "schema::size", extend("x-min" = "1KiB", "x-max" = "1GiB"))]
    pub message: ByteSize,
    /// Addresses in `to`, `cc` and `bcc` together.
    #[schemars(range(min = 1, max = 1000), extend("x-unit" = "addresses"))]
    pub recipients: usize,
    /// Messages in a batch.
    #[schemars(range(min = 1, max = 1000), extend("x-unit" = "messages"))]
    pub batch: usize,
    /// The line and the header fields of a request together.
    #[serde(with = "form::size")]
    #[schemars(schema_with = "schema::size", extend("x-min" = "4KiB", "x-max" = "256KiB", "x-restart" = true))]
    pub header: ByteSize,
    /// From the end of one request (or the begin of the connection) to the end of the next one's header fields.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1s", "x-max" = "5m", "x-restart" = true))]
    pub header_timeout: Duration,
    /// From the end of the header fields to the end of the body.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1s", "x-max" = "1h"))]
    pub body_timeout: Duration,
    /// For how long a client may not take in any more of an answer.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1s", "x-max" = "5m", "x-restart" = true))]
    pub answer_timeout: Duration,
    /// From the begin of a connection to the end of its TLS handshake.
    #[serde(with = "form::duration")]
    #[schemars(schema_with = "schema::duration", extend("x-min" = "1s", "x-max" = "1m", "x-restart" = true))]
    pub handshake_timeout: Duration,
    /// All bodies over 64KiB that are held at one time, at least `body`. What would exceed it is answered 503.
    #[serde(with = "form::size")]
    #[schemars(schema_with = "schema::size", extend("x-min" = "1KiB", "x-max" = "64GiB", "x-restart" = true))]
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
    /// What does not go together, by key.
    pub(super) fn check(&self, findings: &mut Findings) {
        let mut add = |key: &str, what: &str| findings.push((format!("server.{key}"), what.to_owned()));
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.behind_proxy {
            add(
                "listen",
                "off loopback keys would cross the network in the clear. Give server.tls a cert and a key, \
                           or put a TLS proxy in front and set server.behind_proxy = true",
            );
        }
        if !self.trusted_proxies.is_empty() && !self.behind_proxy {
            add("trusted_proxies", "goes with server.behind_proxy = true");
        }
        if self.limits.bodies_in_flight < self.limits.body {
            add("limits.bodies_in_flight", "less than server.limits.body: no large body would ever be taken");
        }
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

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

/// A file that is not there is told by whoever reads it.
fn is_exposed(key: &Path) -> bool {
    std::fs::metadata(key).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
}
