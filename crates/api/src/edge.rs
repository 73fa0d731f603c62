//! What every request passes on its way in and every answer on its way out: an id, admission, a net under
//! panics, problems written out, security header fields, the access log.

use crate::access::{Access, access};
use crate::api::Shared;
use crate::caller::{Caller, Peer, bearer, unauthenticated};
use crate::limits;
use crate::listener::{NoRequest, Refusal, Refuse};
use crate::problem::{FieldError, Problem, code};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use postledger_core::id::Hex;
use postledger_core::key::Scope;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;

/// Which request it is, for problems written by a handler itself.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub id: Arc<str>,
    pub uri: Uri,
}

/// A page's own content security policy, put into the answer's extensions by who renders it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PagePolicy(pub &'static str);

/// The one call with parameters.
const LIST: &str = "/v1/messages";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn edge(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = RequestContext { id: request_id(&shared), uri: request.uri().clone() };
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    request.extensions_mut().insert(context.clone());

    let admitted = check_host(&request).and_then(|()| admit(&shared, route, &mut request));
    let mut response = match admitted {
        Err(problem) => problem.into_response(),
        Ok(()) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(request_id = %context.id, "a handler panicked");
                let detail = "this is a defect; the log names the request id";
                Problem::new(code::INTERNAL, detail).into_response()
            }
        },
    };
    write_problem(&mut response, &context);
    add_headers(&mut response, &context);
    log(&method, route, response.status(), started, &context);
    response
}

fn request_id(shared: &Shared) -> Arc<str> {
    let mut random = [0; 10];
    shared.services.entropy.fill(&mut random);
    format!("req_{}", Hex(&random)).into()
}

/// Problems for what is no request at all, and so passes nothing of the above.
pub(crate) fn refusals(shared: Arc<Shared>) -> Refuse {
    let bytes = shared.settings().limits.header_bytes;
    Arc::new(move |why| {
        let problem = no_request(why, bytes);
        let id = request_id(&shared);
        let body = serde_json::to_vec(&problem.answer("", &id)).unwrap_or_default();
        let fields = format!(
            "content-type: application/problem+json\r\n{REQUEST_ID}: {id}\r\nx-content-type-options: nosniff\r\n\
             cache-control: no-store\r\n"
        );
        let (status, code) = (problem.status, problem.code);
        tracing::info!(status = status.as_u16(), request_id = &*id, code, "request refused");
        Refusal { status, fields, body }
    })
}

fn no_request(why: NoRequest, header_bytes: usize) -> Problem {
    match why {
        NoRequest::Unreadable(414) => Problem::new(code::URI_TOO_LONG, "the path is too long"),
        NoRequest::Unreadable(431) => {
            let detail = format!(
                "the line and the header fields of a request are at most {} and 100 fields",
                limits::size(header_bytes)
            );
            Problem::new(code::HEADER_TOO_LARGE, detail)
        }
        NoRequest::Unreadable(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let detail = "the line or the header fields of the request are no HTTP/1.1";
            Problem::new(code::MALFORMED_REQUEST, detail).with_status(status)
        }
        NoRequest::Plaintext => {
            let detail =
                "this port speaks TLS: use https://. A key that was sent in the clear is to be replaced";
            Problem::new(code::TLS_REQUIRED, detail)
        }
        NoRequest::Stranger => {
            let detail = "this port takes connections of its proxy only";
            Problem::new(code::NOT_THE_PROXY, detail)
        }
    }
}

/// One `Host` with a host in it, as RFC 9112 3.2 demands, so that no two machines on the way read it differently.
fn check_host(request: &Request) -> Result<(), Problem> {
    let wrong = |why, detail: &str| {
        let mut problem = Problem::new(code::MALFORMED_REQUEST, format!("Host: {detail}"));
        problem.errors.push(FieldError { field: "Host".into(), code: why, detail: detail.into() });
        Err(problem)
    };
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => wrong("required", "a request in HTTP/1.1 names the host"),
        (Some(_), Some(_)) => wrong("duplicate_field", "a request names one host"),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => wrong("invalid_host", "a host name or an address, and a port after a colon"),
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 7.2), which may be empty.
fn is_host(host: &[u8]) -> bool {
    host.is_empty()
        || (!host.contains(&b'@')
            && Authority::try_from(host).is_ok_and(|authority| {
                let is_ported = authority.as_str().len() > authority.host().len();
                !is_ported || authority.port_u16().is_some()
            }))
}

/// Finds who calls and whether they may; leaves the [`Caller`] in the request.
fn admit(shared: &Shared, route: Option<&str>, request: &mut Request) -> Result<(), Problem> {
    let Some(route) = route else { return Err(Problem::not_found()) };
    let needs = access(request.method().as_str(), route).map_err(|allowed| {
        Problem::new(code::METHOD_NOT_ALLOWED, "this path has other methods: see Allow")
            .with_header(header::ALLOW, &allowed)
    })?;
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Remote);
    let scope = match needs {
        Access::Open => return Ok(()),
        Access::AdminUnlessLocal if peer == Peer::Loopback && !is_forwarded(request.headers()) => {
            return Ok(());
        }
        Access::AdminUnlessLocal => Scope::Admin,
        Access::Needs(scope) => scope,
    };
    let caller = match peer {
        Peer::Control => Caller::control(request.headers())?,
        Peer::Loopback | Peer::Remote => {
            let token = bearer(request.headers()).ok_or_else(unauthenticated)?;
            let now = shared.services.clock.now();
            shared.keys.ring().authenticate(token, now).map(Caller::holder).ok_or_else(unauthenticated)?
        }
    };
    if !caller.may(scope) {
        let detail = format!("this call needs a key with scope {scope}");
        return Err(Problem::new(code::SCOPE_MISSING, detail));
    }
    request.extensions_mut().insert(caller);
    // The list reads its own parameters.
    if route != LIST || request.method() == Method::POST {
        refuse_parameters(request.uri())?;
    }
    Ok(())
}

/// A parameter that is ignored would be one that seems to work.
fn refuse_parameters(uri: &Uri) -> Result<(), Problem> {
    let parameter = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).next();
    let Some((name, _)) = parameter else { return Ok(()) };
    let name: String = name.chars().filter(|c| !c.is_control()).take(76).collect();
    Err(Problem::invalid_field(name, "unknown_parameter", "this call has no parameters"))
}

/// Behind a proxy on this machine everybody comes from loopback.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
}

/// Writes the problem that a handler left, and makes one of every other error answer.
fn write_problem(response: &mut Response, context: &RequestContext) {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = match problem {
        Some(problem) => problem,
        None if status.is_client_error() || status.is_server_error() => {
            Problem::new(code::HTTP_ERROR, status.canonical_reason().unwrap_or("error")).with_status(status)
        }
        None => return,
    };
    let answer = problem.answer(context.uri.path(), &context.id);
    // Strings and numbers only: this cannot fail, and an empty body would still carry the status.
    *response.body_mut() = Body::from(serde_json::to_vec(&answer).unwrap_or_default());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    let media_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
}

fn add_headers(response: &mut Response, context: &RequestContext) {
    let policy = response.extensions_mut().remove::<PagePolicy>();
    let policy = policy.map_or("default-src 'none'; frame-ancestors 'none'; sandbox", |policy| policy.0);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&context.id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Method, route, status, time: nothing that tells whose mail it was. The path of no route is a stranger's text.
fn log(method: &Method, route: Option<&str>, status: StatusCode, started: Instant, context: &RequestContext) {
    let (route, request_id) = (route.unwrap_or("-"), &*context.id);
    let (status, us) = (status.as_u16(), started.elapsed().as_micros());
    if status < 400 {
        tracing::debug!(%method, route, status, us, request_id, "request");
    } else {
        tracing::info!(%method, route, status, us, request_id, "request");
    }
}
