//! Tries a relay without mail.

use crate::config::RelayConfig;
use crate::smtp::capabilities::Capabilities;
use crate::transport::{Endpoint, connect};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a relay answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayReport {
    /// The first line of its greeting.
    pub banner: String,
    /// Whether the session was encrypted and the certificate is valid for the host.
    pub is_encrypted: bool,
    /// Whether it took the credentials; false where none are configured.
    pub is_authenticated: bool,
    /// What it offers, as of its last EHLO reply.
    pub offers: Capabilities,
    /// From the first look-up to a session that is ready.
    pub took: Duration,
}

/// Resolves, connects, greets, encrypts, logs in as configured, and says goodbye.
///
/// # Errors
/// [`NotSent`]: the stage that failed, how, and what the server said.
///
/// # Cancel safety
/// Dropping it closes the connection.
pub async fn test_relay(config: &RelayConfig) -> Result<RelayReport, NotSent> {
    let began = Instant::now();
    let endpoint = Endpoint::new(config.clone()).map_err(|error| {
        tracing::warn!(relay = %config.name, %error, "TLS cannot be set up");
        NotSent { stage: Stage::Tls, trouble: Trouble::Tls, reply: None }
    })?;
    let connection = connect(&endpoint, &CancellationToken::new()).await?;
    let report = RelayReport {
        banner: connection.session.banner().to_owned(),
        is_encrypted: connection.session.is_secure(),
        is_authenticated: config.credentials.is_some(),
        offers: connection.session.capabilities(),
        took: began.elapsed(),
    };
    connection.quit().await;
    Ok(report)
}
