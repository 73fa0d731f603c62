//! Puts a problem (RFC 9457) into the answers that hyper gives by itself, to what it cannot read as HTTP.
//!
//! hyper writes them with an empty body and offers no place to say more. Every error answer of ours has a body, so an
//! answer of class 4 without one is hyper's, and the last on its connection.

use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Why what came in passes to nobody who could answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRequest {
    /// hyper cannot read it, and answers with that status.
    Unreadable(u16),
    /// Not TLS, where TLS is spoken.
    Plaintext,
    /// A connection that is not the proxy's.
    Stranger,
}

/// The answer to that.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// Header fields, each with its line end.
    pub fields: String,
    pub body: Vec<u8>,
}

/// Writes the answer.
pub(crate) type Refuse = Arc<dyn Fn(NoRequest) -> Refusal + Send + Sync>;

impl Refusal {
    /// As it goes over the wire, where no hyper has written a head.
    pub(super) fn whole(&self) -> Vec<u8> {
        let Self { status, fields, body } = self;
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{fields}\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }
}

/// A connection whose refusals say why.
pub(super) struct Refusing<S> {
    stream: S,
    refuse: Refuse,
    /// What is still to be written in place of hyper's answer, and how many bytes that had.
    instead: Option<(Bytes, usize)>,
}

impl<S> Refusing<S> {
    pub(super) const fn new(stream: S, refuse: Refuse) -> Self {
        Self { stream, refuse, instead: None }
    }
}

const EMPTY: &str = "content-length: 0\r\n";

/// hyper's own answer with fields and body put in; `None` for any other bytes.
fn explained(answer: &[u8], refuse: &Refuse) -> Option<Bytes> {
    let is_head = answer.starts_with(b"HTTP/1.") && answer.ends_with(b"\r\n\r\n");
    let head = std::str::from_utf8(answer).ok().filter(|_| is_head)?;
    let status: u16 = head.get(9..12)?.parse().ok().filter(|status| (400..500).contains(status))?;
    let (before, after) = head.split_once(EMPTY)?;
    let Refusal { fields, body, .. } = refuse(NoRequest::Unreadable(status));
    let mut whole = format!("{before}content-length: {}\r\n{fields}{after}", body.len()).into_bytes();
    whole.extend(body);
    Some(whole.into())
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() {
            this.instead = explained(buf, &this.refuse).map(|instead| (instead, buf.len()));
        }
        let Some((rest, length)) = &mut this.instead else {
            return Pin::new(&mut this.stream).poll_write(cx, buf);
        };
        while rest.has_remaining() {
            match ready!(Pin::new(&mut this.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Ok(0)),
                written => rest.advance(written),
            }
        }
        let length = *length;
        this.instead = None;
        Poll::Ready(Ok(length))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            // A head alone: it may be hyper's.
            [head] => self.poll_write(cx, head),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
