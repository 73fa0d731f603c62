//! `/dev/mailbox`: the mail that the development mailbox caught.

use super::PAGE_POLICY;
use crate::answer::{self, Data};
use crate::api::Shared;
use crate::edge::PagePolicy;
use crate::mailbox::{Caught, Mailbox};
use crate::path_id::PathId;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde::Serialize;
use std::fmt::{self, Write};
use std::sync::Arc;
use utoipa::ToSchema;

/// A caught message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Caught)]
pub(crate) struct CaughtJson<'a> {
    /// From 1, in order of arrival: the `n` of `/dev/mailbox/{n}`.
    number: u64,
    /// The envelope's sender; empty for a bounce.
    from: &'a str,
    /// The envelope's recipients.
    to: &'a [String],
    /// The subject, decoded.
    subject: Option<String>,
    /// The value of the header field Message-ID.
    message_id: Option<String>,
    /// Bytes.
    size: usize,
    /// True where the connection was closed after the dot without an answer.
    unanswered: bool,
}

/// List caught mail.
///
/// Newest first, the last 1,000 messages or 64 MiB; JSON if `Accept` asks for it, else a page. Local parts that begin with
/// `reject`, `defer` (every other try) or `drop` (no answer after the dot) make it misbehave.
#[utoipa::path(
    get, path = "/dev/mailbox", operation_id = "list_caught", tag = "dev",
    responses(
        (status = 200, description = "What was caught", content(
            (Data<CaughtJson<'static>> = "application/json"), (String = "text/html"),
        )),
        (status = 404, description = "`not_found`: there is no mailbox here"),
    ),
)]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let newest = mailbox(&shared)?.newest();
    if accepts(&headers, "json") {
        let data = newest.iter().map(|caught| CaughtJson::new(caught)).collect();
        return Ok(answer::json(StatusCode::OK, &Data { data }));
    }
    let mut response = answer::bytes(StatusCode::OK, "text/html; charset=utf-8", page(&newest));
    response.extensions_mut().insert(PagePolicy(PAGE_POLICY));
    Ok(response)
}

/// Read a caught message.
///
/// Browsers, which would only save it, are given the same bytes as plain text.
#[utoipa::path(
    get, path = "/dev/mailbox/{n}", operation_id = "show_caught", tag = "dev", params(("n" = u64, Path, description = "Its number")),
    responses((status = 200, description = "The bytes as they came in", body = Vec<u8>, content_type = "message/rfc822")),
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    PathId(number): PathId<u64>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let caught = mailbox(&shared)?.message(number).ok_or_else(Problem::not_found)?;
    let media_type =
        if accepts(&headers, "text/html") { "text/plain; charset=utf-8" } else { "message/rfc822" };
    Ok(answer::bytes(StatusCode::OK, media_type, caught.bytes.clone()))
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains(kind)))
}

fn mailbox(shared: &Shared) -> Result<&Mailbox, Problem> {
    shared.services.mailbox.as_deref().ok_or_else(Problem::not_found)
}

impl<'a> CaughtJson<'a> {
    fn new(caught: &'a Caught) -> Self {
        Self {
            number: caught.number,
            from: &caught.from,
            to: &caught.to,
            subject: caught.header("Subject"),
            message_id: caught.header("Message-ID"),
            size: caught.bytes.len(),
            unanswered: caught.is_unanswered,
        }
    }
}

fn page(newest: &[Arc<Caught>]) -> String {
    let mut rows = String::new();
    for caught in newest {
        let subject = caught.header("Subject").unwrap_or_default();
        let note = if caught.is_unanswered { " <span class=note>left without an answer</span>" } else { "" };
        // Writing to a string does not fail.
        let _ = writeln!(
            rows,
            "<tr><td><a href=\"/dev/mailbox/{0}\">{0}</a><td>{1}{note}<td>{2}<td>{3}<td>{4}",
            caught.number,
            Escaped(if subject.is_empty() { "(no subject)" } else { &subject }),
            Escaped(&caught.from),
            Escaped(&caught.to.join(", ")),
            Escaped(&caught.header("Date").unwrap_or_default()),
        );
    }
    let empty = "<tr><td colspan=5>No mail yet. Submit a message, then load this page again.";
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Mailbox</title>\
         <meta name=viewport content=\"width=device-width\"><link rel=stylesheet href=\"/page.css\">\
         <h1>Mailbox</h1><p>{} caught. Nothing leaves this machine. Addresses that begin with <code>reject</code>, \
         <code>defer</code> or <code>drop</code> show what else can happen to mail.</p>\
         <table><tr><th>#<th>Subject<th>From<th>To<th>Date\n{}</table></html>",
        newest.len(),
        if rows.is_empty() { empty } else { &rows },
    )
}

/// Text that stands in HTML as text.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}
