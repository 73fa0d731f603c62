//! The API's description (OpenAPI 3.1), made of the handlers and of the table of calls.

use crate::access::{Access, CALLS};
use crate::api::Shared;
use crate::problem::{FieldError, ProblemAnswer, code};
use crate::{explain, health, key_calls, messages, operate, pages, relays};
use postledger_core::key::Scope;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, Ref, RefOr, ResponseBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The words above the reference.
const DESCRIPTION: &str = "\
Durable transactional mail: what is answered with 202 is in the ledger, is delivered by SMTP, and its history can be read.

* `Authorization: Bearer plk_…` with a key of `postledger key create`.
* JSON in and out, UTF-8, snake_case. Times are RFC 3339 in UTC, durations a whole number with `s`, `m`, `h` or `d`.
* Unknown fields and parameters are refused by name.
* Every error is `application/problem+json` (RFC 9457) with a stable `code`; `errors` names each wrong field. 503 and 507
  carry `Retry-After`, and nothing was stored. A foreign or unknown id is the same 404.
* Every answer has an `X-Request-Id`, made by the service: one that a request brings is not looked at.
* Limits, where the configuration (`[server.limits]`) says nothing else: body 40 MiB, attachments 18 MiB together before
  encoding, message 25 MiB rendered, 50 recipients, 500 messages per batch, header of a request 16 KiB and 15 s, body
  60 s.";

/// What is described beside the handlers.
#[derive(OpenApi)]
#[openapi(
    info(title = "Postledger"),
    components(schemas(ProblemAnswer<'static>, FieldError)),
    tags(
        (name = "messages", description = "Submit, read and steer messages"),
        (name = "deliveries", description = "One message to one recipient"),
        (name = "keys", description = "API keys"),
        (name = "service", description = "The service itself"),
        (name = "dev", description = "The development mailbox, in `dev` and `demo` only"),
    ),
)]
struct Description;

/// Every route with its description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(messages::submit::submit, messages::list::list))
        .routes(routes!(messages::batch::submit))
        .routes(routes!(messages::read::show, operate::calls::reschedule_message))
        .routes(routes!(messages::read::events))
        .routes(routes!(messages::read::content))
        .routes(routes!(messages::read::delivery_content))
        .routes(routes!(operate::calls::cancel_message))
        .routes(routes!(operate::calls::hold_message))
        .routes(routes!(operate::calls::release_message))
        .routes(routes!(operate::calls::redrive_message))
        .routes(routes!(operate::calls::cancel_delivery))
        .routes(routes!(operate::calls::hold_delivery))
        .routes(routes!(operate::calls::release_delivery))
        .routes(routes!(operate::calls::redrive_delivery))
        .routes(routes!(operate::calls::resolve_delivery))
        .routes(routes!(key_calls::create, key_calls::list))
        .routes(routes!(key_calls::revoke))
        .routes(routes!(explain::explain))
        .routes(routes!(relays::list))
        .routes(routes!(relays::drill::begin, relays::drill::end))
        .routes(routes!(relays::drill::probe))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(pages::mailbox::list))
        .routes(routes!(pages::mailbox::show))
        .routes(routes!(pages::openapi))
        .merge(pages::undescribed())
}

/// The description as JSON: the same for every service of this version.
pub fn openapi_json() -> String {
    let mut document = routes().into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let codes = format!("{}\n{}", code::table(), code::table_of_fields());
    document.info.description = Some(format!("{DESCRIPTION}\n\n## Codes\n\n{codes}"));
    let components = document.components.get_or_insert_default();
    if let Some(RefOr::T(Schema::Object(queued))) = components.schemas.get_mut("Queued") {
        // Its fields stand flat in events, and only in those of one kind.
        queued.required.clear();
    }
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("An API key: plk_…".to_owned());
    components.add_security_scheme("key", SecurityScheme::Http(scheme));
    for (method, path, access) in CALLS {
        if let Some(operation) = operation(&mut document, method, path) {
            describe(operation, *access);
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn operation<'a>(document: &'a mut Document, method: &str, path: &str) -> Option<&'a mut Operation> {
    let PathItem { get, post, patch, delete, .. } = document.paths.paths.get_mut(path)?;
    match method {
        "GET" => get.as_mut(),
        "POST" => post.as_mut(),
        "PATCH" => patch.as_mut(),
        _ => delete.as_mut(),
    }
}

/// What every call can answer beside its own: from its access and its shape.
fn describe(operation: &mut Operation, access: Access) {
    let scope = match access {
        Access::Open => None,
        Access::AdminUnlessLocal => Some(Scope::Admin),
        Access::Needs(scope) => Some(scope),
    };
    let mut add = |status: &str, text: &str| {
        let problem = Ref::from_schema_name("Problem");
        let responses = &mut operation.responses.responses;
        let response = responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(text).build()));
        if let RefOr::T(response) = response {
            let content = ContentBuilder::new().schema(Some(problem)).build();
            response.content.entry("application/problem+json".to_owned()).or_insert(RefOr::T(content));
        }
    };
    if let Some(scope) = scope {
        add("401", "`unauthenticated`: no key, or one that is unknown, revoked or expired");
        add("403", &format!("`scope_missing`: the key has not the scope `{scope}`"));
        add("503", "`busy`, `contended`, `ledger_stopped`, `views_rebuilding`: see Retry-After");
    }
    if scope.is_some() && !matches!(access, Access::AdminUnlessLocal) {
        add("422", "`invalid_request` and others: errors name each field or parameter");
    }
    if operation.request_body.is_some() {
        add("400", "`invalid_json`, `body_incomplete`");
        add("408", "`body_timeout`");
        add("413", "`body_too_large`");
        add("415", "`unsupported_media_type`, `unsupported_encoding`");
        add("507", "`disk_full`: see Retry-After");
    }
    let is_of_path = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path);
    if operation.parameters.iter().flatten().any(is_of_path) {
        add("404", "`not_found`: unknown, or another tenant's");
    }
    if let Some(scope) = scope {
        operation.security = Some(vec![SecurityRequirement::new("key", [scope.as_str()])]);
    }
    // Problems that a handler describes itself have the same shape.
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.entry("application/problem+json".to_owned()).or_insert(RefOr::T(content));
        }
    }
}
