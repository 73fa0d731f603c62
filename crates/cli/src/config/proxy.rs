//! How a proxy is written: `socks5://HOST:PORT`, `http://HOST:PORT`.

use super::is_host;
use postledger_dispatcher::{Proxy, ProxyKind};

/// Without credentials: those are keys of their own.
pub(super) fn parse(text: &str) -> Result<Proxy, &'static str> {
    const FORM: &str = "expected socks5://HOST:PORT or http://HOST:PORT";
    let (scheme, place) = text.split_once("://").ok_or(FORM)?;
    let kind = match scheme {
        "socks5" => ProxyKind::Socks5,
        "http" => ProxyKind::Http,
        _ => return Err(FORM),
    };
    if place.contains('@') {
        return Err("a login does not stand in it: use proxy_username and proxy_password_file");
    }
    let (host, port) = place.trim_end_matches('/').rsplit_once(':').ok_or(FORM)?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = port.parse().ok().filter(|port| *port != 0).ok_or(FORM)?;
    let is_right = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.contains(':') && is_host(host),
    };
    let host = inner.unwrap_or(host).to_owned();
    if is_right { Ok(Proxy { kind, host, port, credentials: None }) } else { Err(FORM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_scheme_a_host_and_a_port() {
        let table = [
            ("socks5://proxy.example:1080", Some((ProxyKind::Socks5, "proxy.example", 1080))),
            ("http://127.0.0.1:3128/", Some((ProxyKind::Http, "127.0.0.1", 3128))),
            ("http://[::1]:3128", Some((ProxyKind::Http, "::1", 3128))),
            ("http://proxy.example", None),
            ("https://proxy.example:443", None),
            ("socks5://me:secret@proxy.example:1080", None),
            ("socks5://proxy example:1080", None),
            ("socks5://::1:1080", None),
            ("socks5://proxy.example:0", None),
            ("proxy.example:1080", None),
        ];
        for (text, expected) in table {
            let parsed = parse(text).ok();
            let parsed = parsed.as_ref().map(|proxy| (proxy.kind, &*proxy.host, proxy.port));
            assert_eq!(parsed, expected, "{text}");
        }
    }
}
