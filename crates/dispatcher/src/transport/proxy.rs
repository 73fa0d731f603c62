//! The way to a relay through a proxy. The proxy is given the relay's name and resolves it; what goes wrong here is told as
//! the proxy's trouble, not as the relay's.

use crate::config::{Proxy, ProxyKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use postledger_core::outcome::Trouble;
use std::str::from_utf8;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

/// A longer head of an answer is none of a proxy's.
const MAX_HEAD: usize = 8 * 1024;

/// Asks the proxy at the other end of `stream` for the way to `host`. Whatever comes after its answer is the relay's.
pub(super) async fn tunnel(
    stream: TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<TcpStream, Trouble> {
    match proxy.kind {
        ProxyKind::Socks5 => socks5(stream, proxy, host, port).await,
        ProxyKind::Http => http(stream, proxy, host, port).await,
    }
}

async fn socks5(stream: TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<TcpStream, Trouble> {
    let target = (host, port);
    let connected = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(login) => {
            let (name, password) = (&login.username, &login.password);
            Socks5Stream::connect_with_password_and_socket(stream, target, name, password).await
        }
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| match error {
        Error::Io(_)
        | Error::GeneralSocksServerFailure
        | Error::NetworkUnreachable
        | Error::HostUnreachable
        | Error::ConnectionRefused
        | Error::TtlExpired => Trouble::ProxyFailed,
        Error::ConnectionNotAllowedByRuleset
        | Error::NoAcceptableAuthMethods
        | Error::PasswordAuthFailure(_)
        | Error::AuthorizationRequired
        | Error::IdentdAuthFailure
        | Error::InvalidUserIdAuthFailure
        | Error::InvalidAuthValues(_)
        | Error::CommandNotSupported
        | Error::AddressTypeNotSupported => Trouble::ProxyRefused,
        Error::ParseError(_)
        | Error::InvalidTargetAddress(_)
        | Error::ProxyServerUnreachable
        | Error::InvalidResponseVersion
        | Error::UnknownAuthMethod
        | Error::UnknownError
        | Error::InvalidReservedByte
        | Error::UnknownAddressType => Trouble::ProxyProtocol,
    })
}

async fn http(mut stream: TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<TcpStream, Trouble> {
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(login) = &proxy.credentials {
        let login = BASE64_STANDARD.encode(format!("{}:{}", login.username, login.password));
        request.push_str(&format!("Proxy-Authorization: Basic {login}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|_| Trouble::ProxyFailed)?;
    let mut head = Vec::new();
    // Byte by byte: the relay's greeting may come in the same segment, and belongs to the session.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.map_err(|_| Trouble::ProxyFailed)?);
        let is_http = head.starts_with(&b"HTTP/1."[..head.len().min(7)]);
        if !is_http || head.len() > MAX_HEAD {
            return Err(Trouble::ProxyProtocol);
        }
    }
    match status(&head) {
        Some(200..=299) => Ok(stream),
        Some(401 | 403 | 405 | 407) => Err(Trouble::ProxyRefused),
        Some(300..=599) => Err(Trouble::ProxyFailed),
        Some(_) | None => Err(Trouble::ProxyProtocol),
    }
}

/// The status code of an answer (RFC 9112 4).
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()
}
