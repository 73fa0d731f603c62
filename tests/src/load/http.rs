//! The least of HTTP/1.1 that a kept connection needs (RFC 9112), so that the generator costs less than what it measures.

use bytes::{Buf as _, Bytes, BytesMut};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One answer.
pub(super) struct Response {
    pub(super) status: u16,
    /// Whether it was the answer to an earlier request with the same key.
    pub(super) replayed: bool,
    /// Whether it says when to come back.
    pub(super) retry_after: bool,
    /// Whether the server will close.
    pub(super) closing: bool,
    pub(super) body: Bytes,
}

#[derive(Default)]
struct Head {
    status: u16,
    length: usize,
    replayed: bool,
    retry_after: bool,
    closing: bool,
}

/// One kept connection.
pub(super) struct Http {
    stream: TcpStream,
    input: BytesMut,
}

impl Http {
    pub(super) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: BytesMut::with_capacity(8 << 10) })
    }

    /// Sends one request and reads its answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = self.head()? {
                break head;
            }
            self.fill().await?;
        };
        while self.input.len() < head.length {
            self.fill().await?;
        }
        let body = self.input.split_to(head.length).freeze();
        let Head { status, replayed, retry_after, closing, .. } = head;
        Ok(Response { status, replayed, retry_after, closing, body })
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let parsed =
            response.parse(&self.input).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let httparse::Status::Complete(size) = parsed else { return Ok(None) };
        let mut head = Head { status: response.code.unwrap_or_default(), ..Head::default() };
        for header in response.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or_default();
            if header.name.eq_ignore_ascii_case("content-length") {
                head.length = value.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            } else if header.name.eq_ignore_ascii_case("idempotency-replayed") {
                head.replayed = value == "true";
            } else if header.name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = value.parse::<u32>().is_ok();
            } else if header.name.eq_ignore_ascii_case("connection") {
                head.closing = value.eq_ignore_ascii_case("close");
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(io::Error::new(
                    ErrorKind::Unsupported,
                    "answers of unknown length are not read here",
                ));
            }
        }
        self.input.advance(size);
        Ok(Some(head))
    }
}
