//! Which call needs which scope: the one table, from which the edge, the documentation and the tests read.

use crate::problem::Problem;
use postledger_core::key::Scope;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// A key with this scope, or with `admin`.
    Needs(Scope),
    /// `admin`, but from this machine nothing.
    AdminUnlessLocal,
}

use Access::{AdminUnlessLocal, Needs, Open};
use Scope::{Admin, Operate, Read, Send};

/// Every call: method, path as the router has it, need. A call that is not here does not exist.
pub(crate) const CALLS: &[(&str, &str, Access)] = &[
    ("POST", "/v1/messages", Needs(Send)),
    ("GET", "/v1/messages", Needs(Read)),
    ("POST", "/v1/messages/batch", Needs(Send)),
    ("GET", "/v1/messages/{id}", Needs(Read)),
    ("PATCH", "/v1/messages/{id}", Needs(Operate)),
    ("GET", "/v1/messages/{id}/events", Needs(Read)),
    ("GET", "/v1/messages/{id}/content", Needs(Read)),
    ("POST", "/v1/messages/{id}/cancel", Needs(Operate)),
    ("POST", "/v1/messages/{id}/hold", Needs(Operate)),
    ("POST", "/v1/messages/{id}/release", Needs(Operate)),
    ("POST", "/v1/messages/{id}/redrive", Needs(Operate)),
    ("GET", "/v1/deliveries/{id}/content", Needs(Read)),
    ("GET", "/v1/deliveries/{id}/explain", Needs(Read)),
    ("POST", "/v1/deliveries/{id}/cancel", Needs(Operate)),
    ("POST", "/v1/deliveries/{id}/hold", Needs(Operate)),
    ("POST", "/v1/deliveries/{id}/release", Needs(Operate)),
    ("POST", "/v1/deliveries/{id}/redrive", Needs(Operate)),
    ("POST", "/v1/deliveries/{id}/resolve", Needs(Operate)),
    ("GET", "/v1/keys", Needs(Admin)),
    ("POST", "/v1/keys", Needs(Admin)),
    ("DELETE", "/v1/keys/{id}", Needs(Admin)),
    ("GET", "/v1/relays", Needs(Admin)),
    ("POST", "/v1/relays/{name}/drill", Needs(Admin)),
    ("DELETE", "/v1/relays/{name}/drill", Needs(Admin)),
    ("POST", "/v1/relays/{name}/probe", Needs(Admin)),
    ("GET", "/metrics", AdminUnlessLocal),
    ("GET", "/livez", Open),
    ("GET", "/readyz", Open),
    ("GET", "/openapi.json", Open),
    ("GET", "/", Open),
    ("GET", "/docs", Open),
    ("GET", "/docs/", Open),
    ("GET", "/docs/{*file}", Open),
    ("GET", "/page.css", Open),
    ("GET", "/dev/mailbox", Open),
    ("GET", "/dev/mailbox/{n}", Open),
];

/// What the call needs; else the methods that the path has, joined for `Allow`. HEAD is a GET.
pub(crate) fn access(method: &str, path: &str) -> Result<Access, String> {
    let method = if method == "HEAD" { "GET" } else { method };
    let of_path = || CALLS.iter().filter(|call| call.1 == path);
    if let Some(call) = of_path().find(|call| call.0 == method) {
        return Ok(call.2);
    }
    let allowed = of_path().flat_map(|call| match call.0 {
        "GET" => &["GET", "HEAD"][..],
        "POST" => &["POST"],
        "PATCH" => &["PATCH"],
        _ => &["DELETE"],
    });
    Err(allowed.copied().collect::<Vec<_>>().join(", "))
}

/// Where the router ends up without a route: the edge has already answered for what is not in the table.
pub(crate) async fn refuse() -> Problem {
    Problem::not_found()
}
