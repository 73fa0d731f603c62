//! `/v1/keys`: issue, list, revoke. A key manages the keys of its own tenant; the control socket those of all.

use crate::answer::{self, Data};
use crate::api::Shared;
use crate::body;
use crate::caller::Caller;
use crate::intake::{self, Findings};
use crate::json;
use crate::path_id::PathId;
use crate::problem::{Problem, code};
use crate::request::{Few, Parsed, Span};
use crate::shown::{shown, shown_option};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Response, StatusCode};
use postledger_core::event::Event;
use postledger_core::id::{KeyId, Ordinal, Stream};
use postledger_core::key::{Key, KeyCreated, KeyEvent, KeyText, Scope};
use postledger_core::ledger::{Append, Change, LedgerError};
use postledger_core::name::Tenant;
use postledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// A key to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// Whose it is. Default: the caller's own tenant; another one only over the control socket.
    #[schema(value_type = Option<String>, example = "default")]
    tenant: Option<Parsed<Tenant>>,
    /// What it may do: `send`, `read`, `operate`, `admin`; at least one.
    #[schema(value_type = Vec<String>, example = json!(["send", "read"]))]
    scopes: Few<String>,
    /// How long it is good: `1m` to `3650d`. Default: for ever.
    #[schema(value_type = Option<String>, example = "90d")]
    expires_after: Option<Span>,
}

/// A key, this once with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey<'a> {
    /// Its id; not secret.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "key_0123456789abcdef")]
    id: KeyId,
    /// The key itself: shown now and never again.
    key: &'a str,
    /// Whose it is.
    tenant: &'a str,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// Good until then; null: for ever.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key as it is listed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyJson {
    /// Its id.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "key_0123456789abcdef")]
    id: KeyId,
    /// Whose it is.
    tenant: String,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// When it was issued.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Good until then; null: for ever.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked; null while it is good.
    #[serde(serialize_with = "shown_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

/// Issue a key.
#[utoipa::path(
    post, path = "/v1/keys", operation_id = "create_key", tag = "keys", request_body = NewKey,
    responses(
        (status = 201, description = "The key; its text is shown this once", body = CreatedKey<'static>),
        (status = 403, description = "`tenant_forbidden`: a key issues keys of its own tenant only"),
    ),
)]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let received = body::read(&shared, request, false).await?;
    let (tenant, scopes, lifetime) = check(json::parse(&received.bytes)?, &caller)?;
    let services = &shared.services;
    let now = services.clock.now();
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    services.entropy.fill(&mut id);
    services.entropy.fill(&mut secret);
    let (id, text) = (KeyId(id), KeyText::new(KeyId(id), &secret));
    let (_, digest) = KeyText::parse(text.expose()).ok_or_else(Problem::not_found)?;
    let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
    let created = KeyCreated { digest, scopes: scopes.clone(), expires_at, by: caller.actor.clone() };
    append(&shared, id, tenant.clone(), 0, KeyEvent::Created(created)).await?;
    let scopes = scopes.into_iter().map(Scope::as_str).collect();
    let created = CreatedKey { id, key: text.expose(), tenant: tenant.as_str(), scopes, expires_at };
    Ok(answer::json(StatusCode::CREATED, &created))
}

/// List keys.
///
/// Oldest first, revoked and expired ones included; never with their text.
#[utoipa::path(
    get, path = "/v1/keys", operation_id = "list_keys", tag = "keys",
    responses((status = 200, description = "All keys of the tenant", body = Data<KeyJson>)),
)]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let ring = shared.keys.ring();
    let seen = ring.list().into_iter().filter(|key| caller.sees(&key.tenant));
    answer::json(StatusCode::OK, &Data { data: seen.map(KeyJson::new).collect() })
}

/// Revoke a key.
///
/// It is refused from the moment this is answered. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", operation_id = "revoke_key", tag = "keys", params(("id" = String, Path, description = "`key_…`")),
    responses((status = 204, description = "It is good no longer")),
)]
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<KeyId>,
) -> Result<StatusCode, Problem> {
    let key = shared.keys.ring().get(id).filter(|key| caller.sees(&key.tenant)).cloned();
    let key = key.ok_or_else(Problem::not_found)?;
    if key.revoked_at.is_none() {
        let event = KeyEvent::Revoked { by: caller.actor.clone() };
        match append(&shared, id, key.tenant, key.version, event).await {
            // Only a revocation can have come first.
            Ok(()) | Err(LedgerError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn check(new: NewKey, caller: &Caller) -> Result<(Tenant, BTreeSet<Scope>, Option<Duration>), Problem> {
    let mut findings = Findings::default();
    let tenant = match new.tenant {
        None => Some(caller.submits_for()),
        Some(Parsed(Ok(tenant))) => Some(tenant),
        Some(Parsed(Err(invalid))) => {
            findings.add("tenant", "invalid_name", invalid.to_string());
            None
        }
    };
    let mut scopes = BTreeSet::new();
    for (index, scope) in new.scopes.kept.iter().enumerate() {
        match scope.parse() {
            Ok(scope) => {
                scopes.insert(scope);
            }
            Err(_) => {
                findings.add(
                    format!("scopes[{index}]"),
                    "unknown_value",
                    "one of: send, read, operate, admin",
                );
            }
        }
    }
    if new.scopes.count == 0 {
        findings.add("scopes", "required", "a key may do something: send, read, operate, admin");
    }
    let range = Duration::from_secs(60)..=Duration::from_secs(3650 * 86400);
    let lifetime =
        new.expires_after.and_then(|given| intake::span("expires_after", given, range, &mut findings));
    let (Some(tenant), []) = (tenant, &findings.0[..]) else { return Err(Problem::invalid(findings.0)) };
    if !caller.sees(&tenant) {
        let detail = "a key issues keys of its own tenant only";
        return Err(Problem::new(code::TENANT_FORBIDDEN, detail));
    }
    Ok((tenant, scopes, lifetime))
}

async fn append(
    shared: &Shared,
    id: KeyId,
    tenant: Tenant,
    version: u32,
    event: KeyEvent,
) -> Result<(), LedgerError> {
    let append = Append {
        stream: Stream::Key(id),
        tenant,
        at: shared.services.clock.now(),
        message_version: None,
        changes: Change::run(Ordinal::MESSAGE, version, [Event::Key(event)]),
    };
    shared.services.ledger.append(append).await.map(|_| ())
}

impl KeyJson {
    fn new(key: &Key) -> Self {
        Self {
            id: key.id,
            tenant: key.tenant.as_str().to_owned(),
            scopes: key.created.scopes.iter().copied().map(Scope::as_str).collect(),
            created_at: key.created_at,
            expires_at: key.created.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}
