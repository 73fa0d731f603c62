//! Who calls, for whom, and what they may do.

use crate::problem::{Problem, code};
use axum::http::{HeaderMap, header};
use postledger_core::key::{Key, Scope};
use postledger_core::name::{Actor, Tenant};
use std::collections::BTreeSet;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The control socket: whoever may open it may do everything.
    Control,
    /// This machine.
    Loopback,
    /// Anywhere else.
    Remote,
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub actor: Actor,
    /// Whose data it sees; `None`: everybody's (control socket only).
    pub tenant: Option<Tenant>,
    /// `None`: all of them.
    scopes: Option<BTreeSet<Scope>>,
}

/// Names the tenant a call over the control socket acts for.
pub(crate) const TENANT_HEADER: &str = "postledger-tenant";

impl Caller {
    /// The holder of a key.
    pub fn holder(key: &Key) -> Self {
        Self {
            actor: Actor::key(key.id),
            tenant: Some(key.tenant.clone()),
            scopes: Some(key.created.scopes.clone()),
        }
    }

    /// Somebody at the control socket: for the tenant that `Postledger-Tenant` names, for all without it.
    pub fn control(headers: &HeaderMap) -> Result<Self, Problem> {
        let tenant = headers.get(TENANT_HEADER).map(|value| value.to_str().unwrap_or_default().parse());
        let tenant = tenant.transpose().map_err(|invalid: postledger_core::name::InvalidName| {
            Problem::invalid_field("Postledger-Tenant", "invalid_name", invalid.to_string())
        })?;
        Ok(Self { actor: Actor::control(), tenant, scopes: None })
    }

    /// Whether it may do what `scope` names. `admin` may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        let Some(scopes) = &self.scopes else { return true };
        scopes.contains(&scope) || scopes.contains(&Scope::Admin)
    }

    /// Whether data of `tenant` exists for it.
    pub fn sees(&self, tenant: &Tenant) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// Whose message it is that this caller submits.
    pub fn submits_for(&self) -> Tenant {
        self.tenant.clone().unwrap_or_else(Tenant::default_tenant)
    }
}

/// 401, with what to do about it. Says nothing about why: unknown, wrong, revoked and expired look alike.
pub(crate) fn unauthenticated() -> Problem {
    let detail = "a valid API key is needed: Authorization: Bearer plk_…";
    Problem::new(code::UNAUTHENTICATED, detail)
        .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"postledger\"")
}

/// The token of `Authorization: Bearer …` (RFC 6750 2.1). Of two fields none counts: a proxy may have checked the other.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}
