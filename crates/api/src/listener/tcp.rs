//! Connections over TCP: whose are taken, and TLS where it is configured. All of it in the connection's own task, so
//! that nobody's handshake keeps another waiting.

use super::closing::Lingering;
use super::refusal::{NoRequest, Refuse};
use super::{Listen, Peer};
use crate::entrance::Entrance;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// A TCP port.
pub(crate) struct Tcp {
    pub listener: TcpListener,
    pub entrance: Arc<Entrance>,
    pub refuse: Refuse,
    pub handshake_timeout: Duration,
}

/// The first byte of every TLS connection: a record of a handshake (RFC 8446 5.1).
const HANDSHAKE: u8 = 22;

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl Listen for Tcp {
    type Raw = (TcpStream, SocketAddr);
    type Stream = Stream;

    async fn accept(&self) -> io::Result<Self::Raw> {
        let (stream, address) = self.listener.accept().await?;
        // A connection that is gone already is no reason to stop accepting.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    }

    fn open(
        &self,
        (stream, address): Self::Raw,
    ) -> impl Future<Output = Option<(Stream, Peer)>> + Send + 'static {
        let (entrance, refuse) = (self.entrance.clone(), self.refuse.clone());
        let opened = tokio::time::timeout(self.handshake_timeout, async move {
            if !entrance.admits(address.ip()) {
                return turn_away(stream, &refuse, NoRequest::Stranger).await;
            }
            let peer = entrance.peer(address.ip());
            let Some(tls) = &entrance.tls else { return Ok(Some((Either::Left(stream), peer))) };
            let mut first = [HANDSHAKE];
            stream.peek(&mut first).await?;
            if first != [HANDSHAKE] {
                return turn_away(stream, &refuse, NoRequest::Plaintext).await;
            }
            let secured = TlsAcceptor::from(tls.config()).accept(stream).await?;
            Ok(Some((Either::Right(Box::new(secured)), peer)))
        });
        async move {
            match opened.await {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!("a handshake took too long");
                    None
                }
            }
        }
    }
}

/// Says why, in HTTP, and closes.
async fn turn_away<T>(stream: TcpStream, refuse: &Refuse, why: NoRequest) -> io::Result<Option<T>> {
    let mut stream = Lingering::new(stream);
    stream.write_all(&refuse(why).whole()).await?;
    stream.shutdown().await?;
    Ok(None)
}
