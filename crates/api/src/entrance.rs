//! How callers come in over TCP: whose connections are taken, and what is known of who is behind them.

use crate::caller::Peer;
use crate::tls::Tls;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// The rules of a TCP listener. Without any of them: plaintext, from everywhere.
///
/// `X-Forwarded-For` and its like decide nothing: anybody can write them, and client addresses are used for nothing.
#[derive(Debug, Clone, Default)]
pub struct Entrance {
    /// TLS, where callers shall speak it.
    pub tls: Option<Arc<Tls>>,
    /// A proxy stands in front: that a connection comes from this machine says nothing about who calls.
    pub behind_proxy: bool,
    /// Where the proxy's connections come from. Others are turned away unread, except this machine's; with none here,
    /// all are taken.
    pub trusted_proxies: Vec<IpNet>,
}

impl Entrance {
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.is_empty()
            || address.is_loopback()
            || self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    pub(crate) fn peer(&self, address: IpAddr) -> Peer {
        if address.to_canonical().is_loopback() && !self.behind_proxy { Peer::Loopback } else { Peer::Remote }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxies_and_this_machine_come_in() {
        let entrance = Entrance {
            behind_proxy: true,
            trusted_proxies: ["10.1.0.0/16", "2001:db8::/64"].map(|network| network.parse().unwrap()).into(),
            ..Entrance::default()
        };
        let table = [
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("::ffff:10.1.2.3", true),
            ("::ffff:10.2.2.3", false),
            ("2001:db8::7", true),
            ("2001:db8:1::7", false),
            ("127.0.0.1", true),
            ("::1", true),
        ];
        for (address, is_admitted) in table {
            assert_eq!(entrance.admits(address.parse().unwrap()), is_admitted, "{address}");
        }
        assert!(Entrance::default().admits("203.0.113.7".parse().unwrap()));
    }

    #[test]
    fn behind_a_proxy_nobody_is_local() {
        let plain = Entrance::default();
        let proxied = Entrance { behind_proxy: true, ..Entrance::default() };
        for (address, is_local) in [("127.0.0.1", true), ("::ffff:127.0.0.9", true), ("10.0.0.1", false)] {
            let address = address.parse().unwrap();
            assert_eq!(plain.peer(address) == Peer::Loopback, is_local, "{address}");
            assert_eq!(proxied.peer(address), Peer::Remote, "{address}");
        }
    }
}
