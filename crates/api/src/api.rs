//! The API put together.

use crate::access;
use crate::body;
use crate::edge;
use crate::entrance::Entrance;
use crate::keys::Keys;
use crate::listener::{self, Tcp};
use crate::messages::submit::ACCEPTED;
use crate::openapi;
use crate::services::Services;
use axum::Router;
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use postledger_core::ledger::LedgerError;
use postledger_core::policy::Policy;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The HTTP API of a service.
#[derive(Debug)]
pub struct Api {
    shared: Arc<Shared>,
    router: Router,
}

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub services: Services,
    pub keys: Arc<Keys>,
    /// Shared by all messages that say nothing about their policy.
    pub default_policy: Arc<Policy>,
    /// What large bodies may still hold, in KiB.
    pub large_bodies: Arc<Semaphore>,
    pub openapi: Bytes,
}

impl Api {
    /// Reads the keys of the ledger and follows them from now on. Serves nothing yet.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub async fn new(services: Services) -> Result<Self, LedgerError> {
        metrics::describe_counter!(
            ACCEPTED,
            "Messages accepted: durable in the ledger and answered with 202"
        );
        metrics::counter!(ACCEPTED).increment(0);
        let shared = Arc::new(Shared {
            keys: Keys::follow(&*services.ledger).await?,
            default_policy: Arc::new(services.defaults.clone()),
            large_bodies: Arc::new(body::shares(services.limits.large_bodies_bytes)),
            openapi: openapi::openapi_json().into(),
            services,
        });
        let (router, _) = openapi::routes().split_for_parts();
        let router = router
            .method_not_allowed_fallback(access::refuse)
            .fallback(access::refuse)
            .layer(from_fn_with_state(shared.clone(), edge::edge))
            .with_state(shared.clone());
        Ok(Self { shared, router })
    }

    /// Serves callers with API keys until `shutdown`, then lets requests in flight end, for a bounded time.
    ///
    /// # Cancel safety
    /// Dropping it cuts the connections; what has reached the ledger stays.
    pub async fn serve(&self, listener: TcpListener, entrance: Entrance, shutdown: CancellationToken) {
        let (router, refuse) = (self.router.clone(), edge::refusals(self.shared.clone()));
        let limits = &self.shared.services.limits;
        let (entrance, handshake_timeout) = (Arc::new(entrance), limits.handshake_timeout);
        let tcp = Tcp { listener, entrance, refuse: refuse.clone(), handshake_timeout };
        listener::serve(tcp, router, refuse, limits, shutdown).await;
    }

    /// Serves the control socket: whoever may open it may do everything, for every tenant. `Postledger-Tenant` names the
    /// tenant to act for; without it, submissions are the default tenant's and everything can be seen.
    ///
    /// # Cancel safety
    /// As for `serve`.
    pub async fn serve_control(&self, listener: UnixListener, shutdown: CancellationToken) {
        let (router, refuse) = (self.router.clone(), edge::refusals(self.shared.clone()));
        listener::serve(listener, router, refuse, &self.shared.services.limits, shutdown).await;
    }

    /// One request without a socket.
    #[cfg(test)]
    pub(crate) async fn call(
        &self,
        peer: crate::caller::Peer,
        mut request: axum::extract::Request,
    ) -> axum::response::Response {
        use tower::ServiceExt;
        request.extensions_mut().insert(peer);
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
