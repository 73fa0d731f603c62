//! How the system tells the program to stop.

use crate::supervisor;
use anyhow::Result;
use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at SIGTERM or SIGINT. SIGHUP, by which a service is told to read its configuration again, is answered in
/// the log: nothing can be reloaded yet.
///
/// # Errors
/// The handlers cannot be installed.
pub fn stop_of_service() -> Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            supervisor::reloading();
            tracing::warn!(
                "SIGHUP: nothing is read again while the service runs; restart it to change its configuration"
            );
            supervisor::reloaded();
        }
    });
    Ok(first_of(vec![signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]))
}

/// Resolves at SIGTERM, SIGINT, or the end of the terminal.
///
/// # Errors
/// The handlers cannot be installed.
pub fn stop_of_session() -> Result<impl Future<Output = ()>> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    Ok(first_of(kinds.into_iter().map(signal).collect::<Result<_, _>>()?))
}

fn first_of(mut signals: Vec<Signal>) -> impl Future<Output = ()> {
    poll_fn(move |cx| match signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}
