//! Closes a connection so that the last answer arrives.
//!
//! A socket that is closed with bytes unread is reset, and the peer's system throws away what it had not read yet: the
//! very answer that says why (RFC 9112 9.6). So the sending side is closed first, and what still comes is read and
//! thrown away for a short while.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A connection that lingers when it is shut down: until its peer closes, too, at most for two seconds and 64 MiB.
pub(super) struct Lingering<S> {
    stream: S,
    /// Set once the sending side is closed.
    until: Option<Pin<Box<Sleep>>>,
    left: usize,
}

const LONGEST: Duration = Duration::from_secs(2);
const MOST: usize = 64 * 1024 * 1024;

impl<S> Lingering<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, until: None, left: MOST }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.until.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let until =
            this.until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + LONGEST)));
        let mut rest = [0; 8 * 1024];
        while this.left > 0 && until.as_mut().poll(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut rest);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                break;
            }
            this.left = this.left.saturating_sub(rest.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}
