//! The API put together.

use crate::access;
use crate::body;
use crate::caller::Peer;
use crate::edge;
use crate::entrance::Entrance;
use crate::keys::Keys;
use crate::listener::{self, Tcp};
use crate::messages::submit::ACCEPTED;
use crate::openapi;
use crate::services::Services;
use crate::settings::Settings;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use postledger_core::ledger::LedgerError;
use std::sync::{Arc, PoisonError, RwLock};
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
    settings: RwLock<Arc<Settings>>,
    /// What large bodies may still hold, in KiB.
    pub large_bodies: Arc<Semaphore>,
    pub openapi: Bytes,
}

impl Shared {
    /// The settings as they are now; whoever checks a request keeps to one look at them.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Api {
    /// Reads the keys of the ledger and follows them from now on. Serves nothing yet.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub async fn new(services: Services, settings: Settings) -> Result<Self, LedgerError> {
        metrics::describe_counter!(
            ACCEPTED,
            "Messages accepted: durable in the ledger and answered with 202"
        );
        metrics::counter!(ACCEPTED).increment(0);
        let shared = Arc::new(Shared {
            keys: Keys::follow(&*services.ledger).await?,
            large_bodies: Arc::new(body::shares(settings.limits.large_bodies_bytes)),
            openapi: openapi::openapi_json().into(),
            services,
            settings: RwLock::new(Arc::new(settings)),
        });
        let (router, _) = openapi::routes().split_for_parts();
        let router = router
            .method_not_allowed_fallback(access::refuse)
            .fallback(access::refuse)
            .layer(from_fn_with_state(shared.clone(), edge::edge))
            .with_state(shared.clone());
        Ok(Self { shared, router })
    }

    /// Takes over other settings. A request that is being read meanwhile may meet the old or the new.
    pub fn set_settings(&self, settings: Settings) {
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Serves callers with API keys until `shutdown`, then lets requests in flight end, for a bounded time.
    ///
    /// # Cancel safety
    /// Dropping it cuts the connections; what has reached the ledger stays.
    pub async fn serve(&self, listener: TcpListener, entrance: Entrance, shutdown: CancellationToken) {
        let (router, refuse) = (self.router.clone(), edge::refusals(self.shared.clone()));
        let limits = &self.shared.settings().limits;
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
        listener::serve(listener, router, refuse, &self.shared.settings().limits, shutdown).await;
    }

    /// Answers one request without a socket, as one that came over the control socket: whoever has the API at hand
    /// may do everything.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = self.call(Peer::Control, request.map(Body::from)).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        Response::from_parts(parts, body)
    }

    /// One request without a socket.
    pub(crate) async fn call(
        &self,
        peer: Peer,
        mut request: axum::extract::Request,
    ) -> axum::response::Response {
        use tower::ServiceExt;
        request.extensions_mut().insert(peer);
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
