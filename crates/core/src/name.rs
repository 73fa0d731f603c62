//! Names that operators choose: tenants, relays, routes, sources, actors.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The text is no name: 1 to 64 of `a-z`, `0-9` and `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 characters of a-z, 0-9 and _")]
pub struct InvalidName;

macro_rules! name {
    ($(#[$doc:meta] $name:ident),*) => {$(
        #[$doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let fits = matches!(text.len(), 1..=64)
                    && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
                if fits { Ok(Self(text.into())) } else { Err(InvalidName) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

name!(
    /// Whose mail it is. Every event and every query belongs to one.
    Tenant,
    /// A configured next hop.
    RelayName,
    /// Which relays a delivery may use, in order.
    RouteName,
    /// A configured key that signs a domain's mail.
    DkimName,
    /// Where a message came in: `api`, or the name of an outbox. The scope of idempotency keys, with the tenant.
    Source,
    /// Who caused an event: a key's id, `control`, or `system`.
    Actor
);

impl Tenant {
    /// The tenant of a service with one tenant, and of events that are the service's own.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

impl RouteName {
    /// The route of a message that names none.
    pub fn default_route() -> Self {
        Self("default".into())
    }
}

impl Default for RouteName {
    fn default() -> Self {
        Self::default_route()
    }
}

impl Source {
    /// The HTTP API.
    pub fn api() -> Self {
        Self("api".into())
    }
}

impl Actor {
    /// The service itself.
    pub fn system() -> Self {
        Self("system".into())
    }

    /// Somebody with access to the control socket.
    pub fn control() -> Self {
        Self("control".into())
    }

    /// The holder of a key.
    pub fn key(id: crate::id::KeyId) -> Self {
        Self(id.to_string().into())
    }
}
