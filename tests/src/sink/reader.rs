//! The bytes of one connection, in and out.

use super::log::End;
use super::{Certificate, Shared};
use bytes::{Buf as _, BytesMut};
use memchr::{memchr, memmem};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The longest command line that is waited for, in bytes.
const LINE_LIMIT: usize = 1 << 20;

/// How long a peer may take to notice that it was closed on.
const LINGER: Duration = Duration::from_secs(10);

/// Why a connection is over.
pub(super) type Ended<T> = Result<T, End>;

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Gone,
}

/// Reads whole lines and bodies, and gathers replies until everything that was pipelined has been read.
pub(super) struct Wire {
    socket: Socket,
    input: BytesMut,
    output: Vec<u8>,
    /// A transaction whose reply is still to be put.
    due: Option<usize>,
    /// Transactions whose reply stands in `output`.
    unanswered: Vec<usize>,
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, id: u64, shared: Arc<Shared>) -> Self {
        // Loopback without Nagle: a reply must not wait for the peer's delayed ACK. A socket that refuses still works.
        let _nodelay = stream.set_nodelay(true);
        let input = BytesMut::with_capacity(16 << 10);
        Self {
            socket: Socket::Plain(stream),
            input,
            output: Vec::new(),
            due: None,
            unanswered: Vec::new(),
            id,
            shared,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.socket, Socket::Tls(_))
    }

    /// Makes the connection one under TLS. What was read before belongs to the past and is thrown away.
    pub(super) async fn secure(&mut self, certificate: &Certificate) -> Ended<()> {
        self.flush().await?;
        self.input.clear();
        let Socket::Plain(stream) = std::mem::replace(&mut self.socket, Socket::Gone) else {
            return Err(End::TlsFailed("twice".to_owned()));
        };
        let stream =
            certificate.acceptor().accept(stream).await.map_err(|e| End::TlsFailed(e.to_string()))?;
        self.socket = Socket::Tls(Box::new(stream));
        self.shared.journal.on(self.id, |it| it.tls = true);
        Ok(())
    }

    /// The next line, without its end (CRLF, or a bare LF as many servers take it).
    pub(super) async fn line(&mut self) -> Ended<BytesMut> {
        let mut looked = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.input[looked..]) {
                let mut line = self.input.split_to(looked + at + 1);
                line.truncate(line.len() - 1);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Ok(line);
            }
            looked = self.input.len();
            if looked > LINE_LIMIT {
                return Err(End::Broken("a command without an end".to_owned()));
            }
            self.fill().await?;
        }
    }

    /// Waits until the body has begun.
    pub(super) async fn some(&mut self) -> Ended<()> {
        if self.input.is_empty() { self.fill().await } else { Ok(()) }
    }

    /// The body up to the dot, still stuffed. Only CRLF.CRLF ends it: a bare newline is part of the message.
    pub(super) async fn body(&mut self) -> Ended<BytesMut> {
        let mut looked = 0;
        loop {
            if self.input.starts_with(b".\r\n") {
                self.input.advance(3);
                return Ok(BytesMut::new());
            }
            if let Some(at) = memmem::find(&self.input[looked..], b"\r\n.\r\n") {
                let body = self.input.split_to(looked + at + 2);
                self.input.advance(3);
                return Ok(body);
            }
            looked = self.input.len().saturating_sub(4);
            self.fill().await?;
        }
    }

    /// Puts bytes behind those that wait to be written.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Remembers that a reply is due to this transaction's dot.
    pub(super) fn owes(&mut self, place: usize) {
        self.due = Some(place);
    }

    /// Puts the reply that is due off: to what?
    pub(super) fn puts_off(&mut self) -> Option<usize> {
        self.due.take()
    }

    /// The reply that was due, if one was, has been put in full.
    pub(super) fn complete(&mut self) {
        self.unanswered.extend(self.due.take());
    }

    /// Writes everything that was put.
    pub(super) async fn flush(&mut self) -> Ended<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let written = match &mut self.socket {
            Socket::Plain(stream) => stream.write_all(&self.output).await,
            Socket::Tls(stream) => match stream.write_all(&self.output).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
            Socket::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        written.map_err(broken)?;
        if self.shared.journal.bytes {
            self.shared.journal.on(self.id, |it| it.sent.extend_from_slice(&self.output));
        }
        self.output.clear();
        if !self.unanswered.is_empty() {
            self.shared.journal.answered(&self.unanswered);
            self.unanswered.clear();
        }
        Ok(())
    }

    /// Reads once, after everything that is due was written.
    async fn fill(&mut self) -> Ended<()> {
        self.flush().await?;
        let before = self.input.len();
        self.input.reserve(8 << 10);
        let read = match &mut self.socket {
            Socket::Plain(stream) => stream.read_buf(&mut self.input).await,
            Socket::Tls(stream) => stream.read_buf(&mut self.input).await,
            Socket::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        if read.map_err(broken)? == 0 {
            return Err(End::PeerClosed);
        }
        if self.shared.journal.bytes {
            self.shared.journal.on(self.id, |it| it.received.extend_from_slice(&self.input[before..]));
        }
        Ok(())
    }

    /// Reads and forgets until the peer leaves.
    pub(super) async fn drain(&mut self) -> End {
        loop {
            self.input.clear();
            if let Err(end) = self.fill().await {
                return end;
            }
        }
    }

    /// FIN, and then reads until the peer closes too: closing with bytes unread would be a reset.
    pub(super) async fn finish(&mut self) -> End {
        if let Err(end) = self.flush().await {
            return end;
        }
        let shut = match &mut self.socket {
            Socket::Plain(stream) => stream.shutdown().await,
            Socket::Tls(stream) => stream.shutdown().await,
            Socket::Gone => Ok(()),
        };
        if let Err(error) = shut {
            return broken(error);
        }
        // However the peer leaves, and also if it does not, it was the script that closed.
        let _left = tokio::time::timeout(LINGER, self.drain()).await;
        End::Closed
    }

    /// Throws away what was not written yet, and everything in flight: the peer sees RST.
    pub(super) fn reset(&mut self) -> End {
        let stream = match &self.socket {
            Socket::Plain(stream) => Some(stream),
            Socket::Tls(stream) => Some(stream.get_ref().0),
            Socket::Gone => None,
        };
        match stream.map(TcpStream::set_zero_linger) {
            Some(Err(error)) => broken(error),
            Some(Ok(())) | None => End::Reset,
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn broken(error: io::Error) -> End {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        End::PeerClosed
    } else {
        End::Broken(error.to_string())
    }
}
