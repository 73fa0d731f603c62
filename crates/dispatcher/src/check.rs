//! Tries a relay without mail.

use crate::config::RelayConfig;
use crate::smtp::capabilities::Capabilities;
use crate::transport::witness::Certificate;
use crate::transport::{Endpoint, Patience, connect};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use std::sync::{Arc, Mutex, PoisonError};
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

/// What a try of a relay showed, whether it was of use or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayExamined {
    /// What it answered, or the stage at which the try ended, how, and what the server said.
    pub answer: Result<RelayReport, NotSent>,
    /// Its certificate, if a handshake came so far.
    pub certificate: Option<Certificate>,
}

/// Resolves, connects, greets, encrypts, logs in as configured, and says goodbye; with what can be seen of the relay's
/// certificate, also and above all where it is refused.
///
/// # Cancel safety
/// Dropping it closes the connection.
pub async fn examine_relay(config: &RelayConfig) -> RelayExamined {
    let seen = Arc::default();
    let answer = try_relay(config, &seen).await;
    let certificate = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    RelayExamined { answer, certificate }
}

async fn try_relay(
    config: &RelayConfig,
    seen: &Arc<Mutex<Option<Certificate>>>,
) -> Result<RelayReport, NotSent> {
    let began = Instant::now();
    let endpoint = Endpoint::watched(config.clone(), seen).map_err(|error| {
        tracing::warn!(relay = %config.name, %error, "TLS cannot be set up");
        NotSent { stage: Stage::Tls, trouble: Trouble::Tls, reply: None }
    })?;
    let connection = connect(&endpoint, Patience::Usual, &CancellationToken::new()).await?;
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
