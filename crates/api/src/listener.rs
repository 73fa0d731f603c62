//! The accept loop: hyper with timers and limits.
//!
//! `axum::serve` has no timer, so one that sends half a header would hold its place for ever.

mod closing;
mod refusal;
mod tcp;

pub(crate) use refusal::{NoRequest, Refusal, Refuse};
pub(crate) use tcp::Tcp;

use crate::caller::Peer;
use crate::limits::Limits;
use axum::Router;
use axum::body::Body;
use closing::Lingering;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use refusal::Refusing;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Where connections come from.
pub(crate) trait Listen {
    type Raw: Send + 'static;
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    async fn accept(&self) -> io::Result<Self::Raw>;

    /// Makes it ready for requests, in its own task and bounded in time; `None` if nothing can come of it.
    fn open(&self, raw: Self::Raw) -> impl Future<Output = Option<(Self::Stream, Peer)>> + Send + 'static;
}

impl Listen for UnixListener {
    type Raw = UnixStream;
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(Self::accept(self).await?.0)
    }

    fn open(&self, raw: UnixStream) -> impl Future<Output = Option<(UnixStream, Peer)>> + Send + 'static {
        std::future::ready(Some((raw, Peer::Control)))
    }
}

/// A failed accept is mostly want of file descriptors: only time brings them back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What hyper buffers of one connection at most, bytes.
const BUFFER: usize = 64 * 1024;

pub(crate) async fn serve(
    listener: impl Listen,
    router: Router,
    refuse: Refuse,
    limits: &Limits,
    shutdown: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        // A client that says no more may still wait for its answer.
        .half_close(true)
        .max_header_size(limits.header_bytes)
        .max_buf_size(BUFFER.max(limits.header_bytes));
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let connections = GracefulShutdown::new();
    // Cancelled when this function ends, in whatever way.
    let cut = CancellationToken::new();
    let _cut_at_the_end = cut.clone().drop_guard();
    loop {
        let accepted = async {
            // The place comes first: whoever finds none waits in the backlog, not in memory.
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let raw = match accepted {
            Ok(raw) => raw,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let opened = listener.open(raw);
        let (router, refuse, http) = (router.clone(), refuse.clone(), http.clone());
        let (watcher, shutdown, cut) = (connections.watcher(), shutdown.clone(), cut.clone());
        let answer_timeout = limits.answer_timeout;
        tokio::spawn(async move {
            let _place = place;
            let opened = tokio::select! {
                opened = opened => opened,
                () = shutdown.cancelled() => None,
            };
            let Some((stream, peer)) = opened else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                router.clone().oneshot(request)
            });
            // Nobody holds a place by not reading what was asked for.
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(answer_timeout));
            let io = TokioIo::new(Refusing::new(Lingering::new(Box::pin(stream)), refuse));
            let connection = watcher.watch(http.serve_connection(io, service));
            tokio::select! {
                // How a connection ends is the client's business: its requests are logged, one by one.
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, connections.shutdown()).await.is_err() {
        tracing::warn!("requests in flight were cut off");
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
