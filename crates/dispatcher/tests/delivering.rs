//! The dispatcher against relays of every temper, over real sockets, on the in-memory ledger.

mod delivering {
    mod deliver;
    mod endings;
    mod proxies;
    mod quarantine;
    mod relays;
    mod stages;
    mod support;
    mod tls;
}
